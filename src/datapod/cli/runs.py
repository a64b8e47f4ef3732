"""Looking after runs from the command line: their state, their output, stopping them, bringing back a login code.

Source: plugin-sdk.md, 16.2.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from datapod.states import FINAL_STATES, RUN_ABORTED, RUN_USER_ACTION_COMPLETED

if TYPE_CHECKING:
    from datapod.client import PodClient


def owner_client() -> PodClient:
    """A client with the keys of the key file, for the default address; prints nothing."""
    from datapod.client import PodClient
    from datapod.keyfile import key_file_path, read_keys

    keys = read_keys(key_file_path())
    if keys is None:
        raise SystemExit(f"Key file {key_file_path()} does not exist. Create one: datapod keys store")
    return PodClient(database_key=keys.database_key, owner_key=keys.owner_key)


def list_runs(client: PodClient, ids: list[str]) -> list[Any]:
    """Runs of the pod, newest last; only those of `ids` if there are any."""
    found = client.search({"ids": ids} if ids else {"type": "PluginRun"}, include_edges=False)
    return [run for run in found if type(run).__name__ == "PluginRun"]


def abort_run(client: PodClient, run_id: str, timeout_seconds: float = 20) -> str | None:
    """Ask a run to stop, and wait until the pod says that it has; the status it has then."""
    run: Any = client.get(run_id, expanded=False)
    if run.status not in FINAL_STATES:
        run.status = RUN_ABORTED
        client.update_item(run)
    deadline = time.monotonic() + timeout_seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        state = (client.plugin_status([run_id]) or {}).get(run_id, {}).get("status")
        if state in (None, "unreachable", *FINAL_STATES):
            break
        pause.wait(0.2)
    return str(client.refresh(run).status)


def follow_log(client: PodClient, run_id: str, follow: bool) -> None:
    """Print what a run has printed; with `follow` until it is over."""
    printed = 0
    pause = threading.Event()
    while True:
        run: Any = client.api.get_item(run_id)
        text = client.plugin_log(run_id)
        print(text[printed:], end="", flush=True)
        printed = len(text)
        if not follow or not run or run[0].get("status") in FINAL_STATES:
            return
        pause.wait(1.0)


def enter_code(client: PodClient, run_id: str, code: str) -> None:
    """The front end's part of OAuth: the account's code first, then the run's status."""
    run: Any = client.get(run_id)
    if not run.account:
        raise SystemExit(f"Run {run_id} has no account")
    account = run.account[0]
    account.code = code
    run.status = RUN_USER_ACTION_COMPLETED
    if not (client.update_item(account) and client.update_item(run)):
        raise SystemExit(f"The code could not be written: {client.last_error}")

"""Looking after runs from the command line: their state, their output, stopping them, bringing back a login code.

Source: plugin-sdk.md, 16.2.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
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


def describe_runs(client: PodClient, ids: list[str]) -> list[dict[str, Any]]:
    """What `plugin/runs` tells, newest first; then the runs that the pod did not start itself, with what their items tell."""
    described = client.plugin_runs(ids or None)
    known = {run["id"] for run in described}
    for run in reversed(list_runs(client, ids)):
        if run.id not in known:
            plugin = ".".join(part for part in (run.pluginModule, run.pluginName) if part)
            told = {"id": run.id, "plugin": plugin, "status": run.status, "error": run.error}
            described.append({name: value for name, value in told.items() if value})
    return described


def table_of_runs(described: list[dict[str, Any]]) -> list[str]:
    """Lines with a heading and one run each."""
    lines = [("RUN", "PLUGIN", "STATUS", "RIGHTS", "STARTED", "NEXT", "LAST", "MISSED", "FAILED", "")]
    for run in described:
        permissions = run.get("permissions", "")
        remark = "needs login" if run.get("needsLogin") else str(run.get("error", ""))
        counts = (str(run.get("missed", "")), str(run.get("failed", "")))
        name = run.get("plugin") or run.get("containerImage", "")
        times = (_moment(run.get("started")), _moment(run.get("next")))
        lines.append(
            (
                run["id"],
                name,
                str(run.get("status", "")),
                permissions if isinstance(permissions, str) else "narrowed",
                *times,
                run.get("last", ""),
                *counts,
                remark,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def await_end(client: PodClient, run_id: str) -> str:
    """Wait until the status of a run is final; that status."""
    pause = threading.Event()
    while True:
        found = client.api.get_item(run_id)
        status = found[0].get("status") if found and not found[0].get("deleted") else RUN_ABORTED
        if status in FINAL_STATES:
            return str(status)
        pause.wait(0.5)


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


def _moment(ms: int | None) -> str:
    return "" if ms is None else datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")

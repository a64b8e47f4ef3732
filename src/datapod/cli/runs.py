"""Looking after runs from the command line: their state, their output, stopping them, bringing back a login code.

Source: plugin-sdk.md, 16.2.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from datapod.errors import PodError
from datapod.states import FINAL_STATES, RUN_ABORTED, RUN_USER_ACTION_COMPLETED

if TYPE_CHECKING:
    from datapod.client import PodClient

_OVERLAP = 4096
"""Characters by which two readings of a log are laid together."""


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


def abort_run(client: PodClient, run_id: str, timeout_seconds: float = 30) -> str:
    """Ask a run to stop, end its schedule, and wait until nothing of it is alive any more; the status it has then.

    Raises:
        SystemExit: There is no such run, the pod does not let it be aborted, or it is still alive after the time.
    """
    run = _find_run(client, run_id)
    if run is None:
        raise SystemExit(f"There is no plugin run {run_id}")
    # One that has ended stays as it is, unless its schedule would go on.
    if run.get("status") not in FINAL_STATES or run.get("pluginSchedule") is not None:
        client.api.update_item({"id": run_id, "status": RUN_ABORTED})
    deadline = time.monotonic() + timeout_seconds
    pause = threading.Event()
    while client.api.plugin_status([run_id])["plugins"][run_id]["status"] != "unreachable":
        if time.monotonic() > deadline:
            raise SystemExit(f"The plugin run {run_id} was told to stop, but is still alive after {timeout_seconds:g} seconds")
        pause.wait(0.2)
    return str((_find_run(client, run_id) or run).get("status", ""))


def follow_log(client: PodClient, run_id: str, follow: bool) -> None:
    """Print what a run has printed; with `follow` until it has ended and is not to be started again. Raises `PodError`."""
    printed = ""
    pause = threading.Event()
    while True:
        over = not follow or _has_ended(client, run_id)  # asked first, so that the last lines are read
        try:
            text = client.plugin_log(run_id)
        except PodError as error:
            if over or error.status != HTTPStatus.NOT_FOUND:
                raise
            text = ""  # it is about to be started
        print(new_part(printed, text), end="", flush=True)
        printed = text or printed
        if over:
            return
        pause.wait(1.0)


def new_part(printed: str, text: str) -> str:
    """What a log has gained. The pod keeps its newest part only, so its beginning may be gone.

    >>> new_part("one two ", "one two three"), new_part("one two ", "two three"), new_part("one ", "far later")
    ('three', 'three', 'far later')
    """
    if text.startswith(printed):
        return text[len(printed) :]
    for length in (_OVERLAP, _OVERLAP // 16):
        place = text.rfind(printed[-length:])
        if place >= 0:
            return text[place + len(printed[-length:]) :]
    overlap = next((length for length in range(min(len(printed), _OVERLAP), 0, -1) if text.startswith(printed[-length:])), 0)
    return text[overlap:]


def _has_ended(client: PodClient, run_id: str) -> bool:
    described = client.plugin_runs([run_id])
    return not described or "ended" in described[0] or "started" not in described[0]


def _find_run(client: PodClient, run_id: str) -> dict[str, Any] | None:
    return next((item for item in client.api.get_item(run_id) if item["type"] == "PluginRun" and not item["deleted"]), None)


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

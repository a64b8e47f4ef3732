"""What plugin runs printed. Source: pod-protocol.md, 15.4."""

from __future__ import annotations

from datapod_server.api.v4.envelope import Asked
from datapod_server.errors import NotFound


def get_log(asked: Asked, run_id: str) -> dict[str, str]:
    """The newest 1 MiB of standard output and error of a run, also while it is alive. Raises `NotFound` if nothing of it is kept."""
    output = asked.pod.runners.output(run_id)
    if output is None:
        raise NotFound(f"No output of a plugin run {run_id} is kept")
    return {"logs": output.decode(errors="replace")}

"""What plugin runs printed. Source: pod-protocol.md, 15.4."""

from __future__ import annotations

from datapod_server.api.v4.envelope import Asked
from datapod_server.errors import NotFound


def get_log(asked: Asked, run_id: str) -> dict[str, str]:
    """The newest 1 MiB of standard output and error of a run, also while it is alive.

    Raises:
        NotFound: Nothing of it is kept, or somebody with narrowed rights asks for what another run printed. Source: 23.7.
    """
    principal = asked.principal
    allowed = principal.rights is None or principal.run_id == run_id
    output = asked.pod.runners.output(run_id) if allowed else None
    if output is None:
        raise NotFound(f"No output of a plugin run {run_id} is kept")
    return {"logs": output.decode(errors="replace")}

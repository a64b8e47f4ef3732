"""One script: a process of its own, gone after its answer. Source: python-runtime.md, 4, 14.3; rest-api.md, 7.5."""

from __future__ import annotations

from typing import Any

from datapod_server.messages import Response
from datapod_server.workers.outcome import Outcome, encode_output

_CONTEXT = ["Running python script", "Executing Python script"]
_TYPES = {"time-limit": "datapod.TimeLimit", "memory-limit": "datapod.MemoryLimit"}


def script_answer(outcome: Outcome) -> Response:
    """The answer to a run request: the output object, bare unless the process died."""
    output = outcome.output(by_time=True)
    if outcome.death is None:
        return Response.json(encode_output(_with_aliases(output)), outcome.status)
    text = outcome.death.text("The script's process")
    if outcome.death.kind == "worker-died":
        text += " before the script ended"
    output["exception"] = {"context": _CONTEXT, "message": text, "type": _TYPES.get(outcome.death.kind, "datapod.WorkerDied")}
    output |= {"error": text, "httpCode": outcome.status, "details": outcome.death.details()}
    return Response.json(encode_output(output), outcome.status)


def _with_aliases(output: dict[str, Any]) -> dict[str, Any]:
    """What notebook magics of old clients read: `out` (as `logs`) and `return` (as `result`); absent when empty, like those."""
    if "logs" in output:
        output["out"] = [[entry["ts"], entry["s"], entry.get("c", "")] for entry in output["logs"]]
    if "result" in output:
        output["return"] = output["result"]
    return output

"""What a run left: its answer and output, or how its process ended. Source: python-runtime.md, 3.1, 14.3."""

from __future__ import annotations

import signal
from typing import Any

import msgspec
from msgspec import Raw, Struct

from datapod_server.values.timestamp import format_seconds

_JSON = msgspec.json.Encoder(order="sorted")


class Entry(Struct, frozen=True):
    """One piece of captured output; `seconds` is the time in the code."""

    seconds: float
    stream: str
    text: str

    def shown(self) -> dict[str, str]:
        shown = {"ts": format_seconds(self.seconds), "s": self.stream}
        return {**shown, "c": self.text} if self.text else shown


class Death(Struct, frozen=True):
    """How a worker ended in the middle of a call.

    Attributes:
        kind: `worker-died`, `time-limit`, `memory-limit`, `process-limit` or `cancelled`.
        status: Exit status; negative for a signal.
        limit: Name of the time limit.
    """

    kind: str
    status: int = 0
    limit: str = ""
    seconds: float = 0.0

    @property
    def http_status(self) -> int:
        return 504 if self.kind in ("time-limit", "cancelled") else 500

    def details(self) -> dict[str, Any]:
        if self.kind == "time-limit":
            return {"kind": self.kind, "limit": self.limit, "seconds": self.seconds}
        if self.kind != "worker-died":
            return {"kind": self.kind}
        return {"kind": self.kind, "signal": _signal_name(self.status)} if self.status < 0 else {"kind": self.kind, "exitCode": self.status}

    def text(self, what: str) -> str:
        """`what` as in `The script's process`."""
        match self.kind:
            case "time-limit":
                return f"{what} ran into its time limit ({self.limit}: {self.seconds:g} s)"
            case "memory-limit":
                return f"{what} ran into its memory limit"
            case "process-limit":
                return f"{what} started too many processes"
            case "cancelled":
                return f"{what} was cancelled"
            case _ if self.status < 0:
                return f"{what} died ({_signal_name(self.status)})"
            case _:
                return f"{what} exited with code {self.status}"


class Outcome(Struct, frozen=True):
    """What one run left.

    Attributes:
        result: JSON text of the returned value; empty for none.
        failure: JSON text of the exception object; empty for none.
        missing: A route that returned nothing.
        death: Set if the process ended, or was ended, before the run did.
    """

    status: int
    result: bytes
    failure: bytes
    entries: tuple[Entry, ...]
    body: bytes | None = None
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    missing: bool = False
    death: Death | None = None

    def output(self, *, by_time: bool) -> dict[str, Any]:
        """The output object; empty members are left out. Scripts order by time, plugins put what was printed before what was logged."""
        if by_time:
            entries = sorted(self.entries, key=lambda entry: (entry.seconds, entry.stream))
        else:
            entries = sorted(self.entries, key=lambda entry: entry.stream == "log")
        shown: dict[str, Any] = {}
        if self.failure:
            shown["exception"] = Raw(self.failure)
        if entries:
            shown["logs"] = [entry.shown() for entry in entries]
        if self.result and not self.failure and self.result != b"null":
            shown["result"] = Raw(self.result)
        return shown


def encode_output(output: dict[str, Any]) -> bytes:
    """Compact JSON with sorted keys."""
    return _JSON.encode(output)


def _signal_name(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"

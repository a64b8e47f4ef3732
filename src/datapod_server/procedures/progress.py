"""Progress of a run, in the shapes of rest-api.md, 4.5; told at most every third of a second, and at every change of step."""

from __future__ import annotations

import datetime
import time
from typing import Any

from datapod_server.messages import Report

_PAUSE_SECONDS = 0.3


def now_text() -> str:
    """Now, in UTC, with as many decimals as needed."""
    text = datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"


class Counter:
    """The single-step shape: one step that counts."""

    def __init__(self, report: Report, name: str, kind: str) -> None:
        self._report = report
        self._step: dict[str, Any] = {"name": name, "type": kind, "started": now_text(), "value": 0}
        self._told = 0.0
        self._tell()

    def advance(self, value: int) -> None:
        """Set the count; told if it is time."""
        self._step["value"] = value
        if time.monotonic() - self._told >= _PAUSE_SECONDS:
            self._tell()

    def finish(self) -> None:
        self._step["ended"] = now_text()
        self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        self._report(dict(self._step))


class Steps:
    """The list shape: steps of type `percentile`, run one after the other."""

    def __init__(self, report: Report, *names: str) -> None:
        self._report = report
        self._steps: list[dict[str, Any]] = [{"name": name, "type": "percentile", "value": 0} for name in names]
        self._current = -1
        self._told = 0.0

    def start_next(self) -> None:
        """End the running step and start the one behind it."""
        self._end_current()
        self._current += 1
        self._steps[self._current]["started"] = now_text()
        self._tell()

    def advance(self, share: float) -> None:
        """Set the share done of the running step, from 0 to 1; told if it is time."""
        step = self._steps[self._current]
        step["value"] = max(step["value"], min(share, 1.0))
        if time.monotonic() - self._told >= _PAUSE_SECONDS:
            self._tell()

    def finish(self) -> None:
        self._end_current()
        self._tell()

    def _end_current(self) -> None:
        if self._current >= 0:
            self._steps[self._current] |= {"ended": now_text(), "value": 1}

    def _tell(self) -> None:
        self._told = time.monotonic()
        self._report({"steps": [dict(step) for step in self._steps]})

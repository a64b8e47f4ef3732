"""Which runs are started again after their end, and after how long. Source: pod-protocol.md, 14.7."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from datapod_server.errors import Invalid
from datapod_server.runners.backend import Exit
from datapod_server.runners.states import FINAL

NEVER, ON_FAILURE, ALWAYS = "never", "on-failure", "always"
_POLICIES = (NEVER, ON_FAILURE, ALWAYS)
_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
_LONG_LIFE_SECONDS = 600.0


class Restarts:
    """Which runs wait for their next start, and until when. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._starting: set[str] = set()

    def add(self, run_id: str, life_seconds: float) -> None:
        """It has ended after that long a life, and is to be started again."""
        with self._lock:
            self._pauses[run_id] = pause_seconds(self._pauses.get(run_id, 0.0), life_seconds)
            self._due[run_id] = self._clock() + self._pauses[run_id]
            self._starting.discard(run_id)

    def take_due(self) -> list[str]:
        """The runs whose pause is over. Each is to be reported as `started`, or forgotten."""
        with self._lock:
            now = self._clock()
            due = [run_id for run_id, moment in self._due.items() if moment <= now]
            for run_id in due:
                del self._due[run_id]
                self._starting.add(run_id)
            return due

    def started(self, run_id: str) -> None:
        """It is alive; its next pause is longer, unless it lives long."""
        with self._lock:
            self._starting.discard(run_id)

    def forget(self, run_id: str) -> None:
        """It is not started again."""
        with self._lock:
            for gone in (self._due, self._pauses):
                gone.pop(run_id, None)
            self._starting.discard(run_id)

    def waiting(self) -> bool:
        """Whether any run is about to be started again."""
        with self._lock:
            return bool(self._due or self._starting)

    def awaits(self, run_id: str) -> bool:
        """Whether this run is about to be started again."""
        with self._lock:
            return run_id in self._due or run_id in self._starting

    def seconds_to_next(self) -> float | None:
        """Until the next pause is over; None if none is under way."""
        with self._lock:
            return min(self._due.values()) - self._clock() if self._due else None


def check_policy(value: Any) -> None:
    """Raises `Invalid` for a `pluginRestart` of another form; None stands for `never`."""
    if value is not None and value not in _POLICIES:
        raise Invalid(f"pluginRestart must be one of {', '.join(_POLICIES)}")


def starts_again(item: Mapping[str, Any] | None, end: Exit | None, error: str) -> bool:
    """Whether a run that has ended is started again.

    Args:
        item: The run as it is stored now; None if it was deleted.
        error: Why the server ended it; empty if it ended by itself.
    """
    if item is None or item.get("status") == "aborted":
        return False
    policy = item.get("pluginRestart")
    return policy == ALWAYS or (policy == ON_FAILURE and not _succeeded(item, end, error))


def pause_seconds(previous_seconds: float, life_seconds: float) -> float:
    """How long to wait before the next start; `previous_seconds` is 0 before the first one.

    >>> pause_seconds(0, 3), pause_seconds(64, 3), pause_seconds(256, 3), pause_seconds(256, 601)
    (1.0, 128, 300.0, 1.0)
    """
    if previous_seconds == 0 or life_seconds >= _LONG_LIFE_SECONDS:
        return _FIRST_SECONDS
    return min(previous_seconds * 2, _LONGEST_SECONDS)


def _succeeded(item: Mapping[str, Any], end: Exit | None, error: str) -> bool:
    status = item.get("status")
    if status in FINAL:
        return bool(status == "done")
    return not error and end is not None and end.succeeded

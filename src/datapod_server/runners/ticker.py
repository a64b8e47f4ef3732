"""One thread per pod that looks at what may be due, and sleeps in between."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("datapod.runners")

LONGEST_SLEEP_SECONDS = 30.0
"""A computer that slept, or whose clock was set, is noticed after this time at the latest."""
_AFTER_A_FAILURE_SECONDS = 5.0

Tick = Callable[[], float | None]
"""Does what is due; answers in how many seconds the next thing is, None if there is nothing to wait for."""


class Ticker:
    """Calls `tick` again when the time that it asked for is over, or when it is woken. The thread starts with the first waking."""

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._changed = threading.Condition()
        self._woken = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Something may be due earlier than was known."""
        with self._changed:
            if self._closed:
                return
            self._woken = True
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="run ticker", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Return when the last call of `tick` is over. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _work(self) -> None:
        pause: float | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._woken or self._closed, pause)
                if self._closed:
                    return
                self._woken = False
            try:
                pause = self._tick()
            except Exception:
                # A full disk or a busy database must not end all schedules of a pod.
                log.exception("looking for due plugin runs failed")
                pause = _AFTER_A_FAILURE_SECONDS
            if pause is not None:
                pause = min(max(0.0, pause), LONGEST_SLEEP_SECONDS)

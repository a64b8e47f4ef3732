"""One started run from its start to its last state. Source: pod-protocol.md, 14.7.

A plugin reports for itself; the server steps in where it cannot. Life of a run here: starting ─ alive ─ (asked to end ─ killed) ─
ended ─ settled. The token dies before the last state is written: who sees a run as ended finds its credentials useless.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from datapod_server.runners.backend import Backend, Exit, Launch, Running, StartFailed
from datapod_server.runners.output import OutputTail
from datapod_server.runners.records import RunRecords
from datapod_server.runners.restarts import starts_again
from datapod_server.runners.settings import RunnerSettings
from datapod_server.runners.states import FINAL, IDLE, WAITS_FOR_ITS_OWNER

log = logging.getLogger("datapod.runners")

_NOTHING_TO_WRITE = ""


class RunItems(Protocol):
    """How supervision sees the `PluginRun` items of a pod."""

    def find_run(self, run_id: str) -> Mapping[str, Any] | None:
        """The item's properties; None if it is not there or deleted."""
        ...

    def update_run(self, run_id: str, properties: Mapping[str, str | int | None]) -> None:
        """Write like a client would: dates change, other properties stay. Names that the schema does not know are left out."""
        ...


class Patience(Struct, frozen=True):
    """How long the server waits for a run, in seconds."""

    look: float = 0.25  # between two looks at the run's item
    after_abort: float = 15.0  # for a plugin to end itself
    after_report: float = 600.0  # for one that has written `done` or `error`
    after_terminate: float = 5.0  # between asking and killing


class Supervision:
    """Starts one run in a thread of its own, watches it and writes its last state."""

    def __init__(
        self,
        launch: Launch,
        backend: Backend,
        *,
        items: RunItems,
        records: RunRecords,
        end_token: Callable[[], None],
        settings: RunnerSettings,
        patience: Patience,
        earlier_output: bytes = b"",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.launch = launch
        self.output = OutputTail()
        self.output.append(earlier_output)
        self.again = False
        self.life_seconds = 0.0
        self._backend = backend
        self._items = items
        self._records = records
        self._end_token = end_token
        self._settings = settings
        self._patience = patience
        self._clock = clock
        self._running: Running | None = None
        self._stop_reason: str | None = None
        self._waiting_for: tuple[str, float] | None = None
        self._latest_state: str | None = None
        self._thread = threading.Thread(target=self._live, name=f"run {launch.run_id[:8]}", daemon=True)

    def start(self, on_end: Callable[[], None]) -> None:
        """Return at once; `on_end` is called in the run's thread when everything is written, and `again` and `life_seconds` are known."""
        self._on_end = on_end
        self._thread.start()

    def stop(self, reason: str) -> None:
        """Have the run ended; `reason` becomes its `error` unless it reached a final state by itself."""
        self._stop_reason = reason

    def host(self) -> str | None:
        """Where its web server can be reached; None before the start. Any thread may ask."""
        return None if self._running is None else self._running.host()

    def join(self) -> None:
        """Wait until the run has ended and its last state is written."""
        self._thread.join()

    def _live(self) -> None:
        end: Exit | None = None
        error = _NOTHING_TO_WRITE
        started = self._clock()
        try:
            self._running = running = self._backend.start(self.launch, self.output.append)
            try:
                end, error = self._watch(running)
            finally:
                running.kill()
                running.cleanup()
        except StartFailed as failure:
            error = str(failure)
        except Exception:
            # Whatever goes wrong in watching a foreign program must not leave its run without an end.
            log.exception("watching the plugin run %s failed", self.launch.run_id)
            error = "The plugin could not be watched; the server's log says why"
        finally:
            self.life_seconds = self._clock() - started
            self._end_token()
            self._settle(end, error)
            self._on_end()

    def _watch(self, running: Running) -> tuple[Exit, str]:
        """Wait for the end; returns it with the text for `error`, which is empty unless the server brought the end about."""
        started = self._clock()
        error: str | None = None
        kill_at = 0.0
        while (end := running.wait(self._patience.look)) is None:
            now = self._clock()
            if error is None:
                error = self._reason_to_end(running, now, now - started)
                if error is not None:
                    running.terminate()
                    kill_at = now + self._patience.after_terminate
            elif now >= kill_at:
                running.kill()
        return end, error or _NOTHING_TO_WRITE

    def _reason_to_end(self, running: Running, now: float, age_seconds: float) -> str | None:
        """Why the run has to end now, as the text for its `error` (empty: its state stays as it is); None to let it live."""
        limits = self._settings
        if self._stop_reason is not None:
            return self._stop_reason
        if limits.max_seconds and age_seconds > limits.max_seconds:
            return f"The plugin reached the limit of {limits.max_seconds:g} seconds"
        if limits.max_memory_mb and running.memory_mb() > limits.max_memory_mb:
            return f"The plugin reached the limit of {limits.max_memory_mb:g} MiB of memory"
        return _NOTHING_TO_WRITE if self._has_overstayed(now) else None

    def _has_overstayed(self, now: float) -> bool:
        """Whether the run's item says that it should be gone, and has said so for longer than it was given."""
        item = self._items.find_run(self.launch.run_id)
        state = "deleted" if item is None else str(item.get("status"))
        if state == "deleted":
            self._end_token()
        if state not in FINAL and state != "deleted":
            self._latest_state = state
            self._waiting_for = None
            return False
        if self._waiting_for is None or self._waiting_for[0] != state:
            self._waiting_for = (state, now)
        patience = self._patience.after_report if state in ("done", "error") else self._patience.after_abort
        return now - self._waiting_for[1] > patience

    def _settle(self, end: Exit | None, error: str) -> None:
        run_id = self.launch.run_id
        try:
            item = self._items.find_run(run_id)
            self.again = starts_again(item, end, error)
            state = None if item is None else item.get("status")
            wanted_login = state == WAITS_FOR_ITS_OWNER or (state == "error" and self._latest_state == WAITS_FOR_ITS_OWNER)
            write_last_state(self._items, run_id, end, error, again=self.again)
            self._records.end(run_id, end, self.output.content(), again=self.again, wanted_login=wanted_login)
        except Exception:
            # A full disk must not keep the pod unlocked for ever. The record has no end then: the next unlock settles the run.
            log.exception("the end of the plugin run %s could not be written", run_id)


def write_last_state(items: RunItems, run_id: str, end: Exit | None, error: str, *, again: bool) -> None:
    """Write the state of a run that ended; does nothing where it has a final one that stays, or was deleted.

    Args:
        error: What the server has to say about the end; empty where the exit itself says it.
        again: The run is to be started again; until then it is `idle`.
    """
    item = items.find_run(run_id)
    if item is None or (item.get("status") in FINAL and not again):
        return
    reason = error or ("" if end is None or end.succeeded or item.get("status") in FINAL else end.reason())
    if again:
        items.update_run(run_id, {"status": IDLE} | ({"error": reason} if reason else {}))
    elif reason:
        items.update_run(run_id, {"status": "error", "error": reason})
    elif end is not None:
        items.update_run(run_id, {"status": "done"})

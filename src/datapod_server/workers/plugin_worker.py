"""The worker of one plugin over all its lives: started again after a death, until it dies too often. Source: python-runtime.md, 14.4."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from datapod_server.errors import DatapodError, LimitReached, Unavailable
from datapod_server.workers.outcome import Death, Outcome
from datapod_server.workers.parameters import Restart
from datapod_server.workers.process import WorkerProcess

_LONGEST_PAUSE_SECONDS = 10.0

State = Literal["running", "restarting", "down", "closed"]

Start = Callable[[Callable[[Death, bool], None], bool], tuple[WorkerProcess, Outcome]]
"""Starts a process and runs main in it: what to call when it dies, and whether this is a restart."""


class RestartLimit(Unavailable):
    """The plugin is down after too many deaths."""

    def __init__(self, plugin: str, retry_after_seconds: int) -> None:
        super().__init__(f"plugin '{plugin}' is down: its worker died too often", kind="restart-limit", plugin=plugin)
        self.retry_after_seconds = retry_after_seconds


class PluginWorker:
    """Gives out the living process, or waits for the next one."""

    def __init__(self, name: str, restart: Restart, start: Start) -> None:
        self._name = name
        self._restart = restart
        self._start = start
        self._changed = threading.Condition()
        self._process: WorkerProcess | None = None
        self._state: State = "restarting"
        self._deaths: list[float] = []  # monotonic seconds, within the window
        self.restarts = 0

    @property
    def state(self) -> State:
        return self._state

    def load(self) -> Outcome:
        """Start the first process and run main. The worker is running afterwards if main succeeded, else closed."""
        process, outcome = self._start(self._died, False)
        if outcome.failure or outcome.death is not None:
            process.close()
            self._become("closed", None)
        else:
            self._become("running", process)
            if not process.alive:  # died between the end of main and here
                self._died(Death("worker-died"), False)
        return outcome

    def process(self, seconds: float | None) -> WorkerProcess:
        """The living process. Waits for a restart, at most `seconds`.

        Raises:
            RestartLimit: There will be none.
            LimitReached: The wait took too long.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._state != "restarting", seconds):
                raise LimitReached(
                    f"the worker of plugin '{self._name}' was not ready in time", kind="time-limit", limit="routeSeconds", seconds=seconds
                )
            if self._process is None or self._state != "running":
                raise RestartLimit(self._name, max(1, round(self._restart.window_seconds)))
            return self._process

    def memory_bytes(self) -> int:
        process = self._process
        return process.memory_bytes() if process is not None and process.alive else 0

    @property
    def since_seconds(self) -> float | None:
        return None if self._process is None else self._process.started_seconds

    def close(self) -> None:
        """End the process for good."""
        with self._changed:
            process = self._process
        self._become("closed", None)
        if process is not None:
            process.close()

    def _become(self, state: State, process: WorkerProcess | None) -> bool:
        """False if the worker has been closed meanwhile, which is final."""
        with self._changed:
            open_still = self._state != "closed"
            if open_still:
                self._state, self._process = state, process
            self._changed.notify_all()
            return open_still

    def _died(self, death: Death, in_call: bool) -> None:
        """Decide what follows a death; the restart itself happens on a thread of its own."""
        with self._changed:
            if self._state != "running":
                return  # main is running: whoever started it sees its outcome
            self._process = None
        self._after_death(clean=death.kind == "worker-died" and death.status == 0 and not in_call)

    def _after_death(self, *, clean: bool) -> None:
        policy = self._restart.policy
        if policy == "never" or (policy == "on-failure" and clean):
            self._become("down", None)
            return
        now = time.monotonic()
        self._deaths = [moment for moment in self._deaths if now - moment < self._restart.window_seconds] + [now]
        if len(self._deaths) > self._restart.max:
            self._become("down", None)
            return
        self._become("restarting", None)
        self.restarts += 1
        pause = min(self._restart.backoff_seconds * 2 ** (len(self._deaths) - 1), _LONGEST_PAUSE_SECONDS)
        timer = threading.Timer(pause, self._again)
        timer.daemon = True
        timer.start()

    def _again(self) -> None:
        if self._state == "closed":
            return
        try:
            process, outcome = self._start(self._died, True)
        except DatapodError:  # the zygote is gone: nothing can be started any more
            self._become("down", None)
            return
        if outcome.failure or outcome.death is not None:
            process.close()
            self._after_death(clean=False)
            return
        if not self._become("running", process):
            process.close()
        elif not process.alive:
            self._died(Death("worker-died"), False)

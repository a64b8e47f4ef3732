"""A backend for tests that must steer time and failure: its runs do what the test says. It passes the suite that real backends pass."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from typing import ClassVar

from datapod_server.errors import Invalid
from datapod_server.rights import EVERYTHING, Named
from datapod_server.runners.backend import Exit, Launch, MissingProgram, Output, Running, StartFailed


class FakeRun:
    """A run without a process. `asked` lists what the supervision asked of it: `terminate`, `kill`, `cleanup`."""

    def __init__(self, launch: Launch, output: Output, *, obeys: bool) -> None:
        self.launch = launch
        self.asked: list[str] = []
        self.resident_mb = 0.0
        self._output = output
        self._obeys = obeys
        self._exit: Exit | None = None
        self._ended = threading.Event()

    def print(self, text: str) -> None:
        """Deliver output as a program would."""
        self._output(text.encode())

    def end(self, code: int | None = 0, signal_number: int | None = None) -> None:
        """End by itself; the first end counts."""
        if self._exit is None:
            self._exit = Exit(code, signal_number)
            self._ended.set()

    def wait(self, timeout_seconds: float) -> Exit | None:
        return self._exit if self._ended.wait(timeout_seconds) else None

    def host(self) -> str | None:
        return "127.0.0.1"

    def memory_mb(self) -> float:
        return 0.0 if self._ended.is_set() else self.resident_mb

    def terminate(self) -> None:
        self.asked.append("terminate")
        if self._obeys:
            self.end(None, signal.SIGTERM)

    def kill(self) -> None:
        self.asked.append("kill")
        self.end(None, signal.SIGKILL)

    def cleanup(self) -> None:
        self.asked.append("cleanup")


class FakeBackend:
    """Starts `FakeRun`s.

    Args:
        behave: Called with each run right after its start, in the thread that supervises it.
        obeys: Whether runs end when they are asked to.
        missing: The program is not there.
        fails: The start fails with this reason.
        confines: Whether it can keep runs from the network.
    """

    shares_network: ClassVar[bool] = False

    def __init__(
        self,
        behave: Callable[[FakeRun], None] | None = None,
        *,
        obeys: bool = True,
        missing: bool = False,
        fails: str | None = None,
        confines: bool = True,
    ) -> None:
        self.runs: list[FakeRun] = []
        self._behave = behave
        self._obeys = obeys
        self._missing = missing
        self._fails = fails
        self._confines = confines

    def check(self, image: str, properties: Mapping[str, object]) -> None:
        if self._missing:
            raise MissingProgram("fake", "no such file")

    def check_network(self, network: Named) -> None:
        if network != EVERYTHING and not self._confines:
            raise Invalid("Runner fake cannot enforce network none")

    def container_name(self, owner_key: str, image: str, run_id: str) -> str | None:
        return None

    def start(self, launch: Launch, output: Output) -> Running:
        if self._fails is not None:
            raise StartFailed(self._fails)
        run = FakeRun(launch, output, obeys=self._obeys)
        self.runs.append(run)
        if self._behave is not None:
            self._behave(run)
        return run

"""The small parent of a server: starts it again when it dies, and passes signals on.

The engine runs inside the server process; if it aborts, the process dies with it. This parent imports nothing that could (no engine, no
HTTP library), holds the listening sockets, and has the next server up within a second; clients that connect meanwhile wait.
Source: pod-protocol.md, 19.1 (exit statuses).
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

import msgspec

from datapod_server.server.settings import Inherited, Orders, ServeSettings

log = logging.getLogger("datapod.supervisor")

START_FAILED = 3
"""Exit status of a server that explained itself on standard error: starting it again would not help."""

_QUICK_SECONDS = 5.0  # a server that lives shorter than this counts as failed at once
_MOST_QUICK_FAILURES = 5
_PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)
_STOP_SECONDS = 20


class Supervisor:
    """Runs servers one after the other until one ends as asked."""

    def __init__(self, settings: ServeSettings, *, tcp: int | None, unix: int | None, on_ready: Callable[[], None]) -> None:
        self._settings = settings
        self._tcp = tcp
        self._unix = unix
        self._on_ready = on_ready
        self._process: subprocess.Popen[bytes] | None = None
        self._stop_signal: int | None = None

    def run(self) -> int:
        """Block until the server has ended for good; the exit status of `datapod serve`."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        restarts = quick_failures = 0
        while True:
            started = time.monotonic()
            status = self._run_once(restarts)
            if self._stopping() is not None:
                return self._stopped()
            if status == 0:  # POST /v1/shutdown
                return 0
            if status == START_FAILED:
                return 1
            quick_failures = quick_failures + 1 if time.monotonic() - started < _QUICK_SECONDS else 1
            if quick_failures >= _MOST_QUICK_FAILURES:
                log.error("the server died %d times in a row right after its start (%s); giving up", quick_failures, describe(status))
                return 1
            log.error("the server died (%s); starting it again", describe(status))
            restarts += 1
            time.sleep(_PAUSES_SECONDS[quick_failures - 1])
            if self._stopping() is not None:
                return self._stopped()

    def _stopping(self) -> int | None:
        """The signal that asked for the stop; a method, since a handler may set it between any two lines."""
        return self._stop_signal

    def _stopped(self) -> int:
        return 130 if self._stop_signal == signal.SIGINT else 0

    def _run_once(self, restarts: int) -> int:
        ready, told = os.pipe()
        try:
            process = self._start(told, restarts)
        finally:
            os.close(told)
        with os.fdopen(ready, "rb") as pipe:
            if pipe.read(1) and restarts == 0:
                self._on_ready()
        status = process.wait()
        self._process = None
        return status

    def _start(self, told: int, restarts: int) -> subprocess.Popen[bytes]:
        inherited = Inherited(self._tcp, self._unix, told)
        handed = [number for number in (self._tcp, self._unix, told) if number is not None]
        process = subprocess.Popen(
            [sys.executable, "-m", "datapod_server.server.child"],
            stdin=subprocess.PIPE,
            pass_fds=handed,
            process_group=0,  # Ctrl-C reaches this process alone, which passes it on
        )
        self._process = process
        if self._stop_signal is not None:
            process.send_signal(signal.SIGTERM)
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        try:
            with process.stdin as pipe:
                pipe.write(msgspec.json.encode(Orders(self._settings, inherited, restarts)))
        except BrokenPipeError:
            log.debug("the server died before it read its orders")
        return process

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stop_signal = number
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            signal.alarm(_STOP_SECONDS)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        if self._process is not None:
            log.warning("the server did not stop within %d seconds; killing it", _STOP_SECONDS)
            self._process.kill()


def describe(status: int) -> str:
    """An exit status as people say it: `signal SIGKILL` or `status 1`."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"

"""The server's side of the zygote: one per server process, started before it has threads or keys."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable

from datapod_server.errors import Unavailable

_EVENT = struct.Struct("!cxxxii")
_START_SECONDS = 30

Ended = Callable[[int], None]
"""Called once with the exit status of a worker, as `os.waitstatus_to_exitcode` gives it: negative for a signal."""


class Zygote:
    """Forks workers. Safe to use from several threads."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._forking = threading.Lock()
        self._started: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._watched: dict[int, Ended] = {}
        self._early: dict[int, int] = {}  # ended before anybody could ask to be told
        self._reader: threading.Thread | None = None

    @staticmethod
    def start() -> Zygote:
        """Start the prepared parent; it loads the runtime while this process goes on."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        process = subprocess.Popen(
            [sys.executable, "-m", "datapod_server.runtime.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what code writes to descriptor 1 itself must not mix with the answers of a command
            env=environment,
        )
        theirs.close()
        return Zygote(process, ours)

    def fork(self, ended: Callable[[int, int], None]) -> tuple[int, socket.socket]:
        """A new worker: its process id, and our end of its channel. `ended(pid, status)` is called once, on a thread of this object.

        Raises `Unavailable` if the zygote is gone.
        """
        ours, theirs = socket.socketpair()
        with self._forking, theirs:
            self._watch()
            try:
                socket.send_fds(self._control, [_EVENT.pack(b"F", 0, 0)], [theirs.fileno()])
                pid = self._started.get(timeout=_START_SECONDS)
            except (OSError, queue.Empty) as error:
                ours.close()
                raise Unavailable("in-server code cannot be started: its parent process is gone") from error
        with self._lock:
            status = self._early.pop(pid, None)
            if status is None:
                self._watched[pid] = lambda status: ended(pid, status)
        if status is not None:
            ended(pid, status)
        return pid, ours

    def kill(self, pid: int) -> None:
        """End a worker at once, with the processes that it started. Does nothing if it has ended."""
        with contextlib.suppress(OSError):
            self._control.send(_EVENT.pack(b"K", pid, 0))

    def close(self) -> None:
        """End the zygote and all its workers."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        self._process.wait(timeout=10)

    def _watch(self) -> None:
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="zygote", daemon=True)
            self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                content = self._control.recv(_EVENT.size)
            except OSError:
                return
            if not content:
                return
            kind, pid, status = _EVENT.unpack(content)
            if kind == b"S":
                self._started.put(pid)
                continue
            with self._lock:
                ended = self._watched.pop(pid, None)
                if ended is None:
                    self._early[pid] = os.waitstatus_to_exitcode(status)
            if ended is not None:
                ended(os.waitstatus_to_exitcode(status))


def _is_setting(name: str) -> bool:
    """Variables that configure the server (some are secret) are not the code's business."""
    return name.startswith(("DATAPOD_", "POD_", "EMAIL_SMTP_"))

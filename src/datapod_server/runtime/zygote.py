"""The prepared parent: has the runtime loaded, holds no keys and no user data, and forks one process per plugin and per script.

Started by the server before it has threads or keys. It never starts a thread itself: fork() copies only the calling one, and a lock
that another one held would stay locked for ever. Orders come one at a time over a Unix socket: `F` with a descriptor forks, `K` and a
process id kills. Answers: `S pid` started, `E pid status` ended. A process id is killed only while this parent has not reaped it, so
it is never another's.
"""

from __future__ import annotations

import array
import os
import selectors
import signal
import socket
import struct
import sys

from datapod_server.runtime import worker

_MESSAGE_BYTES = 16
_EVENT = struct.Struct("!cxxxii")  # kind, process id, status
"""One event or order: a kind (`F`, `K`, `S`, `E`), a process id, an exit status as `waitpid` gives it."""


def main(descriptor: int) -> None:
    """Serve orders until the server closes its end; then kill what is left."""
    control = socket.socket(fileno=descriptor)
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # the server says when it is over, by closing its end
    living: set[int] = set()
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(reader, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is reader:
                _drain(reader)
                _reap(control, living)
            elif not _obey(control, living, (reader, writer)):
                for pid in living:
                    os.kill(pid, signal.SIGKILL)
                os._exit(0)


def _obey(control: socket.socket, living: set[int], own: tuple[socket.socket, socket.socket]) -> bool:
    """Carry out one order; False when the server is gone."""
    content, ancillary, _, _ = control.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(4))
    if not content:
        return False
    kind, pid, _ = _EVENT.unpack(content)
    if kind == b"K":
        if pid in living:
            os.kill(pid, signal.SIGKILL)
        return True
    handed = array.array("i")
    for _, _, data in ancillary:
        handed.frombytes(data[:4])
    child = os.fork()
    if child == 0:
        _become_worker(handed[0], control, own)
    os.close(handed[0])
    living.add(child)
    control.sendall(_EVENT.pack(b"S", child, 0))
    return True


def _become_worker(descriptor: int, control: socket.socket, own: tuple[socket.socket, socket.socket]) -> None:
    """Forget the parent's sockets and signals, and work until the end of the process."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control.close()
    for each in own:
        each.close()
    os.setpgid(0, 0)  # children of the code end with it
    worker.main(descriptor)
    os._exit(0)


def _drain(reader: socket.socket) -> None:
    try:
        while reader.recv(4096):
            pass
    except BlockingIOError:
        return


def _reap(control: socket.socket, living: set[int]) -> None:
    while living:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        living.discard(pid)
        _kill_group(pid)
        control.sendall(_EVENT.pack(b"E", pid, status))


def _kill_group(pid: int) -> None:
    """End the processes that a worker started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))

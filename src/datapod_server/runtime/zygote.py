"""The prepared parent: has the runtime loaded, holds no keys and no user data, and forks one process per plugin and per script.

Started by the server before it has threads or keys. It never starts a thread itself: fork() copies only the calling one, and a lock
that another one held would stay locked for ever. Orders come one at a time over a Unix socket: `F` with a descriptor forks, `K` and a
process id kills. Answers: `S pid` started, `E pid status` ended. A process id is killed only while this parent has not reaped it, so
it is never another's.

Nothing that code starts outlives its worker: a worker leads a session of its own, whose group is killed before the worker is reaped.
What left the group was adopted by the worker, or by this parent when the worker ended (child subreapers): children that are no workers
are killed. If this parent itself is killed, the workers get the signal of a dead parent.
"""

from __future__ import annotations

import array
import ctypes
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import time

from datapod_server.runtime import worker

_MESSAGE_BYTES = 16
_EVENT = struct.Struct("!cxxxii")  # kind, process id, status
"""One event or order: a kind (`F`, `K`, `S`, `E`), a process id, an exit status as `waitpid` gives it."""
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_LAST_LOOK_SECONDS = 1.0

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


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
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)
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
                _end_all(living)
                os._exit(0)


def _obey(control: socket.socket, living: set[int], own: tuple[socket.socket, socket.socket]) -> bool:
    """Carry out one order; False when the server is gone."""
    content, ancillary, _, _ = control.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(4))
    if not content:
        return False
    kind, pid, _ = _EVENT.unpack(content)
    if kind == b"K":
        if pid in living:
            _kill(pid)
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
    os.setsid()
    _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)
    _process_control(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would be user data, unencrypted
    worker.main(descriptor)
    os._exit(0)


def _drain(reader: socket.socket) -> None:
    try:
        while reader.recv(4096):
            pass
    except BlockingIOError:
        return


def _reap(control: socket.socket, living: set[int]) -> None:
    """Take leave of what has ended, and end what it left behind."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        pid = ended.si_pid
        if pid in living:
            _kill(pid)  # its group, as long as the id cannot be another's
        _, status = os.waitpid(pid, 0)
        if pid in living:
            living.discard(pid)
            control.sendall(_EVENT.pack(b"E", pid, status))
        _kill_adopted(living)


def _end_all(living: set[int]) -> None:
    """The server is gone: end every worker and what it started."""
    for pid in living:
        _kill(pid)
    deadline = time.monotonic() + _LAST_LOOK_SECONDS
    while time.monotonic() < deadline:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
        _kill_adopted(living)


def _kill(pid: int) -> None:
    """End a worker that has not been reaped, with its process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)  # killed before it had its own group


def _kill_adopted(living: set[int]) -> None:
    """End the children that are no workers: what dead workers started and what left their group."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:  # noqa: PTH123 - pathlib costs milliseconds here
            adopted = {int(child) for child in children.read().split()} - living
    except OSError:
        return  # no such list on this system: groups are all there is
    for pid in adopted:
        os.kill(pid, signal.SIGKILL)


def _process_control(option: int, value: int) -> None:
    if _libc is not None:
        _libc.prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))

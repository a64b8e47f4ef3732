"""Runs a command that reaches the pod and nothing else: `python -m datapod_server.runtime.confined POD WEB -- COMMAND...`.

The command gets a network of its own, in which there is only a loopback: no route, no name server, neither TCP nor UDP to anywhere. On that
loopback, at the pod's own address, listens a socket that a relay outside holds: it carries each connection to the pod. The other way
round the relay listens at the port of the plugin's web server and carries what the server asks into that network. A rule by port
(Landlock) would not do: it opens the same port on every machine. seccomp closes the doors that are no network: sockets of the file
system, through which name servers and container engines can be asked, and the calls that enter other processes or their networks.

POD is `host:port` of the callback address, WEB the web server's port. Two small processes live beside the command, in its process group,
and are ended with it. What the command writes to files is not confined: that is the right of the user who runs the server.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence

from datapod_server.runtime.jail import JailError, keep_in_own_network

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # clone(2)
_SET_FLAGS, _SET_ADDRESS = 0x8914, 0x8916  # netdevice(7)
_UP_AND_RUNNING = 0x1 | 0x40
_CHUNK_BYTES = 64 * 1024
_BACKLOG = 64


def main(argv: Sequence[str]) -> None:
    """Never returns: becomes the command, or ends with 126 and one line. `--probe` instead of all only tells whether it could."""
    if list(argv) == ["--probe"]:
        _leave_network()
        keep_in_own_network()
        return
    pod, web, _, *command = argv
    host, port = pod.rsplit(":", 1)
    near, far = socket.socketpair()
    if os.fork() == 0:
        near.close()
        _aside(lambda: _relay(far, (host.strip("[]"), int(port)), int(web)))
    far.close()
    _leave_network()
    for listener in _listeners(host.strip("[]"), int(port)):
        socket.send_fds(near, [b"l"], [listener.fileno()])
        listener.close()
    near.sendall(b"e")
    if os.fork() == 0:
        _aside(lambda: _hand_out_sockets(near))
    near.close()
    keep_in_own_network()
    os.execvp(command[0], command)  # noqa: S606 - a shell is what this must not be


def _leave_network() -> None:
    """Into a new network; where only root may, as root of a user namespace that knows this user alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NETWORK) != 0:
        if libc.unshare(_NEW_USER | _NEW_NETWORK) != 0:
            raise JailError(f"this system gives no network of its own to a process: {os.strerror(ctypes.get_errno())}")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - no import for three lines
                file.write(text)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))


def _listeners(host: str, port: int) -> list[socket.socket]:
    """Sockets in this network at the pod's address."""
    if host == "localhost":
        addresses = ["127.0.0.1", "::1"]
    else:
        addresses = [host]
        if not ipaddress.ip_address(host).is_loopback:
            _give_address(host)
    found = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        # Without IPv6 in the kernel, the other address does.
        with contextlib.suppress(OSError):
            found.append(_listen(family, address, port))
    if not found:
        raise JailError(f"nothing can listen at {host} in a network of its own")
    return found


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _give_address(address: str) -> None:
    """Let the loopback have the pod's IPv4 address too."""
    with socket.socket() as any_socket:
        request = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address))
        fcntl.ioctl(any_socket, _SET_ADDRESS, request)


def _aside(work: Callable[[], None]) -> None:
    """Do something beside the command for good: without its output, and deaf to the signal that asks the command to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    try:
        work()
    finally:
        os._exit(0)


def _relay(channel: socket.socket, pod: tuple[str, int], web: int) -> None:
    """Outside: carry connections to the pod, and those of the server to the plugin."""
    asking = threading.Lock()

    def to_plugin() -> socket.socket:
        with asking:
            channel.sendall(b"s")
            _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        inside = socket.socket(fileno=descriptors[0])
        try:
            inside.connect(("127.0.0.1", web))
        except OSError:
            inside.close()
            raise
        return inside

    while True:
        word, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if word != b"l":
            break
        listener = socket.socket(fileno=descriptors[0])
        threading.Thread(target=_serve, args=(listener, lambda: socket.create_connection(pod)), daemon=True).start()
    if not word:
        return  # the command never came into its network
    with contextlib.suppress(OSError):  # another program has the port: the plugin cannot be asked then, but runs
        listener = _listen(socket.AF_INET, "127.0.0.1", web)
        threading.Thread(target=_serve, args=(listener, to_plugin), daemon=True).start()
    threading.Event().wait()


def _hand_out_sockets(channel: socket.socket) -> None:
    """Inside: an unconnected socket of this network for each byte that comes."""
    while channel.recv(1):
        with socket.socket() as fresh:
            socket.send_fds(channel, [b"s"], [fresh.fileno()])


def _serve(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    while True:
        ours, _ = listener.accept()
        threading.Thread(target=_carry, args=(ours, connect), daemon=True).start()


def _carry(ours: socket.socket, connect: Callable[[], socket.socket]) -> None:
    with ours:
        try:
            theirs = connect()
        except OSError:
            return
        with theirs:
            back = threading.Thread(target=_copy, args=(theirs, ours), daemon=True)
            back.start()
            _copy(ours, theirs)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """All that comes, and then the end of it."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (JailError, OSError) as error:
        print(f"the plugin cannot be kept from the network: {error}", file=sys.stderr)
        sys.exit(126)

"""Runs a command that reaches the pod, and the hosts it was granted, and nothing else:
`python -m datapod_server.runtime.confined WEB HOST:PORT... -- COMMAND...`.

The command gets a network of its own, in which there is only a loopback: no route, no name server, neither TCP nor UDP to anywhere. On that
loopback listens a socket for each HOST:PORT (the first is the pod's), which a relay outside holds: it carries each connection to that
place. Names of hosts lead to addresses of the loopback by an `/etc/hosts` that only the command sees, so that programs, and certificates,
go by the same names as ever. The other way round the relay listens at WEB, the port of the plugin's web server, and carries what the server
asks into that network. A rule by port (Landlock) would not do: it opens the same port on every machine. seccomp closes the doors that are
no network: sockets of the file system, through which name servers and container engines can be asked, and the calls that enter other
processes or their networks.

Two small processes live beside the command, in its process group, and are ended with it. What the command writes to files is not confined:
that is the right of the user who runs the server.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import ipaddress
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence

from datapod_server.runtime.jail import JailError, keep_in_own_network

_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x20000, 0x10000000, 0x40000000  # clone(2)
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18  # mount(2)
_SET_FLAGS, _SET_ADDRESS = 0x8914, 0x8916  # netdevice(7)
_UP_AND_RUNNING = 0x1 | 0x40
_CHUNK_BYTES = 64 * 1024
_BACKLOG = 64
_END = 255  # the word after the last listener; a listener's word is the number of its place
_HOSTS = "/etc/hosts"

Place = tuple[str, int]
"""Host and port."""


def main(argv: Sequence[str]) -> None:
    """Never returns: becomes the command, or ends with 126 and one line. `--probe` instead of all only tells whether it could."""
    if list(argv) == ["--probe"]:
        _leave_network()
        _know_names({})
        keep_in_own_network()
        return
    split = argv.index("--")
    web, places, command = int(argv[0]), [_place(text) for text in argv[1:split]], list(argv[split + 1 :])
    near, far = socket.socketpair()
    if os.fork() == 0:
        near.close()
        _aside(lambda: _relay(far, places, web))
    far.close()
    _leave_network()
    addresses = _addresses([host for host, _ in places])
    for number, (host, port) in enumerate(places):
        listening = _listeners(addresses[host], port)
        for listener in listening:
            socket.send_fds(near, [bytes([number])], [listener.fileno()])
            listener.close()
        if number == 0 and not listening:
            raise JailError(f"nothing can listen at {host}:{port} in a network of its own")
    near.sendall(bytes([_END]))
    _know_names({host: found[0] for host, found in addresses.items() if host not in found and host != "localhost"})
    if os.fork() == 0:
        _aside(lambda: _hand_out_sockets(near))
    near.close()
    keep_in_own_network()
    os.execvp(command[0], command)  # noqa: S606 - a shell is what this must not be


def _place(text: str) -> Place:
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def _leave_network() -> None:
    """Into a new network; where only root may, as root of a user namespace that knows this user alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NETWORK | _NEW_MOUNTS) != 0:
        if libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_MOUNTS) != 0:
            raise JailError(f"this system gives no network of its own to a process: {os.strerror(ctypes.get_errno())}")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - no import for three lines
                file.write(text)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))


def _addresses(hosts: Sequence[str]) -> dict[str, list[str]]:
    """Where each host is found in this network: itself, if it is an address, else an address of the loopback of its own."""
    found: dict[str, list[str]] = {}
    for host in dict.fromkeys(hosts):
        if host == "localhost":
            found[host] = ["127.0.0.1", "::1"]
        elif _is_address(host):
            if not ipaddress.ip_address(host).is_loopback:
                _give_address(host, len(found))
            found[host] = [host]
        else:
            found[host] = [f"127.77.0.{len(found) + 1}"]
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _know_names(names: dict[str, str]) -> None:
    """Lay over `/etc/hosts`, for this process and what it executes, one in which these names come first."""
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(FileNotFoundError), open(_HOSTS) as usual:  # noqa: PTH123 - as above
        lines = usual.read()
        with tempfile.NamedTemporaryFile("w", prefix="hosts-") as ours:
            ours.write("".join(f"{address} {name}\n" for name, address in names.items()) + lines)
            ours.flush()
            os.chmod(ours.name, 0o644)  # noqa: PTH101 - as above
            for source, target, flags in (("none", "/", _RECURSIVE | _PRIVATE), (ours.name, _HOSTS, _BIND)):
                if libc.mount(source.encode(), target.encode(), None, flags, None) != 0:
                    raise JailError(f"this system does not let a process see a {_HOSTS} of its own: {os.strerror(ctypes.get_errno())}")


def _listeners(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Sockets in this network at these addresses."""
    found = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        # Without IPv6 in the kernel, the other address does; a place that was named in two ways is there already.
        with contextlib.suppress(OSError):
            found.append(_listen(family, address, port))
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


def _give_address(address: str, number: int) -> None:
    """Let the loopback have a foreign IPv4 address too."""
    with socket.socket() as any_socket:
        request = struct.pack("16sHH4s8x", f"lo:{number}".encode(), socket.AF_INET, 0, socket.inet_aton(address))
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


def _relay(channel: socket.socket, places: Sequence[Place], web: int) -> None:
    """Outside: carry connections to their places, and those of the server to the plugin."""
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
        if not word:
            return  # the command never came into its network
        if word[0] == _END:
            break
        listener = socket.socket(fileno=descriptors[0])
        connect = functools.partial(socket.create_connection, places[word[0]])
        threading.Thread(target=_serve, args=(listener, connect), daemon=True).start()
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

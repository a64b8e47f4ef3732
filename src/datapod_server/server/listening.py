"""Listening sockets, bound by the supervisor so that they outlive a crashed server.

Bound here and not by the HTTP library, which sets SO_REUSEPORT: with that a second server on a taken port would start without a word
and get half of the connections.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

from datapod_server.errors import Failed

_BACKLOG = 1024


def listen_tcp(host: str, first_port: int, last_port: int | None = None) -> socket.socket:
    """A listening socket on the first free port of a range; port 0 lets the system choose.

    Raises `Failed` with a text for people: the port is taken, the address is none of this machine, or not allowed.
    """
    family, address = _resolve(host)
    last = first_port if last_port is None else last_port
    for port in range(first_port, last + 1):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            # A restarted server must not wait for the connections of its predecessor to expire. On Linux this does not let two listen.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, port))
            listener.listen(_BACKLOG)
            return listener
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE and port < last:
                continue
            raise Failed(_explain(error, host, first_port, last)) from error
    raise Failed(f"there is no port in the range {first_port}-{last}")


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket with mode 0600; takes the place of one that nobody listens on any more.

    Raises `Failed` if another server listens there, or the path is something else.
    """
    _clear_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise Failed(f"cannot listen on the socket {path}: {error.strerror}") from error
    finally:
        os.umask(before)
    return listener


def url_of(scheme: str, listener: socket.socket) -> str:
    """The address of a TCP listener as a URL; an address that means "all" is shown as it is."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise Failed(f"cannot listen on '{host}': {error.strerror}") from error
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)  # 127.0.0.1 before ::1 for localhost
    return family, str(address[0])


def _explain(error: OSError, host: str, first: int, last: int) -> str:
    if error.errno == errno.EADDRINUSE:
        what = f"Port {first} is already in use" if first == last else f"All ports from {first} to {last} are already in use"
        return f"{what} on {host}; stop the other program, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"Port {first} needs privileges that this user does not have; choose one above 1023 with --port"
    return f"cannot listen on {host} port {first}: {error.strerror}"


def _clear_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Failed(f"{path} exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise Failed(f"another program already listens on the socket {path}")

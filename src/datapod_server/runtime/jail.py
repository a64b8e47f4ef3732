"""Landlock and seccomp for one worker, after the fork and before any foreign code, while the process has one thread.

Landlock keeps it from writing outside its folders, from reading what is hidden (the server's data, key files), from signalling other
processes and (by itself) from tracing them, so from reading the keys in the server's memory. Landlock knows only what is allowed:
reading is allowed on everything beside the folders on the way to a hidden place, so what is made later right in one of those folders
cannot be read by workers that are already there. seccomp keeps code without the right to the network from opening any socket: Landlock
alone lets UDP, and so DNS, through.
Sources: kernel documentation, userspace-api/landlock; seccomp(2); python-runtime.md, 14.1; design, 6.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 21, 22, 2

_WRITE_FILE = 1 << 1
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_FOLDER_WRITES = sum(1 << bit for bit in range(4, 13))  # remove and make: folders, files, sockets, pipes, devices, links
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # since ABI 2 and 3
_SCOPES_ABI = 6
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/shm")  # noqa: S108 - not a temporary file of ours

# architecture: audit number, socket, ptrace, process_vm_readv, process_vm_writev, io_uring_setup
_SYSTEM_CALLS = {
    "x86_64": (0xC000003E, 41, 101, 310, 311, 425),
    "aarch64": (0xC00000B7, 198, 117, 270, 271, 425),
}
# architecture: setns, pidfd_getfd
_WAYS_OUT = {"x86_64": (308, 438), "aarch64": (268, 438)}
_FAMILIES = (2, 10, 16)  # IPv4, IPv6, and netlink, by which a process looks at its own network
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data
_LOAD, _JUMP_EQUAL, _JUMP_NOT_BELOW, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000  # the same calls under other numbers
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 13  # EACCES


class JailError(Exception):
    """A right that was not given cannot be refused on this system; the code must not run."""


def enter(*, writable: Iterable[str], hidden: Iterable[str], network: bool) -> None:
    """Confine this process for good.

    Args:
        writable: Folders (and files) that may be changed, without links; they may be read also inside of a hidden place.
        hidden: Folders and files that may not be read.

    Raises:
        JailError: The network is to be refused and seccomp is not available.
    """
    if sys.platform != "linux":
        if not network:
            raise JailError("this system has no means to refuse the network to in-server code; allow it with runtime.network = outbound")
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version > 0:
        _restrict_files(libc, version, writable, hidden)
    _filter_calls(libc, network)


def keep_in_own_network() -> None:
    """Keep a process that has a network of its own in it, for good and with what it executes.

    Refused: sockets of the file system, through which others can be asked to reach the world; entering another process or its network.

    Raises:
        JailError: seccomp is not available.
    """
    if sys.platform != "linux" or platform.machine() not in _SYSTEM_CALLS:
        raise JailError("this system has no means to keep a process in its network")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    audit, open_socket, *never = _SYSTEM_CALLS[platform.machine()]
    refused = [*never, *_WAYS_OUT[platform.machine()]]
    program = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_JUMP_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER_AT)]
    rest = [
        (_JUMP_EQUAL, 0, len(_FAMILIES) + 2, open_socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        *((_JUMP_EQUAL, len(_FAMILIES) - position, 0, family) for position, family in enumerate(_FAMILIES)),
    ]
    # After the rest stand: refuse, allow. Jumps count from the next instruction.
    program.append((_JUMP_NOT_BELOW, len(refused) + len(rest), 0, _X32))
    program += [(_JUMP_EQUAL, len(refused) - 1 - position + len(rest), 0, number) for position, number in enumerate(refused)]
    program += [*rest, (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    if not _install(libc, program):
        raise JailError("seccomp is not available")


def capabilities() -> dict[str, bool]:
    """What this system has to confine code with: `landlock` (files, signals, memory) and `seccomp` (network)."""
    if sys.platform != "linux":
        return {"landlock": False, "seccomp": False}
    libc = ctypes.CDLL(None, use_errno=True)
    return {
        "landlock": libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG) > 0,
        "seccomp": platform.machine() in _SYSTEM_CALLS and libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0,
    }


def _restrict_files(libc: ctypes.CDLL, version: int, writable: Iterable[str], hidden: Iterable[str]) -> None:
    writes = _WRITE_FILE | _FOLDER_WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    reads = _EXECUTE | _READ_FILE | _READ_FOLDER
    concealed = {os.path.realpath(path) for path in hidden}
    if concealed:
        concealed.add("/proc")  # other processes' environments, that is; see _about_the_system
    handled = writes | reads if concealed else writes
    scopes = _SCOPE_SIGNALS | _SCOPE_ABSTRACT_SOCKETS if version >= _SCOPES_ABI else 0
    attribute = struct.pack("QQQ", handled, 0, scopes) if version >= _SCOPES_ABI else struct.pack("Q", handled)
    ruleset = libc.syscall(_CREATE_RULESET, attribute, len(attribute), 0)
    if ruleset < 0:
        raise JailError(f"Landlock refused its rules: {os.strerror(ctypes.get_errno())}")
    for path in writable:
        _allow(libc, ruleset, path, handled, without_links=True)
    for path in _DEVICES:
        _allow(libc, ruleset, path, handled)
    for path in (*_beside(concealed), *_about_the_system()):
        _allow(libc, ruleset, path, reads)
    if libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
        raise JailError(f"Landlock could not be entered: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)


def _beside(concealed: set[str]) -> Iterator[str]:
    """Everything that is not on the way to a concealed place, as few paths as possible."""
    ways = {folder for path in concealed for folder in _ancestors(path)}
    for folder in ways:
        try:
            names = os.listdir(folder)  # noqa: PTH208 - pathlib costs milliseconds here
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - as above
            if path not in ways and path not in concealed and not os.path.islink(path):  # noqa: PTH114 - what it leads to has its own rule
                yield path


def _about_the_system() -> Iterator[str]:
    """Everything in /proc but other processes."""
    yield f"/proc/{os.getpid()}"
    for name in os.listdir("/proc"):  # noqa: PTH208 - as above
        if not name.isdigit() and name not in ("self", "thread-self"):
            yield f"/proc/{name}"


def _ancestors(path: str) -> Iterator[str]:
    while path != "/":
        path = os.path.dirname(path)  # noqa: PTH120 - as above
        yield path


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, handled: int, *, without_links: bool = False) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no right
    if without_links and os.readlink(f"/proc/self/fd/{place}") != path:  # noqa: PTH115 - as above
        os.close(place)  # other code put a link on the way after the server looked
        return
    rights = handled if os.path.isdir(path) else handled & (_WRITE_FILE | _TRUNCATE | _EXECUTE | _READ_FILE)  # noqa: PTH112 - pathlib costs milliseconds here
    rule = struct.pack("=Qi", rights, place)
    libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    os.close(place)


def _filter_calls(libc: ctypes.CDLL, network: bool) -> None:
    numbers = _SYSTEM_CALLS.get(platform.machine())
    if numbers is None:
        if not network:
            raise JailError(f"no means to refuse the network on {platform.machine()}; allow it with runtime.network = outbound")
        return
    audit, open_socket, *never = numbers
    refused = never if network else [open_socket, *never]
    program = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    program.append((_JUMP_NOT_BELOW, len(refused) + 1, 0, _X32))
    for position, number in enumerate(refused):
        program.append((_JUMP_EQUAL, len(refused) - position, 0, number))
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    if not _install(libc, program) and not network:
        raise JailError("seccomp is not available, so the network cannot be refused; allow it with runtime.network = outbound")


def _install(libc: ctypes.CDLL, program: list[tuple[int, int, int, int]]) -> bool:
    """Put a filter of system calls in force; whether that worked."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) == 0)

"""Landlock and seccomp for one worker, after the fork and before any foreign code, while the process has one thread.

Landlock keeps it from writing outside its folders, from signalling other processes and (by itself) from tracing them, so from
reading the keys in the server's memory. seccomp keeps code without the right to the network from opening any socket: Landlock
alone lets UDP, and so DNS, through.
Sources: kernel documentation, userspace-api/landlock; seccomp(2); python-runtime.md, 14.1; design, 6.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2

_WRITE_FILE = 1 << 1
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
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 13  # EACCES


class JailError(Exception):
    """A right that was not given cannot be refused on this system; the code must not run."""


def enter(*, writable: Iterable[str], network: bool) -> None:
    """Confine this process for good.

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
        _restrict_files(libc, version, writable)
    _filter_calls(libc, network)


def _restrict_files(libc: ctypes.CDLL, version: int, writable: Iterable[str]) -> None:
    handled = _WRITE_FILE | _FOLDER_WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    scopes = _SCOPE_SIGNALS | _SCOPE_ABSTRACT_SOCKETS if version >= _SCOPES_ABI else 0
    attribute = struct.pack("QQQ", handled, 0, scopes) if version >= _SCOPES_ABI else struct.pack("Q", handled)
    ruleset = libc.syscall(_CREATE_RULESET, attribute, len(attribute), 0)
    if ruleset < 0:
        raise JailError(f"Landlock refused its rules: {os.strerror(ctypes.get_errno())}")
    for path in (*writable, *_DEVICES):
        _allow(libc, ruleset, path, handled)
    if libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
        raise JailError(f"Landlock could not be entered: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, handled: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no right
    rights = handled if os.path.isdir(path) else handled & (_WRITE_FILE | _TRUNCATE)  # noqa: PTH112 - pathlib costs milliseconds here
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
    for position, number in enumerate(refused):
        program.append((_JUMP_EQUAL, len(refused) - position, 0, number))
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) != 0 and not network:
        raise JailError("seccomp is not available, so the network cannot be refused; allow it with runtime.network = outbound")

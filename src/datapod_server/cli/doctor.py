"""`datapod doctor`: what protects the data on this machine, and what is there for plugins."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from datapod_server.cli.options import Option, UsageError, parse
from datapod_server.runners import missing_means

_SUMMARY = "Tell what protects the data on this machine: encryption, the jail of in-server code, container engines."
_EPILOG = "Example: datapod doctor --json"
_OPTIONS = (Option(name="json", kind="flag", default=False, help="One JSON object for programs."),)

_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_VERSION_FLAG = 1
_ENGINE_SECONDS = 10


class Finding(Struct, frozen=True):
    """One thing that was looked at. `needed`: without it Datapod does not do what it promises."""

    name: str
    active: bool
    text: str
    needed: bool = True


def run(argv: list[str]) -> int:
    """0 if everything that is needed is active, 1 if not, 2 for wrong usage."""
    try:
        options = parse("doctor", _SUMMARY, _OPTIONS, argv, os.environ, epilog=_EPILOG)
    except UsageError as error:
        print(f"datapod doctor: {error}\nTry: datapod doctor --help", file=sys.stderr)
        return 2
    if options is None:
        return 0
    findings = [check() for check in CHECKS]
    if options["json"]:
        print(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            print(f"{'ok     ' if finding.active else 'MISSING' if finding.needed else 'absent '} {finding.name:<22} {finding.text}")
    return 0 if all(finding.active or not finding.needed for finding in findings) else 1


def item_encryption() -> Finding:
    import apsw

    cipher = getattr(apsw, "mc_version", None)
    return Finding("items encryption", cipher is not None, f"SQLite {apsw.sqlite_lib_version()}, {cipher or 'without encryption'}")


def table_encryption() -> Finding:
    import importlib.util

    import duckdb

    found = importlib.util.find_spec("duckdb_extension_httpfs") is not None
    text = "with duckdb-extension-httpfs" if found else "without duckdb-extension-httpfs it cannot write encrypted files"
    return Finding("tables encryption", found, f"DuckDB {duckdb.__version__}, {text}")


def landlock() -> Finding:
    version = -1
    if sys.platform == "linux":
        version = ctypes.CDLL(None, use_errno=True).syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION_FLAG)
    text = f"ABI {version}: in-server code is kept to its folders" if version > 0 else "this kernel has it not, or it is off"
    return Finding("Landlock", version > 0, text)


def seccomp() -> Finding:
    try:
        there = "errno" in Path("/proc/sys/kernel/seccomp/actions_avail").read_text().split()
    except OSError:
        there = False
    return Finding("seccomp", there, "in-server code can be kept from the network" if there else "this kernel has it not")


def core_dumps() -> Finding:
    return Finding("core dumps", True, "off in the server process")


def container_engine() -> Finding:
    for name in ("docker", "podman"):
        program = shutil.which(name)
        if program is not None:
            return _engine_answers(name, program)
    return Finding("container engine", False, "no docker, no podman: plugins run as processes (--plugins-process)", needed=False)


def _engine_answers(name: str, program: str) -> Finding:
    """Docker's program may be there without the daemon that does the work."""
    try:
        done = subprocess.run([program, "info"], capture_output=True, text=True, timeout=_ENGINE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("container engine", False, f"{name}: {error}", needed=False)
    if done.returncode == 0:
        return Finding("container engine", True, f"{name} answers", needed=False)
    complaint = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "it does not say why")
    return Finding("container engine", False, f"{name} cannot start containers: {complaint}", needed=False)


def own_network() -> Finding:
    obstacle = missing_means()
    text = "plugin processes can be kept to the pod" if obstacle is None else f"{obstacle}: such runs are refused"
    return Finding("network of its own", obstacle is None, text, needed=False)


def kubernetes() -> Finding:
    there = importlib.util.find_spec("kubernetes") is not None
    text = "the client is installed (--use-kubernetes)" if there else "no client: pip install 'datapod[kubernetes]'"
    return Finding("Kubernetes", there, text, needed=False)


def memory_swap() -> Finding:
    try:
        swaps = Path("/proc/swaps").read_text().splitlines()[1:]
    except OSError:
        swaps = []
    return Finding("swap", not swaps, "none" if not swaps else "on: memory may reach the disk; encrypt the swap", needed=False)


CHECKS: tuple[Callable[[], Finding], ...] = (
    item_encryption,
    table_encryption,
    landlock,
    seccomp,
    core_dumps,
    memory_swap,
    container_engine,
    own_network,
    kubernetes,
)

"""Runs as processes of this machine: a script of the operator's, or the plugin command of a Python. Source: pod-protocol.md, 14.3."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import psutil
from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.rights import Named
from datapod_server.runners.backend import Exit, Launch, MissingProgram, Output, Running, StartFailed
from datapod_server.runners.confinement import check_confinement, confined
from datapod_server.runners.environment import inherited
from datapod_server.runners.guard import GroupGuard

_CHUNK_BYTES = 64 * 1024
_LAST_OUTPUT_SECONDS = 2.0


class ScriptBackend(Struct, frozen=True):
    """Executes one file, without arguments, with the server's user rights."""

    path: str
    callback_address: str = "http://localhost:3030"
    certificates: str | None = None
    shares_network: ClassVar[bool] = True

    def check(self, image: str, properties: Mapping[str, object]) -> None:
        check_program(self.path)

    def check_network(self, network: Named) -> None:
        check_confinement(network, self.callback_address)

    def container_name(self, owner_key: str, image: str, run_id: str) -> str | None:
        return None

    def start(self, launch: Launch, output: Output) -> Running:
        return _start([self.path], launch, output, self.certificates)


class PythonBackend(Struct, frozen=True):
    """Runs the class that the run names as module and class, with the plugin command of a given Python."""

    python: str
    callback_address: str = "http://localhost:3030"
    certificates: str | None = None
    shares_network: ClassVar[bool] = True

    def check(self, image: str, properties: Mapping[str, object]) -> None:
        for name in ("pluginModule", "pluginName"):
            if not properties.get(name):
                raise Invalid(f"A plugin run that is started as a process needs the property {name}")
        check_program(self.python)

    def check_network(self, network: Named) -> None:
        check_confinement(network, self.callback_address)

    def container_name(self, owner_key: str, image: str, run_id: str) -> str | None:
        return None

    def start(self, launch: Launch, output: Output) -> Running:
        command = [self.python, "-m", "datapod", "plugin", "run", "--read-args-from-env"]
        return _start(command, launch, output, self.certificates)


class LocalProcess:
    """A process with a group and a session of its own, so that it can be ended with everything it started."""

    def __init__(
        self,
        command: list[str],
        variables: Mapping[str, str],
        output: Output,
        *,
        if_the_server_dies: Sequence[str] = (),
        folder: str | None = None,
    ) -> None:
        """Start it; raises `OSError` if that does not work.

        Args:
            if_the_server_dies: A command that then ends what is outside of the group.
            folder: The working folder; the server's own if it is None.
        """
        self._exit: Exit | None = None
        self._ended = threading.Event()
        environment = inherited(os.environ)
        self._guard = GroupGuard(if_the_server_dies, environment if if_the_server_dies else None)
        read_end, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=subprocess.STDOUT,
                # Unbuffered, so that the last lines of a plugin that is killed are there to be read.
                env=environment | {"PYTHONUNBUFFERED": "1"} | dict(variables),
                cwd=folder,
                start_new_session=True,
            )
        except OSError:
            os.close(read_end)
            self._guard.release()
            raise
        finally:
            os.close(write_end)
        self._guard.watch(self._process.pid)
        self._reader = threading.Thread(target=_deliver, args=(read_end, output), name="plugin output", daemon=True)
        self._reader.start()
        threading.Thread(target=self._await_end, name="plugin end", daemon=True).start()

    def wait(self, timeout_seconds: float) -> Exit | None:
        return self._exit if self._ended.wait(timeout_seconds) else None

    def host(self) -> str | None:
        return "127.0.0.1"

    def memory_mb(self) -> float:
        try:
            leader = psutil.Process(self._process.pid)
            processes = [leader, *leader.children(recursive=True)]
        except psutil.Error:
            return 0.0
        return sum(_resident_bytes(process) for process in processes) / 2**20

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def cleanup(self) -> None:
        # The leader is still a zombie here, so that its number, which is the group's, cannot belong to a stranger yet.
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._guard.release()
        # A process that left the group may hold the pipe open for ever; what it prints from now on is nobody's.
        self.finish_output()

    def finish_output(self) -> None:
        """Return when all output of an ended process was delivered, or nobody can tell when that will be."""
        self._reader.join(_LAST_OUTPUT_SECONDS)

    def _await_end(self) -> None:
        """Learn how it ended without reaping it; `cleanup` does that."""
        end = cast(os.waitid_result, os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT))  # None comes with WNOHANG only
        exited = end.si_code == os.CLD_EXITED
        self._exit = Exit(code=end.si_status) if exited else Exit(signal_number=end.si_status)
        self._ended.set()

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):  # macOS refuses a group of zombies; there is nothing left to end
                return


def _start(command: list[str], launch: Launch, output: Output, certificates: str | None) -> Running:
    command = confined(command, launch)
    trusted = {} if certificates is None else {"REQUESTS_CA_BUNDLE": certificates, "SSL_CERT_FILE": certificates}
    try:
        return LocalProcess(command, {**trusted, **launch.variables}, output)
    except OSError as error:
        raise StartFailed(f"{command[0]}: {error.strerror}") from error


def _deliver(read_end: int, output: Output) -> None:
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        while chunk := pipe.read(_CHUNK_BYTES):
            output(chunk)


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def check_program(program: str) -> None:
    """Raise `MissingProgram` unless it is a file that may be executed, by path or on the search path."""
    if shutil.which(program) is not None:
        return
    if not os.path.exists(program):  # noqa: PTH110 - a name without a slash is no path
        raise MissingProgram(program, "no such file")
    raise MissingProgram(program, "is a directory" if os.path.isdir(program) else "not executable")  # noqa: PTH112

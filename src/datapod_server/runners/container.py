"""Runs as containers of docker, podman, or whatever takes their arguments. Source: pod-protocol.md, 14.3.

The engine's `run` command stays in the foreground: it prints what the plugin prints and ends with its exit code. The container itself may
belong to a daemon, so it is stopped, killed and removed by name and not through that command.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess

from msgspec import Struct

from datapod_server.rights import Named
from datapod_server.runners.backend import Exit, Launch, Output, Running, StartFailed
from datapod_server.runners.confinement import cannot_enforce
from datapod_server.runners.environment import inherited
from datapod_server.runners.leftovers import Leftovers
from datapod_server.runners.output import OutputTail
from datapod_server.runners.process import LocalProcess, check_program
from datapod_server.runners.settings import ContainerSettings

log = logging.getLogger("datapod.runners")

_ENGINES = ("docker", "podman")
_STOP_SECONDS = 5  # source: pod-protocol.md, 14.7
_ANSWER_SECONDS = 5.0
_REMOVE_SECONDS = 30.0
_ENGINE_FAILED = 125  # of `docker run` and `podman run`: the container was never started
_KILLED = 128 + signal.SIGKILL
_COMPLAINT = re.compile(r"^(?:Error|docker|podman)\b[^:]*: *(.+)$", re.MULTILINE)
_COMPLAINT_BYTES = 4096


class ContainerBackend(Struct, frozen=True):
    """Starts containers and knows their names."""

    settings: ContainerSettings
    memory_mb: float = 0.0
    leftovers: Leftovers = Leftovers(None)

    @property
    def shares_network(self) -> bool:
        return self.settings.network == "host"

    def check(self, image: str, properties: object) -> None:
        check_program(self.settings.engine)

    def check_network(self, network: Named) -> None:
        if network.chosen is None:
            return
        settings = self.settings
        if not network.chosen and (settings.network == "none" or self._is_internal()):
            return
        another = (
            "an internal --plugins-docker-network" if not network.chosen and not self.shares_network else "another --plugins-docker-network"
        )
        ways_out = f"choose {another}, or run it as a process" if not network.chosen else "or run it as a process"
        raise cannot_enforce(settings.engine, network, where=f" on network {settings.network}", ways_out=ways_out)

    def container_name(self, owner_key: str, image: str, run_id: str) -> str | None:
        return "-".join(re.sub("[^A-Za-z0-9]", "", part) for part in (owner_key, image, run_id))

    def start(self, launch: Launch, output: Output) -> Running:
        name = launch.name or self.container_name(launch.owner_key, launch.image, launch.run_id)
        assert name is not None  # noqa: S101 - containers always have one
        self.leftovers.note(name, self.settings.engine)
        log.info("starting %s", " ".join(self.command(name, launch.image, dict.fromkeys(launch.variables, "…"))))
        try:
            return ContainerRun(self, name, launch, output)
        except OSError as error:
            self.leftovers.forget(name)
            raise StartFailed(f"{self.settings.engine}: {error.strerror}") from error

    def command(self, name: str, image: str, variables: dict[str, str]) -> list[str]:
        """The argument vector, word for word as the protocol has it."""
        settings = self.settings
        return [
            settings.engine,
            "run",
            f"--pull={settings.pull}",
            f"--network={settings.network}",
            *(f"--env={variable}={value}" for variable, value in variables.items()),
            *([f"--memory={self.memory_mb:g}m"] if self.memory_mb else []),
            f"--name={name}",
            "--rm",
            "--",
            image,
        ]

    def variables(self, launch: Launch) -> dict[str, str]:
        """Those of the run; on systems where containers live in a machine of their own, that machine's name for this one."""
        own_address = self.settings.callback_address
        return dict(launch.variables) | ({"POD_FULL_ADDRESS": own_address} if own_address is not None else {})

    def _is_internal(self) -> bool:
        """Whether the network leads nowhere but to its members."""
        command = ["network", "inspect", "--format", "{{.Internal}}", self.settings.network]
        return not self.shares_network and ask_engine(self.settings.engine, *command, within_seconds=_ANSWER_SECONDS) == "true"


class ContainerRun:
    """One container, and the engine's command in front of it."""

    def __init__(self, backend: ContainerBackend, name: str, launch: Launch, output: Output) -> None:
        """Raises `OSError` if the engine cannot be started."""
        self._backend = backend
        self._engine = backend.settings.engine
        self._name = name
        self._tail = OutputTail(_COMPLAINT_BYTES)
        self._output = output
        self._exit: Exit | None = None
        self._killed = False
        self._stopping: subprocess.Popen[bytes] | None = None
        command = backend.command(name, launch.image, backend.variables(launch))
        remove = (self._engine, "rm", "--force", name)
        # Podman's watcher leaves a file `oom` in its working folder when a container took too much memory.
        self._client = LocalProcess(command, {}, self._take, if_the_server_dies=remove, folder=backend.leftovers.surroundings())

    def wait(self, timeout_seconds: float) -> Exit | None:
        if self._exit is None:
            end = self._client.wait(timeout_seconds)
            self._exit = None if end is None else self._explained(end)
        return self._exit

    def host(self) -> str | None:
        return "127.0.0.1" if self._backend.shares_network else self._name

    def memory_mb(self) -> float:
        return 0.0  # the engine keeps it to its limit

    def terminate(self) -> None:
        if self._client.wait(0) is None and self._stopping is None:
            command = [self._engine, "stop", "-t", str(_STOP_SECONDS), self._name]
            # It returns when the container has ended; the supervising thread has its own patience.
            self._stopping = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=inherited(os.environ)
            )

    def kill(self) -> None:
        if self._client.wait(0) is not None:
            return
        self._killed = True
        if ask_engine(self._engine, "kill", self._name, within_seconds=_ANSWER_SECONDS) is None:
            self._client.kill()  # there is no such container yet: its image is on the way, or it is being made

    def cleanup(self) -> None:
        self._client.cleanup()
        if self._stopping is not None:
            self._stopping.kill()
            self._stopping.wait()
        if self._exit is not None and self._exit.code == _ENGINE_FAILED:
            gone = True  # a container of this name, if there is one, is not ours
        else:
            gone = remove_container(self._engine, self._name)
        if gone:
            self._backend.leftovers.forget(self._name)

    def _take(self, chunk: bytes) -> None:
        self._tail.append(chunk)
        self._output(chunk)

    def _explained(self, end: Exit) -> Exit:
        """What the exit code of the engine's command stands for."""
        if end.code == _ENGINE_FAILED:
            self._client.finish_output()
            complaints = _COMPLAINT.findall(self._tail.content().decode(errors="replace"))
            return Exit(end.code, text=f"Failed to start: {complaints[-1]}" if complaints else None)
        if end.code == _KILLED and self._backend.memory_mb and not self._killed:
            limit = f"{self._backend.memory_mb:g} MiB of memory"
            return Exit(end.code, text=f"{end.reason()}: it reached the limit of {limit}, or somebody killed it")
        return end


def default_engine() -> str:
    """`docker`, or `podman` where only that is installed."""
    return next((engine for engine in _ENGINES if shutil.which(engine) is not None), _ENGINES[0])


def ask_engine(engine: str, *arguments: str, within_seconds: float) -> str | None:
    """What a short command of the engine answers, without white space around it; None if it fails or takes too long."""
    try:
        done = subprocess.run(
            [engine, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_seconds,
            env=inherited(os.environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("%s %s: %s", engine, arguments[0], error)
        return None
    if done.returncode != 0:
        log.debug("%s %s: %s", engine, arguments[0], done.stderr.strip())
        return None
    return done.stdout.strip()


def remove_container(engine: str, name: str) -> bool:
    """End and remove it, whatever state it is in; True if it is gone afterwards, or was before."""
    if ask_engine(engine, "rm", "--force", name, within_seconds=_REMOVE_SECONDS) is not None:
        return True
    names = container_names(engine)
    return names is not None and name not in names


def container_names(engine: str) -> set[str] | None:
    """All containers that the engine knows, whatever state they are in; None if it does not answer."""
    answer = ask_engine(engine, "ps", "--all", "--format", "{{.Names}}", within_seconds=_REMOVE_SECONDS)
    return None if answer is None else set(answer.split())


def end_leftover_containers(leftovers: Leftovers) -> None:
    """Called once at the start of a server: remove the containers that an earlier one left."""
    for engine in leftovers.programs():
        names = container_names(engine)
        if names is None:
            log.warning("containers that an earlier server left may still run: %s does not answer", engine)
            continue
        removed = [remove_container(engine, name) for name in names if leftovers.noted(name)]
        if all(removed):
            leftovers.clear(engine)

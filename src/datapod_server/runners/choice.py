"""Which backend starts which image. Source: pod-protocol.md, 14.3."""

from __future__ import annotations

from pathlib import Path

from datapod_server.runners.backend import Backend, MissingProgram
from datapod_server.runners.container import ContainerBackend, end_leftover_containers
from datapod_server.runners.leftovers import Leftovers
from datapod_server.runners.process import PythonBackend, ScriptBackend
from datapod_server.runners.settings import ANY_IMAGE, RunnerSettings


def choose_backend(image: str, settings: RunnerSettings) -> Backend:
    """The script for exactly this image; else a process, if the image is listed for it; else the cluster; else a container."""
    if image in settings.scripts:
        return ScriptBackend(settings.scripts[image])
    python = settings.processes.get(image, settings.processes.get(ANY_IMAGE))
    if python is not None:
        return PythonBackend(python)
    if settings.kubernetes:
        raise MissingProgram("kubernetes", "soon")
    return ContainerBackend(settings.containers, settings.max_memory_mb, _leftovers(settings, "containers"))


def end_leftovers(settings: RunnerSettings) -> None:
    """Called once at the start of a server, before any run: end what an earlier server left when it was killed."""
    end_leftover_containers(_leftovers(settings, "containers"))


def _leftovers(settings: RunnerSettings, kind: str) -> Leftovers:
    return Leftovers(None if settings.state_folder is None else str(Path(settings.state_folder) / kind))

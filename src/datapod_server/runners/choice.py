"""Which backend starts which image. Source: pod-protocol.md, 14.3."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from datapod_server.runners.backend import Backend, MissingProgram
from datapod_server.runners.container import ContainerBackend, end_leftover_containers
from datapod_server.runners.leftovers import Leftovers
from datapod_server.runners.process import PythonBackend, ScriptBackend
from datapod_server.runners.settings import ANY_IMAGE, RunnerSettings

if TYPE_CHECKING:
    from datapod_server.runners.kubernetes import KubernetesBackend

log = logging.getLogger("datapod.runners")


def choose_backend(image: str, settings: RunnerSettings) -> Backend:
    """The script for exactly this image; else a process, if the image is listed for it; else the cluster; else a container."""
    if image in settings.scripts:
        return ScriptBackend(settings.scripts[image], settings.callback_address, settings.certificates)
    python = settings.processes.get(image, settings.processes.get(ANY_IMAGE))
    if python is not None:
        return PythonBackend(python, settings.callback_address, settings.certificates)
    if settings.kubernetes:
        return _kubernetes_backend(settings)
    return ContainerBackend(settings.containers, settings.max_memory_mb, _leftovers(settings, "containers"))


def end_leftovers(settings: RunnerSettings) -> None:
    """Called once at the start of a server, before any run: end what an earlier server left when it was killed."""
    end_leftover_containers(_leftovers(settings, "containers"))
    jobs = _leftovers(settings, "jobs")
    if not jobs.programs():
        return
    try:
        backend = _kubernetes_backend(settings)
    except MissingProgram as missing:
        log.warning("Jobs that an earlier server left may still run: %s", missing.reason)
        return
    backend.end_leftovers()


def _kubernetes_backend(settings: RunnerSettings) -> KubernetesBackend:
    """Imported only where there is a cluster: the client is an extra, and takes a third of a second."""
    try:
        from datapod_server.runners.cluster import Cluster, ClusterError
        from datapod_server.runners.kubernetes import PROGRAM, KubernetesBackend
    except ModuleNotFoundError as error:
        raise MissingProgram("kubernetes", "its client is not installed: pip install 'datapod[kubernetes]'") from error
    try:
        cluster = Cluster.connect()
    except ClusterError as error:
        raise MissingProgram(PROGRAM, str(error)) from error
    return KubernetesBackend(cluster, settings.public_domain, settings.max_memory_mb, _leftovers(settings, "jobs"))


def _leftovers(settings: RunnerSettings, kind: str) -> Leftovers:
    return Leftovers(None if settings.state_folder is None else str(Path(settings.state_folder) / kind))

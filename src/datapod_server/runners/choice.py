"""Which backend starts which image. Source: pod-protocol.md, 14.3."""

from __future__ import annotations

from datapod_server.runners.backend import Backend, MissingProgram
from datapod_server.runners.process import PythonBackend, ScriptBackend
from datapod_server.runners.settings import ANY_IMAGE, RunnerSettings


def choose_backend(image: str, settings: RunnerSettings) -> Backend:
    """The script for exactly this image; else a process, if the image is listed for it; else the cluster; else a container.

    Raises:
        MissingProgram: It would be the cluster or a container, which this version does not start.
    """
    if image in settings.scripts:
        return ScriptBackend(settings.scripts[image])
    python = settings.processes.get(image, settings.processes.get(ANY_IMAGE))
    if python is not None:
        return PythonBackend(python)
    program = "kubectl" if settings.kubernetes else settings.container_engine
    raise MissingProgram(
        program,
        f"this version starts plugins as processes only: start the server with --plugins-process {image}"
        f" or --insecure-plugin-script {image}=/path, or name one of its images",
    )

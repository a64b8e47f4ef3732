"""What the operator chose about plugin runs, and how the two options with a `=` are read. Source: pod-protocol.md, 19.1."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

ANY_IMAGE = "*"


class ContainerSettings(Struct, frozen=True, kw_only=True):
    """How containers are started.

    Attributes:
        engine: The program: `docker`, `podman`, or one that takes the same arguments.
        network: The engine's name of the network; `host` is the server's own.
        pull: When images are fetched.
        callback_address: Where containers reach the server, if that is not where processes do.
    """

    engine: str = "docker"
    network: str = "host"
    pull: Literal["always", "missing", "never"] = "missing"
    callback_address: str | None = None


class RunnerSettings(Struct, frozen=True, kw_only=True):
    """Options of the door that reads them, handed down.

    Attributes:
        callback_address: Where runs reach the server, without a trailing slash.
        certificates: File with the certificates that processes are to trust, where the server's own is self-signed; None: the system's.
        scripts: Image name to the path that is executed instead.
        processes: Image name, or `*`, to the Python that runs it as a process.
        kubernetes: Whether runs go to a cluster.
        public_domain: The domain under which the plugins of a cluster are known, for `PLUGIN_DNS`.
        state_folder: Where is noted what has to be ended if this server is killed; None: nowhere.
        unrestricted: Whether runs without declared permissions may start at all.
        max_seconds: How long one run may take; 0 sets no limit.
        max_memory_mb: Resident memory of one run with all its processes, in MiB; 0 sets no limit.
    """

    callback_address: str = "http://localhost:3030"
    certificates: str | None = None
    scripts: Mapping[str, str] = MappingProxyType({})
    processes: Mapping[str, str] = MappingProxyType({})
    containers: ContainerSettings = ContainerSettings()
    kubernetes: bool = False
    public_domain: str | None = None
    state_folder: str | None = None
    unrestricted: Literal["allow", "deny"] = "allow"
    max_seconds: float = 0.0
    max_memory_mb: float = 0.0


def parse_script(text: str) -> tuple[str, str]:
    """Image and path of `IMAGE=/path`, split at the first `=`.

    Raises:
        ValueError: There is no `=`, or one side is empty.

    >>> parse_script("boats=/opt/boats.sh")
    ('boats', '/opt/boats.sh')
    """
    image, separator, path = text.partition("=")
    if not separator or not image or not path:
        raise ValueError(f"--insecure-plugin-script takes IMAGE=/path, not '{text}'")
    return image, path


def parse_process(text: str) -> tuple[str, str]:
    """Image and Python of `IMAGE[=PYTHON]`; the Python of this process where none is named.

    Raises:
        ValueError: A side of the `=` is empty.

    >>> parse_process("boats=/opt/venv/bin/python")
    ('boats', '/opt/venv/bin/python')
    """
    image, separator, python = text.partition("=")
    if not image or (separator and not python):
        raise ValueError(f"--plugins-process takes IMAGE or IMAGE=PYTHON, not '{text}'")
    return image, python or sys.executable

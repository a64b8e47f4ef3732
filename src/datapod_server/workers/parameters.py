"""What may be set: `params` of a plugin, the body of a script request, and the limits in both.

Source: python-runtime.md, 2.2, 4.1, 14.2.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

NULL = Raw(b"null")

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class Wire(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """JSON objects of clients: camelCase, unknown members refused."""


class Limits(Wire, frozen=True):
    """None: no limit."""

    load_seconds: Positive | None = None
    route_seconds: Positive | None = 300.0
    script_seconds: Positive | None = None
    cpu_seconds: Positive | None = None
    memory_mb: Positive | None = None  # None: half of the machine's memory
    output_kb: Annotated[int, Meta(ge=0)] = 16384
    concurrency: Annotated[int, Meta(ge=1)] = 16


class Restart(Wire, frozen=True):
    policy: Literal["never", "on-failure", "always"] = "on-failure"
    max: Annotated[int, Meta(ge=0)] = 5
    window_seconds: NotNegative = 60.0
    backoff_seconds: NotNegative = 0.2


class Runtime(Wire, frozen=True):
    """How code runs."""

    limits: Limits = Limits()
    restart: Restart = Restart()
    reload: bool = False
    install: Literal["copy", "link"] = "copy"
    missing_return: Literal[404, 500] | None = None
    sha256: str | None = None
    isolation: Literal["process"] = "process"
    writable: tuple[str, ...] = ()
    network: Literal["outbound", "none"] | None = None
    check: bool = False


class PackageElementSources(Wire, frozen=True):
    """The code itself."""

    main: str = ""
    routes: str = ""
    status: str = ""

    @property
    def empty(self) -> bool:
        return not (self.main or self.routes or self.status)


class PythonPluginParams(Wire, frozen=True):
    """`params` of a plugin of type `python`: an address or a source."""

    address: str = ""
    source: PackageElementSources | str = PackageElementSources()  # a string is refused, in words that say why
    args: Any = None
    runtime: Runtime = Runtime()


class ScriptBody(Wire, frozen=True):
    """The body of `POST /v1/types/plugins/python/routes/run`."""

    source: str = ""
    address: str = ""
    args: Any = None
    write_source_to_file: bool = False
    runtime: Runtime = Runtime()


class WorkerSettings(Struct, frozen=True):
    """What the operator decides for all code of a server. `hidden`: files and folders that code may not read, such as key files."""

    network: Literal["outbound", "none"] = "outbound"
    echo_output: bool = False
    bound_address: str = ""
    hidden: tuple[str, ...] = ()

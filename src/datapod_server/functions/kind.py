"""What a function type declares of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from datapod_server.sql.environment import Environment
from datapod_server.sql.tables import Apply


class Function(Protocol):
    """One function, made and ready to be bound to queries, by several threads at once."""

    def bind(self, environment: Environment) -> Apply:
        """Make it ready for one query, or for one call over REST. Raises `QueryError`, and what names in it raise."""
        ...

    def status(self) -> Any:
        """The `status` member of the entity; None for none."""
        ...

    def info(self) -> dict[str, Any]:
        """Input and output. Source: rest-api.md, 5.3."""
        ...


class FunctionKind(Struct, frozen=True):
    """One function type.

    Attributes:
        name: As in `type` of a configuration.
        params: The msgspec type of `params`: frozen, camelCase on the wire, unknown members refused.
        create: Called with decoded params when the function is made. What it raises refuses the configuration.
        summary: One line for the list of types.
    """

    name: str
    params: type[Struct]
    create: Callable[[Any], Function]
    summary: str


class Types(Protocol):
    """A registry of types."""

    def add(self, kind: Any, /) -> None: ...

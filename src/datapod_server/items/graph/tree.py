"""The nodes of a parsed query."""

from __future__ import annotations

from msgspec import Struct

Scalar = str | int | float | bool | None


class Condition(Struct, frozen=True):
    """`filter: {name: {gte: 5}}`; `operator` is one of those of `search` (`==`, `!=`, `>=` ...)."""

    name: str
    operator: str
    value: Scalar


class Arguments(Struct, frozen=True):
    """What stands in parentheses.

    Attributes:
        order: Property to order by; None for the order in which things were made.
    """

    conditions: tuple[Condition, ...] = ()
    limit: int | None = None
    offset: int = 0
    order: str | None = None
    descending: bool = False


class Property(Struct, frozen=True):
    """A name without a selection; `key` is under what it stands in the answer."""

    name: str
    key: str


class Edge(Struct, frozen=True):
    """A name with a selection; `incoming`: it was written with `~`."""

    name: str
    key: str
    incoming: bool
    arguments: Arguments
    selection: Selection


class Selection(Struct, frozen=True):
    properties: tuple[Property, ...] = ()
    edges: tuple[Edge, ...] = ()


class Root(Struct, frozen=True):
    """The items of one type."""

    item_type: str
    arguments: Arguments
    selection: Selection

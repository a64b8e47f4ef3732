"""What a query needs from outside: tables, and an object that finds them. Datasets and items fit these protocols without importing them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from datapod_server.principal import Principal
from datapod_server.storage.engine import Relation
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

if TYPE_CHECKING:
    from datapod_server.sql.environment import Environment


class Table(Protocol):
    """A dataset, or items or edges, as the language sees it."""

    def columns(self) -> Sequence[Path]:
        """All columns that some row has, in the dataset's own order."""
        ...

    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]:
        """All rows in the order of sql-language.md, 11.4, each once, also those without any of the wanted columns.

        With `columns` only these are needed; more may come.
        """
        ...

    def row_count(self) -> int: ...

    def relation(self) -> Relation | None:
        """How the engine holds it; None if only `rows` can read it."""
        ...


Apply = Callable[[Sequence[Cell]], Sequence[Cell]]
"""From the flattened row of the argument (a bare value is one cell of the empty path) to that of the result."""


class UserFunction(Protocol):
    """A function entity that is called from a query with one row."""

    def bind(self, environment: Environment) -> Apply:
        """Make it ready for one query; called with that query's environment. Raises `QueryError`."""
        ...


class Resolve(Protocol):
    """Finds what a query names. Every method raises `EntryNotFound`, or `Conflict` for an entry that is not ready."""

    def dataset(self, name: str) -> Table: ...

    def configured(self, config: Mapping[str, Any]) -> Table:
        """The dataset that a JSON object in place of a FROM text describes."""
        ...

    def items(self, item_type: str | None, principal: Principal, words: str | None = None) -> Table:
        """Items of one type or of all, only those whose texts contain `words`; what the principal may not read is absent."""
        ...

    def edges(self, name: str | None, principal: Principal) -> Table: ...

    def function(self, name: str) -> UserFunction | None:
        """None if there is no function entity of that name."""
        ...

"""What a dataset type declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.recording import ColumnOfCells
from datapod_server.storage.engine import Relation
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Row


class Dataset(Protocol):
    """What every dataset of this room does. `api/v1` asks the whole of it, `sql` the part that is its `Table`."""

    def record_rows(self, rows: Sequence[Row]) -> None: ...
    def record_columns(self, columns: Sequence[ColumnOfCells]) -> None: ...
    def commit(self) -> None: ...
    def drop(self) -> None: ...
    def status(self) -> dict[str, Any]: ...
    def columns(self) -> Sequence[Path]: ...
    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]: ...
    def row_count(self) -> int: ...
    def row_names(self, start: int = 0, limit: int = -1) -> list[Path]: ...
    def values(self, column: Path) -> list[Atom]: ...
    def value_counts(self, column: Path, offset: int = 0, limit: int = -1) -> list[tuple[Atom, int]]: ...
    def timestamp_range(self) -> tuple[float, float] | None: ...
    def relation(self) -> Relation | None: ...


class DatasetKind(Struct, frozen=True):
    """One dataset type.

    Attributes:
        name: As in `type` of a configuration.
        params: The msgspec type of `params`: frozen, camelCase on the wire, unknown members refused, everything has a default.
        create: Called with decoded params when the entity is made, replaced or found again at a restart; the place says which data.
            What it raises becomes the error of the entity.
        summary: One line for the list of types.
    """

    name: str
    params: type[Struct]
    create: Callable[[Any, DatasetPlace], Dataset]
    summary: str


class Types(Protocol):
    """A registry of types."""

    def add(self, kind: Any, /) -> None: ...

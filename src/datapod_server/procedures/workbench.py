"""What procedures get handed in: everything they need from the house and nothing else. Made by the pod, once.

Each callable is used from the thread of a run, any number of times, by several runs at once; what it raises ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from datapod_server.datasets.recording import ColumnOfCells
from datapod_server.messages import Cancellation
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.vfs import Vfs


class Recordable(Protocol):
    """A dataset that takes rows. `TabularDataset` and `SparseDataset` are two."""

    def record_rows(self, rows: Sequence[Row]) -> None: ...
    def record_columns(self, columns: Sequence[ColumnOfCells]) -> None: ...
    def commit(self) -> None: ...
    def status(self) -> dict[str, Any]: ...
    def drop(self) -> None: ...


class Output(Protocol):
    """A dataset that is being built beside the one that it may replace. Exactly one of `publish` and `discard` ends it."""

    @property
    def dataset(self) -> Recordable:
        """Under a key of its own; not listed, so nobody else knows it."""
        ...

    def publish(self) -> None:
        """Commit it and put it in the place of what has its id, whatever that is. Raises what the commit raises; then `discard` follows."""
        ...

    def discard(self) -> None:
        """Remove it; what had its id stays as it was."""
        ...


class QueryRows(Struct, frozen=True):
    """The answer of an input query. `plain`: it has a FROM and does not group, so that its nulls are written (chapter, 6.1)."""

    rows: Iterator[Row]
    plain: bool


class LineScope(Struct, frozen=True):
    """What the expressions of `import.text` see of one line, beside its columns."""

    line_number: int
    cells: Sequence[Cell]  # of the file's columns in their order, nulls included, all with the file's time


class LineProgram(Protocol):
    """The four expressions of `import.text`, bound to the columns of a file."""

    @property
    def columns(self) -> Sequence[Path]:
        """Names that the select list is known to give, in its order; they become the columns of a table."""
        ...

    def run(self, scope: LineScope) -> Row | None:
        """`named`, `where`, `timestamp` and `select` of one line, in this order; None where `where` is not true.

        Nulls of the select list are cells. All cells have the time that `timestamp` gives.
        """
        ...


class LineExpressions(Struct, frozen=True):
    """Texts of the four expressions with what their functions answer. Source: datasets-and-procedures.md, 4.7."""

    select: str
    where: str
    named: str
    timestamp: str
    columns: Sequence[Path]
    file_time: float  # seconds since 1970; NaN if unknown
    file_url: str


class Workbench(Struct, frozen=True):
    """
    Attributes:
        vfs: URLs to streams.
        create_output: Called with the id (None: an automatic one), the type and its params; gives the dataset to build.
        run_query: Runs an InputQuery (a SELECT text, or an object of clauses) as the one who asked for the run.
        bind_lines: Parses and binds expressions; raises `Invalid` or `QueryError` with the texts of the chapter.
    """

    vfs: Vfs
    create_output: Callable[[str | None, str, dict[str, Any]], Output]
    run_query: Callable[[str | dict[str, Any], Cancellation], QueryRows]
    bind_lines: Callable[[LineExpressions], LineProgram]

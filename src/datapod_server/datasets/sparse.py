"""`sparse.mutable`: cells of any shape, any number of values per cell.

One engine table holds the cells: `_name` (printed row path), `_ord` (number of the recorded row, the same for all its cells),
`_column` (id), `_ts` (seconds, already coarsened), and the value in the one of `i` (integer), `d` (double), `s` (text) and `x` (tagged)
that is not NULL; all four are NULL for an explicit null. A second table gives column ids their paths. What lies below
`committed_order` is readable.

Source: datasets-and-procedures.md, 3.3.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

import msgspec
import numpy
import pyarrow
from msgspec import Struct
from sqlglot import exp

from datapod_server.datasets import cells
from datapod_server.datasets.kind import DatasetKind, Types
from datapod_server.datasets.place import DatasetPlace, drop_data
from datapod_server.datasets.recording import ColumnOfCells, check_column_name, printed_name, rows_of_columns
from datapod_server.datasets.times import quantise
from datapod_server.errors import Invalid
from datapod_server.storage.engine import Relation
from datapod_server.values.atoms import Atom, order_key
from datapod_server.values.path import Path
from datapod_server.values.rows import Row


class SparseParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Source: datasets-and-procedures.md, 3.3."""

    time_quantum_seconds: float = 1.0
    consistency_level: Literal["consistentAfterCommit", "consistentAfterWrite"] = "consistentAfterCommit"
    favor: Literal["favorReads", "favorWrites"] = "favorReads"  # a hint that this store does not need


class SparseState(Struct, frozen=True):
    """What the table of keys remembers: how many recorded rows, and how many of the columns in order of appearance, are committed."""

    committed_order: int = 0
    committed_columns: int = 0


class SparseDataset:
    """Use from several threads is safe: one recording at a time, any number of readers."""

    def __init__(self, place: DatasetPlace, *, time_quantum_seconds: float, readable_after_write: bool) -> None:
        self._place, self._engine = place, place.engine
        self._table, self._names = place.table("cells"), place.table("columns")
        self._quantum = time_quantum_seconds
        self._readable_after_write = readable_after_write
        self._recording = threading.RLock()
        stored = place.find_state()
        if stored is None:
            self._state = SparseState()
            self._create()
        else:
            self._state = msgspec.json.decode(stored, type=SparseState)
        self._columns = cells.stored_columns(self._engine, self._names)
        self._next_order = cells.next_order(self._engine, self._table)
        if readable_after_write:
            self._state = SparseState(self._next_order, len(self._columns))

    # Recording

    def record_rows(self, rows: Sequence[Row]) -> None:
        """All rows or, on any error, none; durable on return. Readable after the next commit, or at once where the parameters say so."""
        columns, values, times = _flat(rows)
        numbers: dict[Path, int] = {}
        places = [numbers.setdefault(column, len(numbers)) for column in columns]
        self.record_cells([row.name for row in rows], [len(row.cells) for row in rows], list(numbers), places, values, times)

    def record_cells(
        self,
        names: Sequence[Path],
        counts: Sequence[int],
        columns: Sequence[Path],
        numbers: Sequence[int],
        values: Sequence[Atom],
        times: Sequence[float],
    ) -> None:
        """`record_rows` without an object per cell, twice as fast. `counts` says how many cells each row has; `numbers` (of `columns`),
        `values` and `times` are those of all cells, row after row. Raises `Invalid` also where these do not fit together.
        """
        printed = list(map(printed_name, names))
        if not len(numbers) == len(values) == len(times) == sum(counts) or len(counts) != len(names) or min(counts, default=0) < 0:
            raise Invalid("the cells do not fit the rows")
        if not numbers:
            return
        coarse = quantise(numpy.array(times, numpy.float64), self._quantum)
        used = dict.fromkeys(numbers)  # in order of first appearance
        if min(used) < 0 or max(used) >= len(columns):
            raise Invalid("a cell has a column that is not there")
        with self._recording:
            new = [check_column_name(column) for column in dict.fromkeys(columns[n] for n in used) if column not in self._columns]
            ids = self._columns | {column: len(self._columns) + place for place, column in enumerate(new)}
            id_of_number = numpy.array([ids.get(column, -1) for column in columns], numpy.int64)
            batch = self._batch(printed, counts, id_of_number[numpy.array(numbers, numpy.int64)], values, coarse)
            with self._engine.transaction() as transaction:
                if new:
                    transaction.append(self._names, cells.column_names({column: ids[column] for column in new}))
                transaction.append(self._table, batch)
            self._columns = ids
            self._next_order += len(names)
            if self._readable_after_write:
                self._state = SparseState(self._next_order, len(ids))

    def record_columns(self, columns: Sequence[ColumnOfCells]) -> None:
        self.record_rows(rows_of_columns(columns))

    def commit(self) -> None:
        """Make everything recorded so far readable. Without any record it is fine and leaves an empty dataset."""
        with self._recording:
            state = SparseState(self._next_order, len(self._columns))
            with self._engine.transaction() as transaction:
                self._place.save_state(transaction, state)
            self._state = state

    def drop(self) -> None:
        """Remove the data for good."""
        with self._recording:
            drop_data(self._engine, self._place.key)

    # Reading

    def status(self) -> dict[str, Any]:
        query = exp.select(exp.Count(this=exp.Star())).from_(cells.table(self._table)).where(self._readable())
        ((count,),) = self._engine.fetch(query)
        return {"rowCount": self.row_count(), "columnCount": len(self.columns()), "valueCount": count}

    def columns(self) -> Sequence[Path]:
        """In natural order."""
        return sorted(self._readable_columns(), key=lambda path: path.key)

    def row_count(self) -> int:
        distinct = exp.Count(this=exp.Distinct(expressions=[exp.column("_name", quoted=True)]))
        ((count,),) = self._engine.fetch(exp.select(distinct).from_(cells.table(self._table)).where(self._readable()))
        return int(count)

    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]:
        """Committed rows, the last recorded one first (a row counts from its first cell), each with all its cells in recording order."""
        wanted = None if columns is None else frozenset(columns)
        paths = list(self._columns)
        return cells.rows_of(cells.read(self._engine, self._table, self._state.committed_order), paths, wanted)

    def row_names(self, start: int = 0, limit: int = -1) -> list[Path]:
        return cells.row_names(self._engine, self._table, self._state.committed_order, start, limit)

    def values(self, column: Path) -> list[Atom]:
        """Distinct values, ascending. Raises `Invalid` for an unknown column."""
        return [value for value, _ in self.value_counts(column)]

    def value_counts(self, column: Path, offset: int = 0, limit: int = -1) -> list[tuple[Atom, int]]:
        """Distinct values, ascending, with the number of rows that hold them; an explicit null is a value."""
        known = self._readable_columns()
        if column not in known:
            raise Invalid(f"unknown column '{column}' in dataset", columnName=str(column), knownColumns=[str(path) for path in known])
        counts = cells.value_counts(self._engine, self._table, self._state.committed_order, self._columns[column])
        return sorted(counts, key=lambda entry: order_key(entry[0]))[offset : None if limit < 0 else offset + limit]

    def timestamp_range(self) -> tuple[float, float] | None:
        """Earliest and latest time over all cells, in seconds; None without cells that have a time."""
        return cells.timestamp_range(self._engine, self._table, self._state.committed_order)

    def relation(self) -> Relation | None:
        """None: a cell may have many values, so there is no engine row per dataset row."""
        return None

    # Inside

    def _batch(self, names: list[str], counts: Sequence[int], ids: Any, values: Sequence[Atom], times: Any) -> pyarrow.Table:
        places = numpy.repeat(numpy.arange(len(names), dtype=numpy.int64), counts)
        return pyarrow.table(
            {
                "_name": pyarrow.array(names, pyarrow.string()).take(pyarrow.array(places)),
                "_ord": pyarrow.array(places + self._next_order),
                "_column": pyarrow.array(ids),
                "_ts": pyarrow.array(times),
                **cells.split(values),
            }
        )

    def _create(self) -> None:
        with self._engine.transaction() as transaction:
            cells.create(transaction, self._table, self._names)
            self._place.save_state(transaction, self._state)

    def _readable_columns(self) -> list[Path]:
        return list(itertools.islice(self._columns, self._state.committed_columns))

    def _readable(self) -> exp.Expression:
        return cells.below(self._state.committed_order)


def _flat(rows: Sequence[Row]) -> tuple[list[Path], list[Atom], list[float]]:
    """Columns, values and times of all cells, row after row."""
    columns: list[Path] = []
    values: list[Atom] = []
    times: list[float] = []
    for row in rows:
        if row.cells:
            row_columns, row_values, row_times = zip(*row.cells, strict=True)
            columns.extend(row_columns)
            values.extend(row_values)
            times.extend(row_times)
    return columns, values, times


def create(params: SparseParams, place: DatasetPlace) -> SparseDataset:
    """Make the dataset, or find it again."""
    readable_after_write = params.consistency_level == "consistentAfterWrite"
    return SparseDataset(place, time_quantum_seconds=params.time_quantum_seconds, readable_after_write=readable_after_write)


def register(types: Types) -> None:
    types.add(DatasetKind("sparse.mutable", SparseParams, create, "Cells of any shape, any number of values per cell"))

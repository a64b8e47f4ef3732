"""`tabular`: a table whose columns the first row fixes, with one value per cell and one time per row.

It is one engine table: `_name` (printed row path), `_ord` (0, 1, ... in recording order), `_ts` (seconds), and for the n-th column `c<n>`
with the values of its base type and, once a value did not fit, `x<n>` with tagged texts. Rows below `committed_rows` are readable,
through a view that holds just them. Rows are only ever appended, so the engine hands them out in recording order.

Source: datasets-and-procedures.md, 3.4.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
import numpy
import pyarrow
from msgspec import Struct
from sqlglot import exp

from datapod_server.datasets import table_reading
from datapod_server.datasets.kind import DatasetKind, Types
from datapod_server.datasets.packing import DUCKDB, EXACT_DOUBLE, Packed, pack, refit
from datapod_server.datasets.place import DatasetPlace, drop_data
from datapod_server.datasets.recording import ColumnOfCells, printed_name, rows_of_columns
from datapod_server.datasets.tabulating import Batch, UnknownColumns, distinct_columns, fixed_columns, tabulate
from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation
from datapod_server.storage.engine import ColumnKind, Engine, Relation, RelationColumn, Transaction
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Row


class TabularParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Source: datasets-and-procedures.md, 3.4."""

    unknown_columns: UnknownColumns = "error"
    data_file_url: str = ""


class StoredColumn(Struct, frozen=True):
    """One column: `name` as its elements; `base` is None until the first value that is not null; `added` by a later row than the first."""

    name: tuple[str, ...]
    base: ColumnKind | None = None
    mixed: bool = False
    added: bool = False

    @property
    def path(self) -> Path:
        return Path(self.name)


class TabularState(Struct, frozen=True):
    """What the table of keys remembers. `fixed`: the first row was recorded, or a commit came before it."""

    fixed: bool = False
    columns: tuple[StoredColumn, ...] = ()
    committed_rows: int = 0
    committed_columns: int = 0


class TabularDataset:
    """Use from several threads is safe: one recording at a time, any number of readers."""

    def __init__(self, place: DatasetPlace, unknown_columns: UnknownColumns) -> None:
        self._place, self._engine = place, place.engine
        self._table, self._view = place.table("rows"), place.table("committed")
        self._unknown = unknown_columns
        self._recording = threading.RLock()
        stored = place.find_state()
        if stored is None:
            self._state = TabularState()
            self._create()
        else:
            self._state = msgspec.json.decode(stored, type=TabularState)
        ((self._recorded_rows,),) = self._engine.fetch(exp.select(exp.Count(this=exp.Star())).from_(_named(self._table)))
        # True while pending rows may repeat a name; what an earlier process left pending was never checked.
        self._unchecked = self._recorded_rows > self._state.committed_rows

    # Recording

    def record_rows(self, rows: Sequence[Row]) -> None:
        """All rows or, on any error, none; durable on return, readable after the next commit."""
        if rows:
            with self.recording() as recorder:
                recorder.record_rows(rows)

    def record_regular(
        self, names: Sequence[Path], columns: Sequence[Path], values: Sequence[Sequence[Atom]], times: numpy.ndarray
    ) -> bool:
        """Rows that all have the same columns, given by columns: five times as fast as `record_rows`, with the same rules and errors.

        Shapes: `values` (columns, rows); `times` float64 (rows,), without NaN: the latest time of each row.
        False, and nothing is recorded, unless these are exactly the table's columns, in their order.
        """
        with self.recording() as recorder:
            return recorder.record_regular(names, columns, values, times)

    def record_columns(self, columns: Sequence[ColumnOfCells]) -> None:
        self.record_rows(rows_of_columns(columns))

    @contextlib.contextmanager
    def recording(
        self, *, names_are_unique: bool = False, alone: bool = False, cancellation: Cancellation | None = None
    ) -> Iterator[TabularRecorder]:
        """Record in several steps what is written as a whole when the `with` ends well.

        `names_are_unique` is the caller's promise for a table that was empty before. `alone`: nobody else knows this dataset yet, so other
        datasets may be written meanwhile.
        """
        with self._recording:
            checked = names_are_unique and self._recorded_rows == 0
            with self._engine.transaction(cancellation=cancellation, exclusive=not alone) as transaction:
                recorder = TabularRecorder(self, transaction, self._state, self._recorded_rows)
                yield recorder
                if recorder.state is not self._state:
                    self._save(transaction, recorder.state)
            self._state, self._recorded_rows = recorder.state, recorder.recorded_rows
            self._unchecked = self._unchecked or not checked

    def commit(self) -> None:
        """Make everything recorded so far readable.

        Raises:
            Invalid: A row name stands twice, over the life of the dataset; `details.duplicates` has them all. Nothing becomes readable.
        """
        with self._recording:
            if self._unchecked:
                self._refuse_duplicates()
            state = msgspec.structs.replace(
                self._state, fixed=True, committed_rows=self._recorded_rows, committed_columns=len(self._state.columns)
            )
            with self._engine.transaction() as transaction:
                settled = tuple(self._settled(transaction, place, column) for place, column in enumerate(state.columns))
                state = msgspec.structs.replace(state, columns=settled)
                self._save(transaction, state)
            self._state, self._unchecked = state, False

    def drop(self) -> None:
        """Remove the data for good."""
        with self._recording:
            drop_data(self._engine, self._place.key)

    # Reading

    def status(self) -> dict[str, Any]:
        return {"rowCount": self.row_count(), "columnCount": len(self.columns()), "valueCount": table_reading.value_count(self)}

    def columns(self) -> Sequence[Path]:
        """In the order of recording."""
        state = self._state
        return [column.path for column in state.columns[: state.committed_columns]]

    def row_count(self) -> int:
        return self._state.committed_rows

    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]:
        """Committed rows in recording order, with the cells that are not null; only the cells of `columns` if given."""
        return table_reading.rows(self._engine, self.relation(), columns)

    def row_names(self, start: int = 0, limit: int = -1) -> list[Path]:
        return table_reading.row_names(self._engine, self.relation(), start, limit)

    def values(self, column: Path) -> list[Atom]:
        """Distinct values, ascending. Raises `Invalid` for an unknown column."""
        return [value for value, _ in self.value_counts(column)]

    def value_counts(self, column: Path, offset: int = 0, limit: int = -1) -> list[tuple[Atom, int]]:
        """Distinct values, ascending, with the number of rows that hold them."""
        counts = table_reading.value_counts(self._engine, self.relation(), column)
        return counts[offset : None if limit < 0 else offset + limit]

    def timestamp_range(self) -> tuple[float, float] | None:
        """Earliest and latest time over all cells, in seconds; None without cells that have a time."""
        return table_reading.timestamp_range(self._engine, self.relation())

    def relation(self) -> Relation:
        """The committed rows as the SQL compiler sees them."""
        state = self._state
        columns = tuple(_relation_column(place, column) for place, column in enumerate(state.columns[: state.committed_columns]))
        return Relation(self._view, "_name", "_ord", "_ts", columns)

    # Inside

    @property
    def unknown_columns(self) -> UnknownColumns:
        return self._unknown

    @property
    def table(self) -> str:
        return self._table

    @property
    def engine(self) -> Engine:
        return self._engine

    def _create(self) -> None:
        kinds = {"_name": "VARCHAR", "_ord": "BIGINT", "_ts": "DOUBLE"}
        with self._engine.transaction() as transaction:
            definitions = [
                exp.ColumnDef(this=_quoted(name), kind=exp.DataType.build(kind, dialect="duckdb")) for name, kind in kinds.items()
            ]
            transaction.execute(exp.Create(this=exp.Schema(this=_named(self._table), expressions=definitions), kind="TABLE"))
            self._save(transaction, self._state)

    def _save(self, transaction: Transaction, state: TabularState) -> None:
        """Write the state and the view that follows from it."""
        below = exp.column("_ord", quoted=True) < exp.Literal.number(state.committed_rows)
        rows = exp.select("*").from_(_named(self._table)).where(below)
        transaction.execute(exp.Create(this=_named(self._view), kind="VIEW", replace=True, expression=rows))
        self._place.save_state(transaction, state)

    def _settled(self, transaction: Transaction, place: int, column: StoredColumn) -> StoredColumn:
        """A column that is committed has a base, so that it can be read; one without any value is an integer column."""
        if column.base is not None:
            return column
        add_column(transaction, self._table, f"c{place}", DUCKDB[ColumnKind.INTEGER])
        return msgspec.structs.replace(column, base=ColumnKind.INTEGER)

    def _refuse_duplicates(self) -> None:
        name = exp.column("_name", quoted=True)
        twice = exp.Count(this=exp.Star()) > exp.Literal.number(1)
        order = exp.Min(this=exp.column("_ord", quoted=True))
        found = self._engine.fetch(exp.select(name).from_(_named(self._table)).group_by(name).having(twice).order_by(order))
        if found:
            duplicates = [row[0] for row in found]
            text = ", ".join(duplicates)
            shown = text if len(text) <= 100 else text[:100] + "..."
            raise Invalid(f"Duplicate row name(s) in tabular dataset: {shown}", duplicates=duplicates)


class TabularRecorder:
    """One transaction of recording. Made by `TabularDataset.recording`."""

    def __init__(self, dataset: TabularDataset, transaction: Transaction, state: TabularState, recorded_rows: int) -> None:
        self._dataset, self._transaction = dataset, transaction
        self.state, self.recorded_rows = state, recorded_rows

    def record_rows(self, rows: Sequence[Row]) -> None:
        """Raises `Invalid` by the rules on columns and names; the transaction must then be given up."""
        if not self.state.fixed:
            self.fix_columns(fixed_columns(rows[0]))
        fixed = tuple(column.path for column in self.state.columns if not column.added)
        added = tuple(column.path for column in self.state.columns if column.added)
        self.record_batch(tabulate(rows, fixed, added, self._dataset.unknown_columns))

    def record_regular(
        self, names: Sequence[Path], columns: Sequence[Path], values: Sequence[Sequence[Atom]], times: numpy.ndarray
    ) -> bool:
        """See `TabularDataset.record_regular`."""
        known = tuple(column.path for column in self.state.columns if not column.added)
        if self.state.fixed and known != tuple(columns):
            return False
        if not self.state.fixed:
            self.fix_columns(distinct_columns(columns))
        packed = {column: pack(column_values) for column, column_values in zip(columns, values, strict=True)}
        printed = pyarrow.array([printed_name(name) for name in names], pyarrow.string())
        self.record_batch(Batch(printed, pyarrow.array(times, pyarrow.float64()), packed))
        return True

    def fix_columns(self, names: Sequence[Path]) -> None:
        """Fix columns and their order before the first row, as its select list does for an import. `names` are distinct."""
        columns = tuple(StoredColumn(tuple(name)) for name in names)
        self.state = msgspec.structs.replace(self.state, fixed=True, columns=columns)

    def record_batch(self, batch: Batch) -> None:
        """The bulk road: whole columns. Columns that are not known yet are added at the end."""
        known = {column.path for column in self.state.columns}
        new = tuple(StoredColumn(tuple(name), added=True) for name in batch.columns if name not in known)
        columns = list(self.state.columns + new)
        count = len(batch.names)
        order = pyarrow.array(range(self.recorded_rows, self.recorded_rows + count), pyarrow.int64())
        arrays = {"_name": batch.names, "_ord": order, "_ts": batch.times}
        for place, column in enumerate(columns):
            packed = batch.columns.get(column.path)
            if packed is not None and packed.base is not None:
                columns[place] = self._place_column(place, column, packed, packed.base, arrays)
        if tuple(columns) != self.state.columns:
            self.state = msgspec.structs.replace(self.state, columns=tuple(columns))
        self._transaction.append(self._dataset.table, pyarrow.table(arrays))
        self.recorded_rows += count

    def _place_column(
        self, place: int, column: StoredColumn, packed: Packed, arriving: ColumnKind, arrays: dict[str, pyarrow.Array]
    ) -> StoredColumn:
        """Put the arrays of one column where the table has them, after making the table wide enough for its values."""
        table = self._dataset.table
        base, mixed = column.base, column.mixed
        if base is None:
            base = arriving
            add_column(self._transaction, table, f"c{place}", DUCKDB[base])
        elif base is ColumnKind.INTEGER and arriving is ColumnKind.NUMBER and self._is_exact_as_number(place):
            base = ColumnKind.NUMBER
            widen_column(self._transaction, table, f"c{place}", DUCKDB[base])
        packed = refit(packed, base)
        arrays[f"c{place}"] = packed.values
        if packed.overflow is not None:
            if not mixed:
                add_column(self._transaction, table, f"x{place}", "VARCHAR")
                mixed = True
            arrays[f"x{place}"] = packed.overflow
        return msgspec.structs.replace(column, base=base, mixed=mixed)

    def _is_exact_as_number(self, place: int) -> bool:
        """Whether every integer stored in the column is a double without loss."""
        column = exp.column(f"c{place}", quoted=True)
        query = exp.select(exp.Min(this=column), exp.Max(this=column.copy())).from_(_named(self._dataset.table))
        ((lowest, highest),) = self._transaction.fetch(query)
        return lowest is None or (lowest >= -EXACT_DOUBLE and highest <= EXACT_DOUBLE)


def add_column(transaction: Transaction, table: str, column: str, kind: str) -> None:
    definition = exp.ColumnDef(this=_quoted(column), kind=exp.DataType.build(kind, dialect="duckdb"))
    transaction.execute(exp.Alter(this=_named(table), kind="TABLE", actions=[definition]))


def widen_column(transaction: Transaction, table: str, column: str, kind: str) -> None:
    change = exp.AlterColumn(this=_quoted(column), dtype=exp.DataType.build(kind, dialect="duckdb"))
    transaction.execute(exp.Alter(this=_named(table), kind="TABLE", actions=[change]))


def _relation_column(place: int, column: StoredColumn) -> RelationColumn:
    base = column.base or ColumnKind.INTEGER
    kind = ColumnKind.MIXED if column.mixed else base
    return RelationColumn(column.path, f"c{place}", kind, base, f"x{place}" if column.mixed else None)


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _named(name: str) -> exp.Table:
    return exp.Table(this=_quoted(name))


def create(params: TabularParams, place: DatasetPlace) -> TabularDataset:
    """Make the dataset, or find it again."""
    if params.data_file_url:
        raise Invalid("dataFileUrl of 'tabular': loading a saved table is not supported by this release", field="dataFileUrl")
    return TabularDataset(place, params.unknown_columns)


def register(types: Types) -> None:
    types.add(DatasetKind("tabular", TabularParams, create, "A table with typed columns that the first row fixes"))

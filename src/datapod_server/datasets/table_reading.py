"""Reading a stored table, from its relation: rows as cells, names, values, times."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

import pyarrow
from sqlglot import exp

from datapod_server.datasets.packing import Packed, unpack
from datapod_server.datasets.tagged import untag
from datapod_server.errors import Invalid
from datapod_server.storage.engine import ColumnKind, Engine, Relation, RelationColumn
from datapod_server.values.atoms import Atom, order_key
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row


class Stored(Protocol):
    """A dataset that has a relation."""

    @property
    def engine(self) -> Engine: ...
    def relation(self) -> Relation: ...


def path_of(printed: str) -> Path:
    """The path that was printed so; most have one plain element."""
    if "." in printed or '"' in printed or not printed:
        return Path.parse(printed)
    return Path((printed,))


def rows(engine: Engine, relation: Relation, wanted: Collection[Path] | None) -> Iterator[Row]:
    """Rows in recording order, with their cells that are not null, in the order of the columns."""
    columns = [column for column in relation.columns if wanted is None or column.path in wanted]
    names = [relation.name_column, relation.time_column, *(name for column in columns for name in _physical(column))]
    query = exp.select(*(exp.column(name, quoted=True) for name in names)).from_(_table(relation))
    for batch in engine.run(query):
        yield from _rows_of(batch, columns)


def _rows_of(batch: pyarrow.RecordBatch, columns: list[RelationColumn]) -> Iterator[Row]:
    times = batch.column(1).to_pylist()
    paths = [column.path for column in columns]
    arrays = iter(batch.columns[2:])
    atoms = [Packed(column.base, next(arrays), next(arrays) if column.overflow else None).atoms() for column in columns]
    values = zip(*atoms, strict=True) if atoms else iter([()] * len(times))
    for printed, time, row in zip(batch.column(0).to_pylist(), times, values, strict=True):
        yield Row(path_of(printed), [Cell(path, value, time) for path, value in zip(paths, row, strict=True) if value is not None])


def row_names(engine: Engine, relation: Relation, start: int, limit: int) -> list[Path]:
    query = (
        exp.select(exp.column(relation.name_column, quoted=True))
        .from_(_table(relation))
        .order_by(exp.column(relation.order_column, quoted=True))
    )
    if start:
        query = query.offset(start)
    if limit >= 0:
        query = query.limit(limit)
    return [path_of(name) for (name,) in engine.fetch(query)]


def value_counts(engine: Engine, relation: Relation, wanted: Path) -> list[tuple[Atom, int]]:
    """Distinct values that are not null, ascending, with the number of rows that hold them. Raises `Invalid` for an unknown column."""
    column = next((column for column in relation.columns if column.path == wanted), None)
    if column is None:
        known = [str(column.path) for column in relation.columns]
        raise Invalid(f"unknown column '{wanted}' in dataset", columnName=str(wanted), knownColumns=known)
    keys = [exp.column(name, quoted=True) for name in _physical(column)]
    query = exp.select(*keys, exp.Count(this=exp.Star())).from_(_table(relation)).group_by(*keys)
    counts = [(_atom(column, row[:-1]), row[-1]) for row in engine.fetch(query)]
    return sorted(((value, count) for value, count in counts if value is not None), key=lambda entry: order_key(entry[0]))


def timestamp_range(engine: Engine, relation: Relation) -> tuple[float, float] | None:
    """Earliest and latest time of the rows that have a cell; "not a date" is neither."""
    if not relation.columns:
        return None
    time = exp.column(relation.time_column, quoted=True)
    has_cell = exp.or_(*(exp.column(name, quoted=True).is_(exp.null()).not_() for column in relation.columns for name in _physical(column)))
    query = (
        exp.select(exp.Min(this=time), exp.Max(this=time.copy()))
        .from_(_table(relation))
        .where(exp.not_(exp.IsNan(this=time.copy())), has_cell)
    )
    ((earliest, latest),) = engine.fetch(query)
    return None if earliest is None else (earliest, latest)


def value_count(dataset: Stored) -> int:
    """Number of cells that are not null."""
    relation = dataset.relation()
    counts = [exp.Count(this=exp.column(name, quoted=True)) for column in relation.columns for name in _physical(column)]
    if not counts:
        return 0
    (row,) = dataset.engine.fetch(exp.select(*counts).from_(_table(relation)))
    return sum(row)


def _atom(column: RelationColumn, stored: tuple[int | float | str | None, ...]) -> Atom:
    if len(stored) > 1 and isinstance(stored[1], str):
        return untag(stored[1])
    kind = pyarrow.float64() if column.base in (ColumnKind.NUMBER, ColumnKind.TIMESTAMP) else None
    return unpack(column.base, pyarrow.array([stored[0]], kind))[0]


def _physical(column: RelationColumn) -> tuple[str, ...]:
    return (column.column,) if column.overflow is None else (column.column, column.overflow)


def _table(relation: Relation) -> exp.Table:
    return exp.Table(this=exp.to_identifier(relation.table, quoted=True))

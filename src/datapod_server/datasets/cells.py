"""The engine tables of a sparse dataset: creating, filling and reading them. Their columns are described in `sparse.py`."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import pyarrow
from sqlglot import exp

from datapod_server.datasets.table_reading import path_of
from datapod_server.datasets.tagged import tag, untag
from datapod_server.errors import Invalid
from datapod_server.storage.engine import Engine, Transaction
from datapod_server.values.atoms import Atom, number
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

_VALUE = ("i", "d", "s", "x")
_CELLS = {
    "_name": "VARCHAR",
    "_ord": "BIGINT",
    "_column": "BIGINT",
    "_ts": "DOUBLE",
    "i": "BIGINT",
    "d": "DOUBLE",
    "s": "VARCHAR",
    "x": "VARCHAR",
}
_COLUMNS = {"id": "BIGINT", "path": "VARCHAR"}


def create(transaction: Transaction, cells: str, columns: str) -> None:
    for name, kinds in ((cells, _CELLS), (columns, _COLUMNS)):
        definitions = [
            exp.ColumnDef(this=_quoted(column), kind=exp.DataType.build(kind, dialect="duckdb")) for column, kind in kinds.items()
        ]
        transaction.execute(exp.Create(this=exp.Schema(this=table(name), expressions=definitions), kind="TABLE"))


def column_names(ids: Mapping[Path, int]) -> pyarrow.Table:
    return pyarrow.table({"id": list(ids.values()), "path": [str(path) for path in ids]})


def stored_columns(engine: Engine, columns: str) -> dict[Path, int]:
    """Ids by path, in order of first appearance."""
    found = engine.fetch(exp.select(_column("path"), _column("id")).from_(table(columns)).order_by(_column("id")))
    return {path_of(path): identity for path, identity in found}


def next_order(engine: Engine, cells: str) -> int:
    ((highest,),) = engine.fetch(exp.select(exp.Max(this=_column("_ord"))).from_(table(cells)))
    return 0 if highest is None else int(highest) + 1


def split(atoms: Sequence[Atom]) -> dict[str, pyarrow.Array]:
    """Values in the engine column of their kind; columns that nobody needs are left out.

    Raises `Invalid` for a string that is not Unicode text.
    """
    kinds = set(map(type, atoms))
    arrays = {}
    beyond = False  # whether an integer does not fit
    try:
        if int in kinds:
            integers = _only(int, atoms, kinds)
            try:
                arrays["i"] = pyarrow.array(integers, pyarrow.int64())
            except (OverflowError, pyarrow.ArrowInvalid):
                beyond = True
                arrays["i"] = pyarrow.array([atom if atom is not None and _fits(atom) else None for atom in integers], pyarrow.int64())
        if float in kinds:
            arrays["d"] = pyarrow.array(_only(float, atoms, kinds), pyarrow.float64())
        if str in kinds:
            arrays["s"] = pyarrow.array(_only(str, atoms, kinds), pyarrow.string())
    except UnicodeEncodeError as error:
        raise Invalid("a string holds a code point that is no character (a lone surrogate)") from error
    if beyond or kinds - {int, float, str, type(None)}:
        arrays["x"] = pyarrow.array([_rest(atom) for atom in atoms], pyarrow.string())
    return arrays


def _only(kind: type, atoms: Sequence[Atom], kinds: set[type]) -> Sequence[Any]:
    """The atoms of one kind, None in the place of others."""
    return atoms if kinds == {kind} else [atom if atom.__class__ is kind else None for atom in atoms]


def read(engine: Engine, cells: str, committed_order: int) -> Iterator[pyarrow.RecordBatch]:
    """Cells of whole rows together, last recorded row first, each row's cells in recording order."""
    name, order = _column("_name"), _column("_ord")
    first = exp.Window(this=exp.Min(this=order), partition_by=[name.copy()])
    inner = exp.select("*", exp.alias_(first, "_first", quoted=True)).from_(table(cells)).where(below(committed_order))
    query = (
        exp.select(name, _column("_column"), _column("_ts"), *map(_column, _VALUE))
        .from_(inner.subquery("cells"))
        .order_by(exp.Ordered(this=_column("_first"), desc=True), order.copy())
    )
    return iter(engine.run(query))


def rows_of(batches: Iterable[pyarrow.RecordBatch], paths: Sequence[Path], wanted: Collection[Path] | None) -> Iterator[Row]:
    """Rows of consecutive cells of one name."""
    for name, group in itertools.groupby(itertools.chain.from_iterable(map(_cells_of, batches)), key=itemgetter(0)):
        row = [Cell(paths[column], value, time) for _, column, time, value in group]
        yield Row(path_of(name), row if wanted is None else [cell for cell in row if cell.column in wanted])


def row_names(engine: Engine, cells: str, committed_order: int, start: int, limit: int) -> list[Path]:
    name = _column("_name")
    first = exp.Ordered(this=exp.Min(this=_column("_ord")), desc=True)
    query = exp.select(name).from_(table(cells)).where(below(committed_order)).group_by(name.copy()).order_by(first)
    if start:
        query = query.offset(start)
    if limit >= 0:
        query = query.limit(limit)
    return [path_of(printed) for (printed,) in engine.fetch(query)]


def value_counts(engine: Engine, cells: str, committed_order: int, column: int) -> list[tuple[Atom, int]]:
    keys = [_column(name) for name in _VALUE]
    count = exp.Count(this=exp.Distinct(expressions=[_column("_name")]))
    mine = _column("_column").eq(exp.Literal.number(column))
    query = exp.select(*keys, count).from_(table(cells)).where(below(committed_order), mine).group_by(*keys)
    return [(_value(*row[:-1]), row[-1]) for row in engine.fetch(query)]


def timestamp_range(engine: Engine, cells: str, committed_order: int) -> tuple[float, float] | None:
    """ "Not a date" is neither the earliest nor the latest."""
    time = _column("_ts")
    is_time = exp.not_(exp.IsNan(this=time.copy()))
    query = exp.select(exp.Min(this=time), exp.Max(this=time.copy())).from_(table(cells)).where(below(committed_order), is_time)
    ((earliest, latest),) = engine.fetch(query)
    return None if earliest is None else (earliest, latest)


def below(committed_order: int) -> exp.Expression:
    """The condition that keeps what is committed."""
    return _column("_ord") < exp.Literal.number(committed_order)


def table(name: str) -> exp.Table:
    return exp.Table(this=_quoted(name))


def _cells_of(batch: pyarrow.RecordBatch) -> Iterator[tuple[str, int, float, Atom]]:
    names, columns, times, *values = (column.to_pylist() for column in batch.columns)
    return zip(names, columns, times, map(_value, *values), strict=True)


def _value(integer: int | None, double: float | None, text: str | None, tagged: str | None) -> Atom:
    if integer is not None:
        return integer
    if text is not None:
        return text
    if double is not None:
        return number(double)
    return None if tagged is None else untag(tagged)


def _rest(atom: Atom) -> str | None:
    """The tagged form of what has no column of its own."""
    if atom is None or atom.__class__ is float or atom.__class__ is str or (isinstance(atom, int) and _fits(atom)):
        return None
    return tag(atom)


def _fits(integer: int) -> bool:
    return -(2**63) <= integer < 2**63


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)

"""`COLUMN EXPR (..)`: a program over the columns of a dataset. Source: sql-language.md, 6.6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.builtins.builtin import Code
from datapod_server.sql.contexts import Context, RowContext, path_place
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.naming import path_of_name
from datapod_server.sql.operators import to_integer
from datapod_server.sql.sources import Source
from datapod_server.sql.structures import ALWAYS, NEVER, Valued, cells_of, true, value_key
from datapod_server.values.path import Path
from datapod_server.values.rowhash import row_hash
from datapod_server.values.rows import Cell


class ColumnScope:
    """One column; `value` is that of the row at hand, while SELECT is evaluated."""

    __slots__ = ("path", "rows", "value")

    def __init__(self, path: Path, rows: Callable[[], int]) -> None:
        self.path, self.rows = path, rows
        self.value: Valued = (None, ALWAYS)


_FUNCTIONS: dict[str, Callable[[ColumnScope], Valued]] = {
    "columnName": lambda column: (str(column.path), ALWAYS),
    "columnPath": lambda column: (column.path, ALWAYS),
    "columnPathLength": lambda column: (len(column.path), ALWAYS),
    "columnHash": lambda column: (row_hash(column.path), ALWAYS),
    "rowCount": lambda column: (column.rows(), NEVER),
}


class ColumnContext(Context):
    """Inside the parentheses: functions of the column, no columns of the row."""

    def __init__(self, outer: Context, *, with_value: bool) -> None:
        super().__init__(outer.environment, outer.text)
        self._with_value = with_value

    def column(self, path: Path) -> Code:
        raise QueryError(f"Cannot read column '{path}' inside COLUMN EXPR")

    def wildcard(self, item: tree.Wildcard, *, top: bool) -> tuple[Path, Source | None]:
        shown = f" '{item.prefix}.*'" if item.prefix else ""
        raise QueryError(f"Cannot use wildcard{shown} inside COLUMN EXPR")

    def call(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        name = node.name[-1]
        if name == "value":
            if not self._with_value:
                raise QueryError("Evaluation value() in column expression without columns")
            return Code(lambda column: column.value)
        if name == "columnPathElement":
            place = arguments()[0].run
            return Code(lambda column: (path_place(column.path, to_integer(place(column)[0])), ALWAYS))
        run = _FUNCTIONS.get(name)
        return Code(run) if run is not None else super().call(node, arguments)

    def unknown_function(self, node: tree.Call) -> QueryError:
        return QueryError(f"Unknown function {node.name} in column expression")


def bind_column_expression(item: tree.ColumnExpression, context: Context) -> Callable[[Any], list[Cell]]:
    """The cells that the chosen columns of a row become. Which columns, and their names, is settled when the first row comes."""
    if not isinstance(context, RowContext):
        raise QueryError("COLUMN EXPR needs the rows of a dataset")
    context.source.need_prefix(Path())
    plain = ColumnContext(context, with_value=False)
    value = None if item.value is None else bind_expression(item.value, ColumnContext(context, with_value=True)).run
    name = None if item.name is None else bind_expression(item.name, plain).run
    where = None if item.where is None else bind_expression(item.where, plain).run
    order = [(bind_expression(entry.expression, plain).run, entry.descending) for entry in item.order_by]
    chosen: dict[Path, tuple[ColumnScope, Path]] | None = None

    def choose() -> dict[Path, tuple[ColumnScope, Path]]:
        columns = [column for column in _columns(context.source, item.structured) if where is None or true(where(column)[0])]
        for key, descending in reversed(order):
            columns.sort(key=lambda column, key=key: value_key(key(column)[0]), reverse=descending)  # type: ignore[misc]
        end = None if item.limit is None else item.offset + item.limit
        return {column.path: (column, column.path if name is None else _named(name(column))) for column in columns[item.offset : end]}

    def run(scope: Any) -> list[Cell]:
        nonlocal chosen
        if chosen is None:
            chosen = choose()
        cells: list[Cell] = []
        if item.structured:
            for column, target in chosen.values():
                if scope.has(column.path):
                    column.value = scope.find(column.path)
                    found, time = column.value if value is None else value(column)
                    cells += cells_of(found, time, target)
            return cells
        for path, atom, time in scope.cells:
            entry = chosen.get(path)
            if entry is not None:
                column, target = entry
                column.value = atom, time
                found, at = (atom, time) if value is None else value(column)
                cells += cells_of(found, at, target)
        return cells

    return run


def _named(value: Valued) -> Path:
    if value[0] is None:
        raise QueryError("Cannot have a NULL column name")
    return path_of_name(value[0])


def _columns(source: Source, structured: bool) -> list[ColumnScope]:
    """In natural order. The rows that have a column are counted at most once, when somebody asks."""
    counts: dict[Path, int] | None = None
    known = source.columns

    def count() -> dict[Path, int]:
        found: dict[Path, int] = {}
        for scope in source.scopes():
            for path in {cell.column[:1] if structured else cell.column for cell in scope.cells}:
                found[Path(path)] = found.get(Path(path), 0) + 1
        return found

    def rows_of(path: Path) -> int:
        nonlocal counts
        if counts is None:
            counts = count()
        return counts.get(path, 0)

    if known is None:
        counts = count()
        known = list(counts)
    paths = {Path(path[:1]) if structured else path for path in known}
    return [ColumnScope(path, lambda path=path: rows_of(path)) for path in sorted(paths, key=lambda path: path.key)]  # type: ignore[misc]

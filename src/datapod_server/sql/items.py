"""Select lists made ready: from a scope to the cells of a row. Source: sql-language.md, 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.contexts import Context
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.lengths import check_cells
from datapod_server.sql.structures import ALWAYS, Embedding, RowValue, cells_of, sort_cells
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell

Item = Callable[[Any], list[Cell]]
_cell: Callable[[tuple[Path, Any, float]], Cell] = partial(tuple.__new__, Cell)  # twice as fast as calling the class


@dataclass(frozen=True, slots=True)
class Items:
    """A select list.

    Attributes:
        run: The cells of one row, in natural order of their columns.
        names: Of the columns, in the order of the list; None if they are only known when rows come.
        is_constant: No part looks at the row.
    """

    run: Item
    names: tuple[Path, ...] | None
    is_constant: bool


def bind_items(items: Sequence[tree.Item], context: Context, *, top: bool) -> Items:
    """`top`: the list of a SELECT; otherwise that of a row `{..}`."""
    parts: list[Item] = []
    names: list[Path] | None = []
    is_constant = True
    for item in items:
        if top:
            context.begin_item(item)
        part, part_names, fixed = _bind_item(item, context, top)
        parts.append(part)
        is_constant = is_constant and fixed
        names = None if names is None or part_names is None else [*names, *part_names]
        if names is not None and len(parts) > 1:
            check_cells(len(names))

    def run(scope: Any) -> list[Cell]:
        cells: list[Cell] = []
        for part in parts:
            cells += part(scope)
            check_cells(len(cells))
        return sort_cells(cells)

    only = parts[0] if len(parts) == 1 else None

    def run_one(scope: Any) -> list[Cell]:
        assert only is not None
        return sort_cells(only(scope))

    return Items(run if only is None else run_one, None if names is None else tuple(names), is_constant)


def default_name(item: tree.ExpressionItem, text: str) -> Path:
    """A plain column keeps its path as written; everything else is one element: its source text. Source: 6.2."""
    if isinstance(item.expression, tree.Column):
        return item.expression.path
    return Path((text[slice(*item.span)].strip(),))


def _bind_item(item: tree.Item, context: Context, top: bool) -> tuple[Item, Sequence[Path] | None, bool]:
    match item:
        case tree.Wildcard():
            return _wildcard(item, context, top)
        case tree.ExpressionItem():
            return _expression(item, context)
        case tree.ColumnExpression():
            from datapod_server.sql.column_expressions import bind_column_expression  # it holds expressions, which hold items

            return bind_column_expression(item, context), None, False
    raise QueryError(f"{type(item).__name__} is parsed but not executed yet")


def _expression(item: tree.ExpressionItem, context: Context) -> tuple[Item, Sequence[Path] | None, bool]:
    node = item.expression
    if item.spread:
        return _spread(item, context)
    name = default_name(item, context.text) if item.alias is None else item.alias
    if isinstance(node, tree.Column) and context.replaced(node) is None:
        values = context.cells(node.path)
        if values is not None:
            missing = [Cell(name, None, ALWAYS)]

            def column(scope: Any) -> list[Cell]:
                return [Cell(name + path if path else name, value, time) for path, value, time in values(scope)] or missing

            return column, context.names_below(node.path, name), False
    code = bind_expression(node, context)
    evaluate = code.run

    def run(scope: Any) -> list[Cell]:
        value, time = evaluate(scope)
        if isinstance(value, RowValue | Embedding):
            return cells_of(value, time, name)
        return [_cell((name, value, time))]

    return run, None if code.is_row else (name,), code.constant is not None


def _spread(item: tree.ExpressionItem, context: Context) -> tuple[Item, Sequence[Path] | None, bool]:
    code = bind_expression(item.expression, context)

    def run(scope: Any) -> list[Cell]:
        value, time = code.run(scope)
        if isinstance(value, RowValue | Embedding):
            return cells_of(value, time, Path())
        if value is None:
            return []
        raise QueryError("Expression with AS * must return a row")

    return run, None, code.constant is not None


def _wildcard(item: tree.Wildcard, context: Context, top: bool) -> tuple[Item, Sequence[Path] | None, bool]:
    prefix, source = context.wildcard(item, top=top)
    # `side.*` in a join is exactly that side; `x*` elsewhere is every name that begins so.
    exact = source is not None and item.dotted and len(prefix) == 1 and prefix[0] in source.aliases
    excluding = [(context.resolve(entry.path), entry.prefix) for entry in item.excluding]
    new = item.new

    def renamed(column: Path) -> Path | None:
        if not (column[:1] == prefix if exact else column.starts_with(prefix)):
            return None
        for path, is_prefix in excluding:
            if column.starts_with(path) if is_prefix else column == path:
                return None
        return column if new is None else column.replace_prefix(prefix, new)

    known: dict[Path, Path | None] = {}

    def run(scope: Any) -> list[Cell]:
        cells: list[Cell] = []
        for cell in scope.cells:
            column = cell.column
            if column in known:
                name = known[column]
            else:
                name = known[column] = renamed(column)
            if name is not None:
                cells.append(cell if name is column else Cell(name, cell.value, cell.time))
        return cells

    columns = None if source is None or source.columns is None else [renamed(column) for column in source.columns]
    return run, None if columns is None else [name for name in columns if name is not None], False

"""`sql.expression`: a select list over the row that it is called with. Source: datasets-and-procedures.md, 10.2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.functions.description import ANY_VALUE, row_of
from datapod_server.functions.kind import FunctionKind, Types
from datapod_server.sql import grammar, tree
from datapod_server.sql.contexts import RowContext
from datapod_server.sql.environment import Environment
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.items import bind_items, default_name
from datapod_server.sql.scopes import Scope
from datapod_server.sql.sources import Source
from datapod_server.sql.structures import cells_of
from datapod_server.sql.tables import Apply
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell

NAME = "sql.expression"


class ExpressionParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Source: datasets-and-procedures.md, 10.2."""

    expression: str
    prepared: bool = False
    raw: bool = False
    auto_input: bool = False


class SqlExpression:
    """One function of the type."""

    def __init__(self, params: ExpressionParams) -> None:
        """Raises `QueryError` for a list that cannot be parsed, `Invalid` for one that `raw` or `autoInput` does not fit."""
        self._params = params
        self._items = grammar.parse_select_list(params.expression)
        self._variables = list(dict.fromkeys(name for item in self._items for name in _variables(item)))
        if params.raw and (len(self._items) != 1 or not isinstance(self._items[0], tree.ExpressionItem)):
            raise Invalid("a function of type 'sql.expression' with 'raw' must have exactly one clause, and no wildcard", field="raw")
        if params.auto_input and len(self._variables) != 1:
            raise Invalid(
                "a function of type 'sql.expression' with 'autoInput' must have exactly one input variable; there are "
                f"{len(self._variables)}: {', '.join(self._variables) or 'none'}",
                field="autoInput",
            )

    def bind(self, environment: Environment) -> Apply:
        context = RowContext(environment.inner(), self._params.expression, _Argument(None, None))
        prefix = Path((self._variables[0],)) if self._params.auto_input else None
        first = self._items[0]
        if self._params.raw and isinstance(first, tree.ExpressionItem):
            evaluate = bind_expression(first.expression, context).run
            return lambda cells: cells_of(*evaluate(_scope(cells, prefix)), Path())
        run = bind_items(self._items, context, top=False).run
        return lambda cells: run(_scope(cells, prefix))

    def status(self) -> None:
        return None

    def info(self) -> dict[str, Any]:
        """Columns of the input are the variables; those of the output the names of the clauses."""
        names: list[str] | None = []
        for item in self._items:
            named = isinstance(item, tree.ExpressionItem) and not item.spread
            if names is not None and named and isinstance(item, tree.ExpressionItem):
                names.append(str(default_name(item, self._params.expression) if item.alias is None else item.alias))
            else:
                names = None
        wanted = ANY_VALUE if self._params.auto_input else row_of(self._variables)
        return {"input": [wanted], "output": ANY_VALUE if self._params.raw else row_of(names)}


class _Argument(Source):
    """The row of the call; its columns are only known then."""

    def scopes(self) -> Iterator[Scope]:
        return iter(())

    def describe(self) -> str:
        return "argument of a function"


def _scope(cells: Sequence[Cell], prefix: Path | None) -> Scope:
    """The argument as a row; with `prefix` the whole argument is the value of that variable."""
    return Scope(Path(), cells if prefix is None else [Cell(prefix + column, value, time) for column, value, time in cells])


def _variables(node: tree.Node) -> Iterator[str]:
    """The names of the columns that an expression reads, without what is below them."""
    if isinstance(node, tree.Column):
        yield node.path[0]
    for child in tree.children(node):
        yield from _variables(child)


def register(types: Types) -> None:
    types.add(FunctionKind(NAME, ExpressionParams, SqlExpression, "Run an SQL expression as a function"))

"""WHERE terms that a column index could answer: they look at any value of a cell, not only the latest, and compare paths with strings.

Source: sql-language.md, 5.14, 9.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datapod_server.sql import tree
from datapod_server.sql.builtins.builtin import Evaluate
from datapod_server.sql.contexts import RowContext
from datapod_server.sql.expressions import bind_expression, equals
from datapod_server.sql.scopes import Scope
from datapod_server.sql.structures import true
from datapod_server.values.path import Path

Holds = Callable[[Scope], bool]
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


def bind_where(node: tree.Expression, context: RowContext) -> Evaluate:
    """The condition of WHERE over the rows of a source. Raises `QueryError`."""
    node = _paths_for_strings(node)
    usual = bind_expression(node, context).run
    of_any = None if context.source.is_join else _of_any(node, context)
    if of_any is None:
        return usual

    def run(scope: Scope) -> tuple[Any, float]:
        # Without several values in a cell the two are the same.
        return (int(of_any(scope)), scope.value_time) if scope.repeats() else usual(scope)

    return run


def _paths_for_strings(node: tree.Expression) -> tree.Expression:
    """`rowPath() = 'x'` and `rowPath() IN ('x')` as terms of the condition: the string is a path of one element there."""
    if isinstance(node, tree.Binary) and node.operator in ("AND", "OR"):
        return tree.Binary(node.span, node.operator, _paths_for_strings(node.left), _paths_for_strings(node.right))
    if isinstance(node, tree.Binary) and node.operator == "=":
        if _is_call(node.left, "rowPath"):
            return tree.Binary(node.span, "=", node.left, _path(node.right))
        if _is_call(node.right, "rowPath"):
            return tree.Binary(node.span, "=", _path(node.left), node.right)
    if isinstance(node, tree.InList) and _is_call(node.operand, "rowPath"):
        return tree.InList(node.span, node.operand, tuple(_path(item) for item in node.items), node.negated)
    return node


def _path(node: tree.Expression) -> tree.Expression:
    return tree.Literal(node.span, Path((node.value,))) if isinstance(node, tree.Literal) and isinstance(node.value, str) else node


def _is_call(node: tree.Expression, *names: str) -> bool:
    return isinstance(node, tree.Call) and len(node.name) == 1 and node.name[0] in names and not node.arguments


def _of_any(node: tree.Expression, context: RowContext) -> Holds | None:
    """The condition with any value of each cell; None if it has another term than those that an index answers."""
    match node:
        case tree.Binary(operator="AND" | "OR"):
            left, right = _of_any(node.left, context), _of_any(node.right, context)
            if left is None or right is None:
                return None
            if node.operator == "AND":
                return lambda scope: left(scope) and right(scope)
            return lambda scope: left(scope) or right(scope)
        case tree.Column():
            return _any_value(node, context, true)
        case tree.Is(operand=tree.Column(), test="TRUE", negated=False):
            return _any_value(node.operand, context, true)
        case tree.Is(operand=tree.Column(), test="NULL", negated=True):
            return _any_value(node.operand, context, lambda value: value is not None)
        case tree.Binary():
            return _comparison(node, context)
        case tree.InList(operand=operand, negated=False) if _is_call(operand, "rowName", "rowPath"):
            return _row_term(node, context) if all(_constant(item, context) is not None for item in node.items) else None
    return None


def _comparison(node: tree.Binary, context: RowContext) -> Holds | None:
    for side, other in ((node.left, node.right), (node.right, node.left)):
        found = _constant(other, context)
        if found is None:
            continue
        if node.operator == "=" and isinstance(side, tree.Column):
            return _any_value(side, context, _equal_to(found[0]))
        if node.operator == "=" and _is_call(side, "rowName", "rowPath"):
            return _row_term(node, context)
        is_remainder = isinstance(side, tree.Binary) and side.operator == "%" and _is_call(side.left, "rowHash")
        if node.operator in _COMPARISONS and is_remainder:
            return _row_term(node, context)
    return None


def _equal_to(wanted: Any) -> Callable[[Any], bool]:
    return lambda held: held is not None and wanted is not None and equals(held, wanted)


def _constant(node: tree.Expression, context: RowContext) -> tuple[Any, float] | None:
    return None if isinstance(node, tree.Column) else bind_expression(node, context).constant


def _row_term(node: tree.Expression, context: RowContext) -> Holds:
    run = bind_expression(node, context).run
    return lambda scope: true(run(scope)[0])


def _any_value(node: tree.Expression, context: RowContext, test: Callable[[Any], bool]) -> Holds:
    assert isinstance(node, tree.Column)
    name = context.resolve(node.path)
    usual = context.column(node.path).run

    def holds(scope: Scope) -> bool:
        values = [value for column, value, _ in scope.cells if column == name]
        return any(test(value) for value in values) if values else test(usual(scope)[0])

    return holds

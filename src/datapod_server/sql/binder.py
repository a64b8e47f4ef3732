"""Statements made ready: every name resolved, every check done that needs no data. Source: sql-language.md, 6 to 12."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.builtins.builtin import Code, Evaluate
from datapod_server.sql.conditions import bind_where
from datapod_server.sql.contexts import Context, OutputContext, RowContext, WhenContext
from datapod_server.sql.environment import Environment
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.grouping import GroupContext, Grouping, has_aggregator
from datapod_server.sql.items import Items, bind_items
from datapod_server.sql.sources import Source, bind_table
from datapod_server.values.path import Path


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ORDER BY: over the scope or group whose `output` is set."""

    run: Evaluate
    descending: bool


@dataclass(frozen=True, slots=True, eq=False)
class BoundQuery:
    """A statement ready to be interpreted, any number of times."""

    select: tree.Select
    source: Source | None
    where: Evaluate | None
    when: Evaluate | None
    when_per_value: bool
    grouping: Grouping | None
    having: Evaluate | None
    named: Evaluate | None
    items: Items
    order: tuple[Order, ...]
    distinct: int  # how many leading order keys decide which rows are the same; 0 without DISTINCT ON

    @property
    def plain(self) -> bool:
        """Whether it has a FROM and does not group."""
        return self.source is not None and self.grouping is None

    @property
    def columns(self) -> Sequence[Path] | None:
        """All columns that the answer can have; None if only rows tell."""
        return self.items.names


def bind_select(select: tree.Select, environment: Environment) -> BoundQuery:
    """Raises `QueryError`, and `EntryNotFound` or `Conflict` for tables."""
    text = select.text
    source = None if select.table is None else bind_table(select.table, environment, text)
    if source is None:
        _refuse_without_from(select)
        rows: Context = Context(environment, text)
    else:
        rows = RowContext(environment, text, source)
    where = _bind_where(select.where, rows)
    when, per_value = _bind_when(select, environment, source)
    grouped = source is not None and _is_grouped(select)
    output = GroupContext(rows, select.group_by) if grouped and isinstance(rows, RowContext) else rows
    if select.having is not None and not (grouped and select.group_by):
        raise QueryError("HAVING expression requires a GROUP BY expression")
    items = bind_items(select.items, output, top=True)
    having = _bind_having(select.having, output)
    named = _optional(select.named, output)
    order = _bind_order(select, output, items.names)
    grouping = None
    if isinstance(output, GroupContext):
        keys = [bind_expression(key, rows).run for key in select.group_by]
        grouping = Grouping(keys, output.slots, appears_empty=_has_count(select))
    distinct = _bind_distinct(select)
    return BoundQuery(select, source, where, when, per_value, grouping, having, named, items, order, distinct)


def _refuse_without_from(select: tree.Select) -> None:
    if select.group_by:
        raise QueryError("GROUP BY usage requires a FROM statement")
    if select.having is not None:
        raise QueryError("HAVING usage requires a FROM statement")


def _is_grouped(select: tree.Select) -> bool:
    nodes: list[tree.Node] = [*select.items, *select.order_by]
    nodes += [node for node in (select.having, select.named) if node is not None]
    return bool(select.group_by) or any(has_aggregator(node) for node in nodes)


def _has_count(select: tree.Select) -> bool:
    def counts(node: tree.Node) -> bool:
        return (isinstance(node, tree.Call) and tuple(node.name) == ("count",)) or any(counts(child) for child in tree.children(node))

    nodes: list[tree.Node] = [*select.items, *select.order_by]
    nodes += [node for node in (select.having, select.named) if node is not None]
    return any(counts(node) for node in nodes)


def _optional(node: tree.Expression | None, context: Context) -> Evaluate | None:
    return None if node is None else bind_expression(node, context).run


def _bind_where(node: tree.Expression | None, context: Context) -> Evaluate | None:
    if node is None or not isinstance(context, RowContext):
        return _optional(node, context)
    return bind_where(node, context)


def _bind_when(select: tree.Select, environment: Environment, source: Source | None) -> tuple[Evaluate | None, bool]:
    if select.when is None:
        return None, False
    if source is None:
        raise QueryError("WHEN usage requires a FROM statement")
    context = WhenContext(environment, select.text, source)
    source.need_prefix(Path())
    run = bind_expression(select.when, context).run
    return run, context.uses_time


_PREDICATES = (tree.Is, tree.Between, tree.InList, tree.InSelect, tree.InMembers, tree.Like)


def _bind_having(node: tree.Expression | None, context: Context) -> Evaluate | None:
    if node is None:
        return None
    is_binary = isinstance(node, tree.Binary) and node.operator in ("=", "!=", "<", "<=", ">", ">=", "AND", "OR")
    is_constant = isinstance(node, tree.Literal) and node.value in (0, 1)
    is_not = isinstance(node, tree.Unary) and node.operator == "NOT"
    if not (is_binary or is_constant or is_not or isinstance(node, _PREDICATES)):
        raise QueryError("HAVING must be a boolean expression")
    return bind_expression(node, context).run


def _bind_order(select: tree.Select, context: Context, names: Sequence[Path] | None) -> tuple[Order, ...]:
    """Constants sort by nothing and are dropped."""
    output = OutputContext(context, names)
    bound: list[Order] = []
    for entry in select.order_by:
        code: Code = bind_expression(entry.expression, output)
        if code.constant is None:
            bound.append(Order(code.run, entry.descending))
    return tuple(bound)


def _bind_distinct(select: tree.Select) -> int:
    if not select.distinct_on:
        return 0
    if len(select.distinct_on) > len(select.order_by):
        raise QueryError("DISTINCT ON expression cannot have more clauses than ORDER BY expression")
    leading = tuple(entry.expression for entry in select.order_by[: len(select.distinct_on)])
    if leading != select.distinct_on:
        raise QueryError("DISTINCT ON expression must match leftmost(s) ORDER BY clause(s)")
    return len(select.distinct_on)

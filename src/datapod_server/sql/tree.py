"""The tree of a query: frozen nodes without behaviour. Source: sql-language.md, 4.

Every node keeps its place in the text (`span`: start and end offset), which does not count when nodes are compared: `x+1` equals `x + 1`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Node:
    """The base of all nodes."""

    span: Span = field(compare=False, repr=False)


class Expression(Node):
    """Anything that has a value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    value: Atom


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """`$name` or `$1`."""

    name: str


@dataclass(frozen=True, slots=True)
class Column(Expression):
    """A path that is read from the row, as written: an alias in front is still there."""

    path: Path


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """`operator` is one of `+ - ~ NOT TIMESTAMP`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """`operator` is one of `+ - * / % @ & | ^ = != < <= > >= AND OR`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Between(Expression):
    operand: Expression
    low: Expression
    high: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class InList(Expression):
    operand: Expression
    items: tuple[Expression, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class InSelect(Expression):
    operand: Expression
    query: Select
    negated: bool


@dataclass(frozen=True, slots=True)
class InMembers(Expression):
    """`IN (KEYS OF row)` if `keys`, else `IN (VALUES OF row)`."""

    operand: Expression
    row: Expression
    keys: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Like(Expression):
    operand: Expression
    pattern: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class Is(Expression):
    """`test` is one of `NULL TRUE FALSE STRING NUMBER INTEGER TIMESTAMP INTERVAL`."""

    operand: Expression
    test: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """The simple form if `subject` is there, else the searched one."""

    subject: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    operand: Expression
    type_name: str


@dataclass(frozen=True, slots=True)
class Extract(Expression):
    """`operand[member]`: `member` is evaluated over the members of the operand."""

    operand: Expression
    member: Expression


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """`name` has one element, or two for the row function of one table. `star` for `count(*)`."""

    name: Path
    arguments: tuple[Expression, ...]
    star: bool


@dataclass(frozen=True, slots=True)
class RowLiteral(Expression):
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ArrayLiteral(Expression):
    elements: tuple[Expression, ...]


class Item(Node):
    """One entry of a select list."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ExpressionItem(Item):
    """`expression AS alias`, or `expression AS *` if `spread`."""

    expression: Expression
    alias: Path | None
    spread: bool


@dataclass(frozen=True, slots=True)
class Exclusion(Node):
    """A column name, or all columns that begin with it."""

    path: Path
    prefix: bool


@dataclass(frozen=True, slots=True)
class Wildcard(Item):
    """`prefix*`, or `prefix.*` if `dotted`; renamed to begin with `new` unless that is None."""

    prefix: Path
    dotted: bool
    excluding: tuple[Exclusion, ...]
    new: Path | None


@dataclass(frozen=True, slots=True)
class OrderItem(Node):
    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class ColumnExpression(Item):
    """`COLUMN EXPR (SELECT value AS name WHERE .. ORDER BY .. OFFSET .. LIMIT ..)`; absent parts are None."""

    structured: bool
    value: Expression | None
    name: Expression | None
    where: Expression | None
    order_by: tuple[OrderItem, ...]
    offset: int
    limit: int | None


class Table(Node):
    """What may stand in FROM."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DatasetTable(Table):
    name: str
    alias: str | None


@dataclass(frozen=True, slots=True)
class SelectTable(Table):
    query: Select
    alias: str | None


@dataclass(frozen=True, slots=True)
class MembersTable(Table):
    """`row_dataset(expression)`, or `atom_dataset(expression)` if `flat`."""

    expression: Expression
    flat: bool
    alias: str | None


@dataclass(frozen=True, slots=True)
class FunctionTable(Table):
    """`name(table, ..., {options})`; the item tables take a text instead of tables: `items('Person')`; `match(items(), 'words')` both."""

    name: str
    tables: tuple[Table, ...]
    text: str | None
    options: RowLiteral | None
    alias: str | None


@dataclass(frozen=True, slots=True)
class JoinTable(Table):
    """`kind` is one of `INNER LEFT RIGHT FULL`."""

    kind: str
    left: Table
    right: Table
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Select(Node):
    """One statement. `text` is the source that all spans inside refer to."""

    items: tuple[Item, ...]
    distinct_on: tuple[Expression, ...]
    named: Expression | None
    table: Table | None
    when: Expression | None
    where: Expression | None
    group_by: tuple[Expression, ...]
    having: Expression | None
    order_by: tuple[OrderItem, ...]
    limit: int | None
    offset: int
    text: str = field(compare=False, repr=False, default="")


AnyNode = TypeVar("AnyNode", bound=Node)


def children(node: Node) -> list[Node]:
    """The direct children in the order of the fields; those of a nested statement are not among them."""
    found: list[Node] = []

    def collect(value: Any) -> None:
        if isinstance(value, Select):
            return
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple) and not isinstance(value, Path):
            for entry in value:
                collect(entry)

    for entry in fields(node):
        if entry.name != "span":
            collect(getattr(node, entry.name))
    return found


def transform(node: AnyNode, change: Callable[[Node], Node | None]) -> AnyNode:
    """A copy in which `change` has replaced nodes, from the top down; where it gives None the node's children are visited."""
    replaced = change(node)
    if replaced is not None:
        return replaced  # type: ignore[return-value]

    def visit(value: Any) -> Any:
        if isinstance(value, Select):
            return value
        if isinstance(value, Node):
            return transform(value, change)
        if isinstance(value, tuple) and not isinstance(value, Path):
            return tuple(visit(entry) for entry in value)
        return value

    changed = {entry.name: visit(getattr(node, entry.name)) for entry in fields(node) if entry.name not in ("span", "text")}
    return replace(node, **changed)

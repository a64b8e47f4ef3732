"""Nodes of the tree as engine expressions: one handler per node. Values of the query travel as parameters, never as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatchmethod

from sqlglot import exp

from datapod_server.sql import tree
from datapod_server.sql.compiler.coverage import Uncovered
from datapod_server.sql.compiler.operators import arithmetic, comparison, negation, numeric_function, test, truth
from datapod_server.sql.compiler.typed import CONSTANT, Kind, Presence, Time, Typed, case, is_null, null, time_tree, union
from datapod_server.storage.engine import ColumnKind, Relation, RelationColumn
from datapod_server.values.path import Path
from datapod_server.values.timestamp import Timestamp, parse_timestamp

_KINDS = {
    ColumnKind.INTEGER: Kind.INTEGER,
    ColumnKind.NUMBER: Kind.NUMBER,
    ColumnKind.TEXT: Kind.TEXT,
    ColumnKind.TIMESTAMP: Kind.TIMESTAMP,
}

Hook = Callable[[tree.Expression], Typed | None]


class Expressions:
    """Compiles the expressions of one statement over one relation.

    `hook` is asked first for every node: it answers aggregators and group keys, and None for everything else. Without `timed` nobody looks
    at times, and none are compiled.
    """

    def __init__(
        self, relation: Relation, names: frozenset[str], parameters: list[object], *, timed: bool, hook: Hook | None = None
    ) -> None:
        self._columns: Mapping[Path, RelationColumn] = {column.path: column for column in relation.columns}
        self._heads = {column.path[:length] for column in relation.columns for length in range(1, len(column.path))}
        self._names = names
        self._relation = relation
        self._parameters = parameters
        self._timed = timed
        self._hook = hook
        self.time_column = exp.column(relation.time_column, quoted=True)

    def compile(self, node: tree.Expression) -> Typed:
        """Raises `Uncovered` if any part of the expression is not compiled."""
        if self._hook is not None:
            answered = self._hook(node)
            if answered is not None:
                return answered
        return self._node(node)

    def constant(self, value: object) -> Typed:
        """A constant as a parameter."""
        if value is None:
            return null()
        kind, cast, plain = _constant(value)
        self._parameters.append(plain)
        parameter = exp.Parameter(this=exp.Literal.number(len(self._parameters)))
        nan = isinstance(plain, float) and plain != plain
        return Typed(exp.cast(parameter, cast), kind, CONSTANT, nan=nan, constant=True, literal=value)

    def column(self, path: Path) -> Typed:
        """What a reference reads. An unknown column is null."""
        path = self.strip(path)
        column = self._columns.get(path)
        if column is None:
            if tuple(path) in self._heads:
                raise Uncovered(f"the structure '{path}'")
            return null()
        if tuple(path) in self._heads:
            raise Uncovered(f"'{path}' is an atom and a structure at once")
        return self.stored(column)

    def stored(self, column: RelationColumn) -> Typed:
        """A stored column."""
        value = exp.column(column.column, quoted=True)
        if column.kind is not ColumnKind.MIXED:
            return Typed(value, _KINDS[column.kind], Presence(frozenset({column.column})), nan=column.kind in _WITH_NAN)
        base = "text" if column.base is ColumnKind.TEXT else "number" if column.base in (ColumnKind.INTEGER, ColumnKind.NUMBER) else "other"
        assert column.overflow is not None
        overflow = exp.column(column.overflow, quoted=True)
        present = exp.or_(exp.not_(is_null(value)), exp.not_(is_null(overflow)))
        time = self.chosen([(present, self.time_column)], CONSTANT)
        return Typed(value, Kind.MIXED, time, literal=base, overflow=overflow)

    def with_hook(self, hook: Hook) -> Expressions:
        """The same, asking another hook first."""
        return Expressions(self._relation, self._names, self._parameters, timed=self._timed, hook=hook)

    def untimed(self) -> Expressions:
        """The same for a clause whose values are only judged: nobody sees their times."""
        return Expressions(self._relation, self._names, self._parameters, timed=False, hook=self._hook)

    def is_name(self, path: Path) -> bool:
        """Whether the path is just the name of the table."""
        return len(path) == 1 and path[0] in self._names

    def strip(self, path: Path) -> Path:
        """The path without the name of the table in front."""
        return Path(path[1:]) if len(path) > 1 and path[0] in self._names else path

    def later(self, *operands: Typed) -> Time:
        return union([operand.time for operand in operands], self.time_column) if self._timed else CONSTANT

    def chosen(self, branches: list[tuple[exp.Expr, Time]], otherwise: Time) -> Time:
        """The time of the first branch whose condition is true."""
        if not self._timed:
            return CONSTANT
        times = [(condition.copy(), time_tree(time, self.time_column)) for condition, time in branches]
        return case(times, time_tree(otherwise, self.time_column))

    @singledispatchmethod
    def _node(self, node: tree.Expression) -> Typed:
        raise Uncovered(_NAMES.get(type(node).__name__, type(node).__name__))

    @_node.register
    def _(self, node: tree.Literal) -> Typed:
        return self.constant(node.value)

    @_node.register
    def _(self, node: tree.Column) -> Typed:
        return self.column(node.path)

    @_node.register
    def _(self, node: tree.Unary) -> Typed:
        if node.operator == "TIMESTAMP":
            return self._timestamp(node.operand)
        operand = self.compile(node.operand)
        if node.operator == "-":
            return negation(operand)
        if node.operator == "NOT":
            if operand.kind is Kind.NULL:
                return operand
            return Typed(exp.paren(exp.not_(truth(operand))), Kind.FLAG, operand.time)
        raise Uncovered(f"the operator {node.operator}")

    def _timestamp(self, node: tree.Expression) -> Typed:
        if isinstance(node, tree.Literal) and isinstance(node.value, str):
            return self.constant(parse_timestamp(node.value))
        if isinstance(node, tree.Literal) and isinstance(node.value, int | float):
            return self.constant(Timestamp(node.value))
        operand = self.compile(node)
        if operand.kind in (Kind.TIMESTAMP, Kind.NULL):
            return operand
        raise Uncovered(f"TIMESTAMP of a {operand.kind}")

    @_node.register
    def _(self, node: tree.Binary) -> Typed:
        left, right = self.compile(node.left), self.compile(node.right)
        if node.operator in ("AND", "OR"):
            if self._timed and (_is_constant(node.left) or _is_constant(node.right)):
                # A constant that decides makes the whole a constant, whose time differs from the rule where a row has no date.
                raise Uncovered(f"{node.operator} with a constant, where the time of the result is shown")
            return self._logic(node.operator, left, right)
        time = self.later(left, right)
        if node.operator in ("=", "!=", "<", "<=", ">", ">="):
            return comparison(node.operator, left, right, time)
        if node.operator in ("+", "-", "*", "/", "%"):
            return arithmetic(node.operator, left, right, time)
        raise Uncovered(f"the operator {node.operator}")

    def _logic(self, operator: str, left: Typed, right: Typed) -> Typed:
        a, b = truth(left), truth(right)
        both = exp.paren(exp.and_(a.copy(), b.copy()) if operator == "AND" else exp.or_(a.copy(), b.copy()))
        if not self._timed:
            return Typed(both, Kind.FLAG, CONSTANT)
        time_left, time_right = (time_tree(side.time, self.time_column) for side in (left, right))
        return Typed(both, Kind.FLAG, _logic_time(operator, a, b, time_left, time_right))

    @_node.register
    def _(self, node: tree.Is) -> Typed:
        operand = self.compile(node.operand)
        found = test(node.test, operand)
        return Typed(exp.paren(exp.not_(found)) if node.negated else found, Kind.FLAG, operand.time)

    @_node.register
    def _(self, node: tree.Between) -> Typed:
        value, low, high = (self.compile(part) for part in (node.operand, node.low, node.high))
        above = comparison(">=", value, low, CONSTANT)
        below = comparison("<=", value, high, CONSTANT)
        if Kind.NULL in (above.kind, below.kind):
            raise Uncovered("BETWEEN with a null bound")
        result = case([(is_null(above.tree), exp.Null()), (exp.not_(exp.paren(above.tree.copy())), exp.false())], below.tree.copy())
        decided = exp.or_(is_null(above.tree), exp.not_(exp.paren(above.tree.copy())))
        time = self.chosen([(decided, self.later(value, low))], self.later(value, low, high))
        found = exp.paren(exp.not_(result)) if node.negated else result
        return Typed(found, Kind.FLAG, time)

    @_node.register
    def _(self, node: tree.InList) -> Typed:
        value = self.compile(node.operand)
        if value.kind is Kind.NULL:
            return value
        if value.kind in (Kind.MIXED, Kind.FLAG):
            raise Uncovered(f"IN with a {value.kind} on the left")
        equals: list[exp.Expr] = []
        for item in node.items:
            compiled = self.compile(item)
            if not compiled.constant:
                raise Uncovered("IN with a list that is not constant")
            if compiled.kind is value.kind or (compiled.kind.numeric and value.kind.numeric):
                equals.append(comparison("=", value, compiled, CONSTANT).tree)
        member = exp.paren(exp.or_(*equals)) if equals else exp.false()
        result = case([(is_null(value.tree), exp.Null())], member)
        # Found, the time is the later one of value and constant item; that differs from the value's only where it is "not a date".
        time = self.chosen([(member, self.later(value, null()))], value.time)
        return Typed(exp.paren(exp.not_(result)) if node.negated else result, Kind.FLAG, time)

    @_node.register
    def _(self, node: tree.Like) -> Typed:
        value, pattern = self.compile(node.operand), self.compile(node.pattern)
        if value.kind is not Kind.TEXT or not pattern.constant or pattern.kind is not Kind.TEXT:
            raise Uncovered("LIKE with anything but a text column and a constant pattern")
        if "_" in str(pattern.literal) and str(pattern.literal).count("%") > 2:
            # The engine goes back over such a pattern as often as there are ways to place its pieces, and cannot be stopped meanwhile.
            raise Uncovered("LIKE with `_` between several `%`")
        found = exp.paren(exp.Like(this=value.tree, expression=pattern.tree))
        return Typed(exp.paren(exp.not_(found)) if node.negated else found, Kind.FLAG, value.time)

    @_node.register
    def _(self, node: tree.Case) -> Typed:
        subject = self.compile(node.subject) if node.subject is not None else None
        branches: list[tuple[exp.Expr, Typed]] = []
        for condition_node, value_node in node.branches:
            condition = self.compile(condition_node)
            chosen = truth(condition) if subject is None else comparison("=", subject, condition, CONSTANT).tree
            branches.append((chosen, self.compile(value_node)))
        otherwise = self.compile(node.otherwise) if node.otherwise is not None else null()
        kinds = {value.kind for _, value in branches} | {otherwise.kind}
        kind = _common(kinds)
        result = case([(condition, _converted(value, kind)) for condition, value in branches], _converted(otherwise, kind))
        nan = otherwise.nan or any(value.nan for _, value in branches)
        return Typed(result, kind, self.chosen([(condition, value.time) for condition, value in branches], otherwise.time), nan=nan)

    @_node.register
    def _(self, node: tree.Cast) -> Typed:
        operand = self.compile(node.operand)
        match node.type_name.lower(), operand.kind:
            case ("string", Kind.TEXT) | ("number", Kind.INTEGER | Kind.NUMBER) | ("integer", Kind.INTEGER) | (_, Kind.NULL):
                return operand
            case "string", Kind.INTEGER:
                return Typed(exp.cast(operand.tree, "VARCHAR"), Kind.TEXT, operand.time)
            case _:
                raise Uncovered(f"CAST of a {operand.kind} to {node.type_name}")

    @_node.register
    def _(self, node: tree.Call) -> Typed:
        name = node.name[-1]
        if len(node.name) == 2 and node.name[0] not in self._names:
            raise Uncovered(f"the function {node.name}")
        if name == "rowName" and not node.arguments:
            return Typed(exp.column(self._relation.name_column, quoted=True), Kind.TEXT, CONSTANT)
        if len(node.name) != 1 or len(node.arguments) != 1:
            raise Uncovered(f"the function {name}")
        operand = self.compile(node.arguments[0])
        if name == "length" and operand.kind is Kind.TEXT:
            return Typed(exp.Coalesce(this=exp.Length(this=operand.tree), expressions=[exp.Literal.number(0)]), Kind.INTEGER, operand.time)
        return numeric_function(name, operand)


_WITH_NAN = (ColumnKind.NUMBER, ColumnKind.TIMESTAMP)
_NAMES = {
    "InSelect": "IN (SELECT ..)",
    "InMembers": "IN (KEYS OF ..) or IN (VALUES OF ..)",
    "RowLiteral": "a row {..}",
    "ArrayLiteral": "an array [..]",
    "Extract": "member access [..]",
    "Parameter": "a bound parameter",
}


def _constant(value: object) -> tuple[Kind, str, object]:
    match value:
        case int() if -(2**63) <= value < 2**63:
            return Kind.INTEGER, "BIGINT", value
        case float():
            return Kind.NUMBER, "DOUBLE", value
        case str():
            return Kind.TEXT, "VARCHAR", value
        case Timestamp():
            return Kind.TIMESTAMP, "DOUBLE", value.seconds
        case _:
            raise Uncovered(f"a constant of type {type(value).__name__}")


def _is_constant(node: tree.Node) -> bool:
    """Whether nothing in the expression looks at the row."""
    if isinstance(node, tree.Column | tree.Call | tree.InSelect):
        return False
    return all(_is_constant(child) for child in tree.children(node))


def _common(kinds: set[Kind]) -> Kind:
    kinds = kinds - {Kind.NULL}
    if not kinds:
        return Kind.NULL
    if len(kinds) == 1:
        (kind,) = kinds
        if kind is Kind.MIXED:
            raise Uncovered("CASE over a column of mixed types")
        return kind
    if kinds == {Kind.FLAG, Kind.INTEGER}:
        return Kind.INTEGER
    raise Uncovered("CASE with results of different types")


def _converted(value: Typed, kind: Kind) -> exp.Expr:
    return exp.cast(value.tree.copy(), "BIGINT") if value.kind is Kind.FLAG and kind is Kind.INTEGER else value.tree.copy()


def _logic_time(operator: str, a: exp.Expr, b: exp.Expr, left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """The times of AND and OR. Source: sql-language.md, 2.12."""

    def decisive(side: exp.Expr) -> exp.Expr:
        return exp.not_(exp.paren(side.copy())) if operator == "AND" else side.copy()

    both, either = _earlier(left, right), _later(left, right)
    settled = both if operator == "AND" else either
    return case(
        [
            (exp.and_(_known(decisive(a)), _known(decisive(b))), settled),
            (_known(decisive(a)), left.copy()),
            (_known(decisive(b)), right.copy()),
            (exp.and_(is_null(a), is_null(b)), both.copy() if operator == "AND" else either.copy()),
            (is_null(a), left.copy()),
            (is_null(b), right.copy()),
        ],
        either.copy() if operator == "AND" else both.copy(),
    )


def _known(condition: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=exp.paren(condition), expressions=[exp.false()])


def _earlier(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    least = exp.Least(this=left.copy(), expressions=[right.copy()], ignore_nulls=True)
    return case([(exp.IsNan(this=left.copy()), left.copy()), (exp.IsNan(this=right.copy()), right.copy())], least)


def _later(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    greatest = exp.Greatest(this=left.copy(), expressions=[right.copy()], ignore_nulls=True)
    return case([(exp.IsNan(this=left.copy()), right.copy()), (exp.IsNan(this=right.copy()), left.copy())], greatest)

"""Aggregators over the rows of a group. Source: sql-functions.md, 21; its section 23 has the forms."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from datapod_server.sql import tree
from datapod_server.sql.compiler.coverage import Uncovered
from datapod_server.sql.compiler.expressions import Expressions
from datapod_server.sql.compiler.typed import Kind, Typed, as_double, case, double, is_null, time_tree

_ALIASES = {"vertical_count": "count", "vertical_sum": "sum", "vertical_avg": "avg", "vertical_min": "min", "vertical_max": "max"}
NAMES = frozenset(("count", "sum", "avg", "min", "max", "count_distinct", *_ALIASES))
_UNCOVERED = ("variance", "stddev", "earliest", "latest", "string_agg")
UNCOVERED_NAMES = frozenset((*_UNCOVERED, *(f"vertical_{name}" for name in _UNCOVERED), "pivot", "likelihood_ratio"))


class Aggregates:
    """The aggregators of one statement, each computed once, as columns `a0`, `a1`, .. of the inner statement.

    `guards` are counts that must be zero: of values that the engine would have skipped where the interpreter raises an error.
    """

    def __init__(self, rows: Expressions, *, timed: bool) -> None:
        self._rows = rows
        self._timed = timed
        self._known: dict[tree.Call, Typed] = {}
        self.columns: list[tuple[str, exp.Expr]] = []
        self.guards: list[str] = []
        self.counts = False

    def compile(self, call: tree.Call) -> Typed:
        """The aggregator as a column of the inner statement. Raises `Uncovered`."""
        known = self._known.get(call)
        if known is None:
            known = self._known[call] = self._compile(call)
        return known

    def _compile(self, call: tree.Call) -> Typed:
        name = _ALIASES.get(call.name[0], call.name[0])
        self.counts = self.counts or call.name[0] == "count"
        if call.star:
            return self._column(exp.Count(this=exp.Star()), Kind.INTEGER, double(float("-inf")))
        if len(call.arguments) != 1:
            raise Uncovered(f"{name} with {len(call.arguments)} arguments")
        argument = self._rows.compile(call.arguments[0])
        if argument.kind is Kind.NULL:
            raise Uncovered(f"{name} of nothing")
        return _FORMS[name](self, argument)

    def _column(self, value: exp.Expr, kind: Kind, time: exp.Expr | None, *, nan: bool = False) -> Typed:
        name = f"a{len(self.columns)}"
        self.columns.append((name, value))
        time_name = f"t{name}"
        if self._timed and time is not None:
            self.columns.append((time_name, time))
        return Typed(exp.column(name, quoted=True), kind, exp.column(time_name, quoted=True), nan=nan)

    def _guard(self, argument: Typed) -> Typed:
        """Use the values of a mixed column that fit its type, provided that no others are met."""
        if argument.kind is not Kind.MIXED:
            return argument
        if argument.literal != "number" or argument.overflow is None:
            raise Uncovered("aggregating a column of mixed types")
        name = f"g{len(self.guards)}"
        self.guards.append(name)
        self.columns.append((name, exp.Count(this=argument.overflow.copy())))
        return Typed(argument.tree, Kind.NUMBER, argument.time, nan=True)

    def _latest(self, argument: Typed, present: exp.Expr) -> exp.Expr | None:
        """The latest time of the values that are there; "always" is the least, also beside "not a date"."""
        if not self._timed:
            return None
        time = time_tree(argument.time, self._rows.time_column)
        dated = exp.Filter(this=exp.Max(this=time), expression=exp.Where(this=exp.and_(present, exp.not_(exp.IsNan(this=time.copy())))))
        return exp.Coalesce(this=dated, expressions=[double(float("-inf"))])

    def count(self, argument: Typed) -> Typed:
        value: exp.Expr = exp.Count(this=argument.tree.copy())
        present: exp.Expr = exp.not_(is_null(argument.tree))
        if argument.overflow is not None:
            value = exp.Add(this=value, expression=exp.Count(this=argument.overflow.copy()))
            present = exp.or_(present, exp.not_(is_null(argument.overflow)))
        return self._column(value, Kind.INTEGER, self._latest(argument, exp.paren(present)))

    def count_distinct(self, argument: Typed) -> Typed:
        if argument.kind is Kind.MIXED:
            raise Uncovered("count_distinct of a column of mixed types")
        value = exp.Count(this=exp.Distinct(expressions=[argument.tree.copy()]))
        return self._column(value, Kind.INTEGER, self._latest(argument, exp.not_(is_null(argument.tree))))

    def sum(self, argument: Typed) -> Typed:
        argument = self._numeric("sum", argument)
        value = exp.Coalesce(this=exp.Sum(this=as_double(argument)), expressions=[double(0.0)])
        return self._column(value, Kind.NUMBER, self._latest(argument, exp.not_(is_null(argument.tree))), nan=True)

    def avg(self, argument: Typed) -> Typed:
        argument = self._numeric("avg", argument)
        value = exp.Coalesce(this=exp.Avg(this=as_double(argument)), expressions=[double(float("nan"))])
        return self._column(value, Kind.NUMBER, self._latest(argument, exp.not_(is_null(argument.tree))), nan=True)

    def _numeric(self, name: str, argument: Typed) -> Typed:
        argument = self._guard(argument)
        if not argument.kind.numeric:
            raise Uncovered(f"{name} of a {argument.kind}")
        return argument

    def extreme(self, argument: Typed, *, greatest: bool) -> Typed:
        """The engine holds NaN for the greatest number, the language for the smallest. Of equal values the earliest gives the time."""
        argument = self._guard(argument)
        tree_, kind = argument.tree, argument.kind
        if kind is Kind.FLAG:
            tree_, kind = exp.cast(tree_.copy(), "BIGINT"), Kind.INTEGER
        plain: exp.Expr = exp.Max(this=tree_.copy()) if greatest else exp.Min(this=tree_.copy())
        nan = kind in (Kind.NUMBER, Kind.TIMESTAMP)
        if nan:
            is_nan = exp.IsNan(this=tree_.copy())
            if greatest:
                others = exp.Filter(this=plain, expression=exp.Where(this=exp.not_(is_nan)))
                plain = exp.Coalesce(this=others, expressions=[exp.Max(this=tree_.copy())])
            else:
                plain = case([(exp.LogicalOr(this=is_nan), double(float("nan")))], plain)
        return self._column(plain, kind, self._time_of_extreme(argument, tree_, greatest=greatest, nan=nan), nan=nan)

    def _time_of_extreme(self, argument: Typed, value: exp.Expr, *, greatest: bool, nan: bool) -> exp.Expr | None:
        if not self._timed:
            return None
        time = time_tree(argument.time, self._rows.time_column)
        # "Not a date" is earlier than any time; the engine would hold it for the latest.
        age = case([(exp.IsNan(this=time.copy()), exp.Null())], exp.Neg(this=time.copy()) if greatest else time.copy())
        dateless = exp.cast(exp.IsNan(this=time.copy()), "BIGINT")
        parts = [dateless if greatest else exp.Neg(this=dateless), age]
        rank: list[exp.Expr] = [value.copy(), *parts]
        if nan:
            number = exp.cast(exp.not_(exp.IsNan(this=value.copy())), "BIGINT")
            rank = [number, *rank]
        name = "arg_max" if greatest else "arg_min"
        struct = exp.Anonymous(this="row", expressions=rank)
        chosen = exp.Anonymous(this=name, expressions=[time, case([(is_null(value), exp.Null())], struct)])
        return exp.Coalesce(this=chosen, expressions=[double(float("-inf"))])


_FORMS: dict[str, Callable[[Aggregates, Typed], Typed]] = {
    "count": Aggregates.count,
    "count_distinct": Aggregates.count_distinct,
    "sum": Aggregates.sum,
    "avg": Aggregates.avg,
    "min": lambda self, argument: self.extreme(argument, greatest=False),
    "max": lambda self, argument: self.extreme(argument, greatest=True),
}

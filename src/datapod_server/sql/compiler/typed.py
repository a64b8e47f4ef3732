"""Engine expressions with what the language needs to know of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp


class Kind(StrEnum):
    """What the values of an expression are, null apart."""

    FLAG = "flag"  # BOOLEAN; shown as 1 or 0
    INTEGER = "integer"  # BIGINT
    NUMBER = "number"  # DOUBLE; a whole number in it is an integer (sql-language.md, 2.2)
    TEXT = "text"  # VARCHAR
    TIMESTAMP = "timestamp"  # DOUBLE, seconds since 1970
    NULL = "null"  # nothing but null
    MIXED = "mixed"  # a stored column with tagged values: may be shown, tested and counted, not computed with

    @property
    def numeric(self) -> bool:
        return self in (Kind.FLAG, Kind.INTEGER, Kind.NUMBER)


@dataclass(frozen=True)
class Presence:
    """The time of a value made of stored cells of one row: that of the row if one of `cells` is there, else "always".

    `constant`: a constant took part too; its time ("always") is later than "not a date".
    """

    cells: frozenset[str] = frozenset()
    constant: bool = False


Time = Presence | exp.Expr
"""Source: sql-language.md, 2.12."""

CONSTANT = Presence(constant=True)


@dataclass(frozen=True)
class Typed:
    """A value of each row (or group).

    Attributes:
        tree: Its engine expression.
        kind: Of the values.
        time: The time of the value.
        nan: False if NaN cannot occur.
        constant: It is the same for every row and known now; `literal` then holds it.
        overflow: For `Kind.MIXED`: the expression of the tagged values.
    """

    tree: exp.Expr
    kind: Kind
    time: Time
    nan: bool = False
    constant: bool = False
    literal: object = None
    overflow: exp.Expr | None = None


def union(times: Iterable[Time], time_column: exp.Expr) -> Time:
    """The latest of several times."""
    result: Time | None = None
    for time in times:
        if result is None:
            result = time
        elif isinstance(result, Presence) and isinstance(time, Presence):
            result = Presence(result.cells | time.cells, result.constant or time.constant)
        else:
            result = _later(time_tree(result, time_column), time_tree(time, time_column))
    return CONSTANT if result is None else result


def time_tree(time: Time, time_column: exp.Expr) -> exp.Expr:
    """A time as an engine expression in seconds. "Not a date" (NaN) is earlier than every other time."""
    if not isinstance(time, Presence):
        return time.copy()
    if not time.cells:
        return double(-math.inf)
    present = [exp.not_(exp.Is(this=exp.column(name, quoted=True), expression=exp.Null())) for name in sorted(time.cells)]
    some = exp.or_(*present)
    if len(present) == 1 and not time.constant:
        return case([(some, time_column.copy())], double(-math.inf))
    every = exp.false() if time.constant else exp.and_(*(condition.copy() for condition in present))
    dateless = exp.and_(exp.IsNan(this=time_column.copy()), exp.not_(exp.paren(every)))
    return case([(exp.and_(exp.paren(some), exp.not_(exp.paren(dateless))), time_column.copy())], double(-math.inf))


def _later(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    greatest = exp.Greatest(this=left.copy(), expressions=[right.copy()], ignore_nulls=True)
    return case([(exp.IsNan(this=left), right), (exp.IsNan(this=right.copy()), left.copy())], greatest)


def double(value: float) -> exp.Expr:
    """A double as a constant of the engine."""
    text = "nan" if value != value else "inf" if value == math.inf else "-inf" if value == -math.inf else repr(value)
    return exp.cast(exp.Literal.string(text), "DOUBLE")


def as_double(typed: Typed) -> exp.Expr:
    """The number as a double."""
    if typed.kind is Kind.NUMBER:
        return typed.tree.copy()
    if typed.kind is Kind.FLAG:
        return exp.cast(exp.cast(typed.tree.copy(), "BIGINT"), "DOUBLE")
    return exp.cast(typed.tree.copy(), "DOUBLE")


def case(branches: Iterable[tuple[exp.Expr, exp.Expr]], otherwise: exp.Expr | None) -> exp.Expr:
    """CASE WHEN .. THEN .. ELSE .. END."""
    return exp.paren(exp.Case(ifs=[exp.If(this=condition, true=value) for condition, value in branches], default=otherwise))


def is_null(tree: exp.Expr) -> exp.Expr:
    return exp.paren(exp.Is(this=tree.copy(), expression=exp.Null()))


def null() -> Typed:
    """A null that is nowhere recorded."""
    return Typed(exp.Null(), Kind.NULL, CONSTANT, constant=True)

"""What the operators do with values. Source: sql-language.md, 5.5 to 5.8."""

from __future__ import annotations

import calendar
import datetime
import math
from collections.abc import Callable
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql.lengths import check_length
from datapod_server.sql.structures import ALWAYS, Embedding, RowValue, Value, Valued, as_row, atom, later, only_latest, row_time
from datapod_server.values.atoms import Atom, kind_name, number, text_form
from datapod_server.values.interval import Interval
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell
from datapod_server.values.timestamp import Timestamp

_DAY = 86_400.0
_WHOLE = 2.0**53
_EPOCH = datetime.date(1970, 1, 1).toordinal()

AtomOperator = Callable[[Any, Any], Atom]


def cannot_convert(value: Atom, target: str) -> QueryError:
    """The text of all failed conversions. Source: 15."""
    text = "" if isinstance(value, bytes) else text_form(value)
    shown = text if len(text) <= 200 else text[:200] + "... (trimmed)"
    return QueryError(f"Can't convert value '{shown}' of type '{kind_name(value)}' to {target}")


def to_double(value: Value) -> float:
    """A number as a double. Raises `QueryError` for everything else, null included."""
    if isinstance(value, int | float):
        return float(value)
    raise cannot_convert(atom(value), "double")


def to_integer(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise cannot_convert(atom(value), "integer")


def add(left: Any, right: Any) -> Atom:
    """`left + right` of atoms that are not null."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        result = float(left) + float(right)
        # The commonest case, written out: a call of `number` takes as long as the rest.
        return int(result) if result.is_integer() and -_WHOLE <= result <= _WHOLE else number(result)
    if isinstance(left, str) or isinstance(right, str):
        one, other = text_form(left), text_form(right)
        check_length(len(one) + len(other))
        return one + other
    if isinstance(left, Timestamp):
        return _shift(left, right, 1, "Adding unsupported type to timetamp")
    if isinstance(right, Timestamp) and isinstance(left, Interval | int):
        return _shift(right, left, 1, "Adding unsupported type to timetamp")
    if isinstance(left, Interval):
        return _combine(left, _interval(right), 1)
    return number(to_double(left) + to_double(right))


def subtract(left: Any, right: Any) -> Atom:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return number(float(left) - float(right))
    if isinstance(left, Timestamp):
        if isinstance(right, Timestamp):
            return _difference(left.seconds, right.seconds)
        return _shift(left, right, -1, "Substracting unsupported type to timetamp")
    if isinstance(left, Interval):
        return _combine(left, _interval(right), -1)
    return number(to_double(left) - to_double(right))


def multiply(left: Any, right: Any) -> Atom:
    if isinstance(left, Interval):
        return scale_interval(left, to_double(right))
    if isinstance(right, Interval):
        return scale_interval(right, to_double(left))
    return number(to_double(left) * to_double(right))


def divide(left: Any, right: Any) -> Atom:
    divisor = to_double(right)
    if isinstance(left, Interval):
        if divisor == 0:
            raise QueryError("an interval cannot be divided by zero")
        return scale_interval(left, 1 / divisor)
    return number(quotient(to_double(left), divisor))


def quotient(dividend: float, divisor: float) -> float:
    """IEEE division: by zero it gives an infinity or NaN."""
    if divisor != 0:
        return dividend / divisor
    if dividend == 0 or dividend != dividend:
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)


def remainder(left: Any, right: Any) -> Atom:
    if isinstance(left, int) and isinstance(right, int):
        return integer_remainder(left, right)
    dividend, divisor = to_double(left), to_double(right)
    if divisor == 0 or math.isinf(dividend):
        return math.nan
    return number(math.fmod(dividend, divisor))


def integer_remainder(dividend: int, divisor: int) -> int:
    """Truncated toward zero: the sign of the dividend."""
    if divisor == 0:
        raise QueryError("Integer Modulus by a zero dividend")
    result = abs(dividend) % abs(divisor)
    return -result if dividend < 0 else result


def _interval(value: Any) -> Interval:
    if isinstance(value, Interval):
        return value
    raise cannot_convert(value, "time interval")


def _combine(left: Interval, right: Interval, sign: int) -> Interval:
    return Interval.checked(left.months + sign * right.months, left.days + sign * right.days, left.seconds + sign * right.seconds)


def scale_interval(interval: Interval, factor: float) -> Interval:
    """Months are truncated, the fraction of days is carried into the seconds."""
    days = interval.days * factor
    whole = math.trunc(days)
    return Interval.checked(math.trunc(interval.months * factor), whole, interval.seconds * factor + (days - whole) * _DAY)


def _difference(left: float, right: float) -> Interval:
    seconds = left - right
    if not math.isfinite(seconds):
        return Interval(0, 0, seconds)
    days = math.trunc(seconds / _DAY)
    return Interval.checked(0, days, seconds - days * _DAY)


def _shift(moment: Timestamp, step: Any, sign: int, refusal: str) -> Timestamp:
    if isinstance(step, int):
        return Timestamp(moment.seconds + sign * step * _DAY)
    if not isinstance(step, Interval):
        raise QueryError(refusal)
    seconds = moment.seconds + sign * step.seconds + sign * step.days * _DAY
    return Timestamp(_add_months(seconds, sign * step.months) if step.months else seconds)


def _add_months(seconds: float, months: int) -> float:
    """By calendar: the last day of a month stays the last day of the month; the time of day is kept."""
    if not math.isfinite(seconds):
        return seconds
    days, rest = divmod(seconds, _DAY)
    try:
        date = datetime.date.fromordinal(int(days) + _EPOCH)
        year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
        last_before = calendar.monthrange(date.year, date.month)[1]
        last_after = calendar.monthrange(year, month + 1)[1]
        day = last_after if date.day == last_before else min(date.day, last_after)
        return (datetime.date(year, month + 1, day).toordinal() - _EPOCH) * _DAY + rest
    except (ValueError, OverflowError) as error:
        raise QueryError("the sum of timestamp and interval lies outside the years 1 to 9999") from error


def negate(value: Any) -> Atom:
    if isinstance(value, Interval):
        return -value
    return number(-to_double(value))


ARITHMETIC: dict[str, AtomOperator] = {"+": add, "-": subtract, "*": multiply, "/": divide, "%": remainder}

BITS: dict[str, AtomOperator] = {
    "&": lambda left, right: _signed(to_integer(left) & to_integer(right)),
    "|": lambda left, right: _signed(to_integer(left) | to_integer(right)),
    "^": lambda left, right: _signed(to_integer(left) ^ to_integer(right)),
}


def _signed(value: int) -> int:
    """The low 64 bits as a signed number."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def invert(value: Any) -> Atom:
    return _signed(~to_integer(value))


def structured(operator: AtomOperator, left: Value, left_time: float, right: Value, right_time: float) -> Valued:
    """Arithmetic where at least one side is a row or an embedding. Source: 5.6."""

    def apply(one: Any, other: Any) -> Atom:
        return None if one is None or other is None else operator(one, other)

    if isinstance(left, Embedding) and isinstance(right, Embedding):
        if left.shape != right.shape:
            raise QueryError("Attempt to perform operation on incompatible shaped embeddings")
        pairs = zip(left.elements, right.elements, strict=True)
        return Embedding([apply(one, other) for one, other in pairs], left.shape), later(left_time, right_time)
    if isinstance(left, Embedding) and not isinstance(right, RowValue):
        return Embedding([apply(element, right) for element in left.elements], left.shape), later(left_time, right_time)
    if isinstance(right, Embedding) and not isinstance(left, RowValue):
        return Embedding([apply(left, element) for element in right.elements], right.shape), later(left_time, right_time)
    if not isinstance(left, RowValue | Embedding):
        row = RowValue([Cell(c.column, apply(left, c.value), later(left_time, c.time)) for c in as_row(right, right_time).cells])
    elif not isinstance(right, RowValue | Embedding):
        row = RowValue([Cell(c.column, apply(c.value, right), later(c.time, right_time)) for c in as_row(left, left_time).cells])
    else:
        row = _combine_rows(apply, as_row(left, left_time), as_row(right, right_time))
    return row, row_time(row)


def _combine_rows(apply: AtomOperator, left: RowValue, right: RowValue) -> RowValue:
    sides: tuple[dict[Path, list[Cell]], dict[Path, list[Cell]]] = ({}, {})
    for found, row in zip(sides, (left, right), strict=True):
        for cell in row.cells:
            found.setdefault(cell.column, []).append(cell)
    cells = []
    for column in {**sides[0], **sides[1]}:
        nothing = [Cell(column, None, ALWAYS)]
        for one in sides[0].get(column, nothing):
            cells += [Cell(column, apply(one.value, other.value), later(one.time, other.time)) for other in sides[1].get(column, nothing)]
    return RowValue(cells)


def arithmetic(operator: AtomOperator, left: Value, left_time: float, right: Value, right_time: float) -> Valued:
    """Any arithmetic: null gives null, structures go member by member."""
    if isinstance(left, RowValue | Embedding) or isinstance(right, RowValue | Embedding):
        if left is None or right is None:
            return None, later(left_time, right_time)
        left = only_latest(left) if isinstance(left, RowValue) else left
        return structured(operator, left, left_time, right, right_time)
    if left is None or right is None:
        return None, later(left_time, right_time)
    return operator(left, right), later(left_time, right_time)

"""Numeric functions: IEEE results everywhere, no domain errors. Source: sql-functions.md, 4."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import Builtin, Maps, Null, Takes
from datapod_server.sql.operators import cannot_convert, integer_remainder, quotient, to_double
from datapod_server.sql.structures import ALWAYS, Embedding, RowValue, Valued, later, row_time, value_key
from datapod_server.values.atoms import Atom, number
from datapod_server.values.rows import Cell

_Z_80 = 1.281551599507685  # the standard normal quantile at 1 - 0.09999999403953552


def _ieee(function: Callable[[float], float], overflow: float = math.inf) -> Callable[[Any], Atom]:
    """A function of `math` that answers NaN outside its domain and an infinity where it overflows."""

    def apply(value: Any) -> Atom:
        try:
            return number(float(function(to_double(value))))
        except ValueError:
            return math.nan
        except OverflowError:
            return overflow

    return apply


def round_half_away(value: float) -> float:
    """
    >>> round_half_away(2.5), round_half_away(-2.5)
    (3.0, -3.0)
    """
    if not math.isfinite(value) or abs(value) >= 2**52:
        return value
    whole = math.floor(abs(value))
    return math.copysign(whole + (abs(value) - whole >= 0.5), value)


def _whole(function: Callable[[float], float]) -> Callable[[Any], Atom]:
    def apply(value: Any) -> Atom:
        double = to_double(value)
        return number(float(function(double))) if math.isfinite(double) else double

    return apply


def _ln(value: float) -> float:
    return -math.inf if value == 0 else math.log(value)


def _atanh(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) == 1 else math.atanh(value)


def _sign_keeping(function: Callable[[float], float]) -> Callable[[Any], Atom]:
    def apply(value: Any) -> Atom:
        try:
            return number(function(to_double(value)))
        except OverflowError:
            return math.copysign(math.inf, to_double(value))

    return apply


def sign(value: Any) -> Atom:
    """-1, 0 or 1; NaN for everything that is no number."""
    if not isinstance(value, int | float) or value != value:
        return math.nan
    return (value > 0) - (value < 0)


def power(base: Any, exponent: Any) -> Atom:
    one, other = to_double(base), to_double(exponent)
    try:
        return number(math.pow(one, other))
    except OverflowError:
        return -math.inf if one < 0 and other % 2 == 1 else math.inf
    except ValueError:
        return math.inf if one == 0 else math.nan


def mod(dividend: Any, divisor: Any) -> Atom:
    """Remainder of two signed integers, with the sign of the dividend."""
    for value in (dividend, divisor):
        if not isinstance(value, int) or value >= 2**63:
            raise cannot_convert(value, "integer")
    return integer_remainder(dividend, divisor)


def quantize(value: Any, step: Any) -> Atom:
    return number(round_half_away(quotient(to_double(value), to_double(step))) * to_double(step))


def log(*arguments: Any) -> Atom:
    """`log(x)` to base 10, `log(base, x)` as ln(x) / ln(base)."""
    if len(arguments) == 1:
        value = to_double(arguments[0])
        return -math.inf if value == 0 else math.nan if value < 0 else number(math.log10(value))
    base, value = to_double(arguments[0]), to_double(arguments[1])
    if base < 0 or value < 0:
        return math.nan
    return number(quotient(_ln(value), _ln(base)))


def _replacing(test: Callable[[Any], bool]) -> Callable[[Any, Any], Any]:
    return lambda value, replacement: replacement if test(value) else value


def clamp(value: Valued, lower: Valued, upper: Valued) -> Valued:
    time = later(later(value[1], lower[1]), upper[1])
    content = value[0]
    if isinstance(content, Embedding):
        return Embedding([_clamp(element, lower[0], upper[0]) for element in content.elements], content.shape), time
    if isinstance(content, RowValue):
        if any(len(cell.column) > 1 for cell in content.cells):
            raise QueryError("Cannot convert value of type 'structured' to 'atomic value'")
        row = RowValue(
            [Cell(c.column, _clamp(c.value, lower[0], upper[0]), later(later(c.time, lower[1]), upper[1])) for c in content.cells]
        )
        return row, row_time(row)
    return (None, ALWAYS) if content is None else (_clamp(content, lower[0], upper[0]), time)


def _clamp(value: Any, lower: Any, upper: Any) -> Any:
    if value is None:
        return None
    if value != value:
        return value if lower is None else lower
    if lower is not None and value_key(value) < value_key(lower):
        return lower
    return upper if upper is not None and value_key(upper) < value_key(value) else value


def _binomial_bound(direction: int) -> Callable[[Any, Any], Atom]:
    def bound(trials: Any, successes: Any) -> Atom:
        if not isinstance(trials, int):
            raise cannot_convert(trials, "integer")
        count, part = float(trials), quotient(to_double(successes), float(trials))
        spread = _Z_80 * math.sqrt(max(0.0, _Z_80**2 / (4 * count**2) + part * (1 - part) / count)) if count else math.nan
        return number(quotient(part + quotient(_Z_80**2, 2 * count) + direction * spread, 1 + quotient(_Z_80**2, count)))

    return bound


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


_UNARY: dict[str, Callable[[Any], Atom]] = {
    "abs": _whole(abs),
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "round": _whole(round_half_away),
    "sqrt": _ieee(math.sqrt),
    "exp": _ieee(math.exp),
    "ln": _ieee(_ln),
    "atanh": _ieee(_atanh),
    "sinh": _sign_keeping(math.sinh),
    **{name: _ieee(getattr(math, name)) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "cosh", "tanh", "asinh", "acosh")},
    "isnan": lambda value: int(math.isnan(to_double(value))),
    "isinf": lambda value: int(math.isinf(to_double(value))),
    "isfinite": lambda value: int(math.isfinite(to_double(value))),
}
_UNARY["abs"] = lambda value: number(abs(to_double(value)))

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "pow": power,
    "power": power,
    "mod": mod,
    "atan2": lambda ordinate, abscissa: number(math.atan2(to_double(ordinate), to_double(abscissa))),
    "quantize": quantize,
    "replace_nan": _replacing(_is_nan),
    "replace_inf": _replacing(_is_infinite),
    "replace_not_finite": _replacing(lambda value: _is_nan(value) or _is_infinite(value)),
    "replace_null": _replacing(lambda value: value is None),
}

BUILTINS = (
    *(Builtin(name, function, maps=Maps.UNARY, folds=False) for name, function in _UNARY.items()),
    *(Builtin(name, function, 2, 2, maps=Maps.BINARY, folds=False) for name, function in _BINARY.items()),
    Builtin("sign", sign, null=Null.IS_NULL_ALWAYS),
    Builtin("log", log, 1, 2, null=Null.IS_NULL_ALWAYS, arity_text="the log function expected 1 or 2 arguments"),
    Builtin("clamp", clamp, 3, 3, takes=Takes.STAMPED),
    Builtin("binomial_lb_80", _binomial_bound(-1), 2, 2, null=Null.IS_OWN),
    Builtin("binomial_ub_80", _binomial_bound(1), 2, 2, null=Null.IS_OWN),
    Builtin("pi", lambda *_: math.pi, 0, None),
    Builtin("e", lambda *_: math.e, 0, None),
)

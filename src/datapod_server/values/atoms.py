"""Atoms: everything one cell may hold, and what all rooms do alike with it. Source: sql-language.md, 2.

A number that is whole and fits a signed 64-bit integer is an `int`, never a `float`; `number` keeps that rule. Truth values are 1 and 0.
"""

from __future__ import annotations

import math
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.values.interval import Interval
from datapod_server.values.path import Path
from datapod_server.values.timestamp import Timestamp

Atom = None | int | float | str | Timestamp | Interval | bytes | Path

MINIMUM_INTEGER = -(2**63)
MAXIMUM_INTEGER = 2**64 - 1
_SIGNED_LIMIT = 2.0**63
_ENOUGH_DIGITS = 30

OrderKey = tuple[Any, ...]


def number(value: float) -> int | float:
    """A double as a value: whole ones in [-2^63, 2^63) are integers.

    >>> number(4.0), number(-0.0), number(0.5)
    (4, 0, 0.5)
    """
    if value.is_integer() and -_SIGNED_LIMIT <= value < _SIGNED_LIMIT:
        return int(value)
    return value


def integer(digits: str) -> int | float:
    """Decimal digits, a sign allowed, as an integer; as a double beyond 64 bits. Of any length: `int` refuses more than 4,300 digits.

    >>> integer("-7"), integer("18446744073709551615"), integer("9" * 5000)
    (-7, 18446744073709551615, inf)
    """
    if len(digits) > _ENOUGH_DIGITS:
        sign = "-" if digits.startswith("-") else ""
        digits = sign + (digits.lstrip("+-0") or "0")
        if len(digits) > _ENOUGH_DIGITS:
            return float(digits)
    value = int(digits)
    return value if MINIMUM_INTEGER <= value <= MAXIMUM_INTEGER else float(value)


def order_key(atom: Atom) -> OrderKey:
    """Sorts atoms of any kind: null < numbers (NaN first) < strings < timestamps < intervals < blobs < paths. Source: 2.9."""
    if atom is None:
        return (0,)
    if isinstance(atom, int | float):
        return (1, 0, 0) if atom != atom else (1, 1, atom)
    if isinstance(atom, str):
        return (2, atom.encode("utf-8", "surrogatepass"))
    if isinstance(atom, Timestamp):
        return (3, 0, 0) if atom.seconds != atom.seconds else (3, 1, atom.seconds)
    if isinstance(atom, Interval):
        return (4, 0, 0, 0) if atom.seconds != atom.seconds else (4, *atom.key)
    if isinstance(atom, bytes):
        return (5, atom)
    return (6, str(atom).encode())


def equal(left: Atom, right: Atom) -> bool:
    """Equality of two atoms that are not null: of one kind and the same value; NaN equals itself. Source: 2.8.

    >>> equal(1, "1"), equal(float("nan"), float("nan"))
    (False, True)
    """
    if isinstance(left, int | float):
        return isinstance(right, int | float) and (left == right or (left != left and right != right))
    if isinstance(left, Path) or isinstance(right, Path):
        return isinstance(left, Path) and isinstance(right, Path) and tuple(left) == tuple(right)
    return type(left) is type(right) and left == right


def text_of_number(value: int | float) -> str:
    """The text form of 2.2: all digits of integers, the shortest digits of doubles.

    >>> text_of_number(12.5), text_of_number(1e100), text_of_number(1e-7), text_of_number(1.5e-10)
    ('12.5', '1e100', '0.0000001', '1.5e-10')
    """
    if isinstance(value, int):
        return str(value)
    if value != value:
        return "-nan" if math.copysign(1.0, value) < 0 else "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    mantissa, _, exponent_text = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.d1...dn x 10^point.
    leading_zeros = len(whole + fraction) - len(digits)
    point = len(whole) - leading_zeros + int(exponent_text or 0)
    digits = digits.rstrip("0") or "0"
    return ("-" if value < 0 else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    count = len(digits)
    if 0 < point < count:
        return f"{digits[:point]}.{digits[point:]}"
    if point == count:
        return digits
    if -7 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point > count and point <= count + 6 + (1 if count > 1 else 0) + len(str(point - 1)):
        return digits + "0" * (point - count)
    rest = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{rest}e{point - 1}"


def text_form(atom: Atom) -> str:
    """The text of an atom in concatenations, casts and names. Null is the empty text.

    Raises:
        QueryError: A blob has no text.
    """
    if isinstance(atom, str):
        return atom
    if atom is None:
        return ""
    if isinstance(atom, int | float):
        return text_of_number(atom)
    if isinstance(atom, bytes):
        raise QueryError("Can't convert value of type 'BLOB' to string")
    return str(atom)


def kind_name(atom: Atom) -> str:
    """The name of an atom's kind as error texts have it. Source: sql-language.md, 15."""
    if atom is None:
        return "EMPTY"
    if isinstance(atom, int):
        return "INTEGER"
    if isinstance(atom, float):
        return "FLOAT"
    if isinstance(atom, str):
        return "ASCII_STRING" if atom.isascii() else "UTF8_STRING"
    if isinstance(atom, Timestamp):
        return "TIMESTAMP"
    if isinstance(atom, Interval):
        return "TIMEINTERVAL"
    return "BLOB" if isinstance(atom, bytes) else "PATH"


def is_true(atom: Atom) -> bool:
    """Truth of an atom. Source: sql-language.md, 2.7. Raises `QueryError` for a blob that is not empty."""
    if isinstance(atom, Timestamp):
        return math.isfinite(atom.seconds)
    if isinstance(atom, bytes) and atom:
        raise QueryError("unknown CellValue type: a blob is neither true nor false")
    return bool(atom)  # NaN is true; empty texts and paths, zero intervals and null are not


def is_false(atom: Atom) -> bool:
    """Falsity of an atom; null and timestamps are neither true nor false."""
    return not (atom is None or isinstance(atom, Timestamp) or is_true(atom))

"""Property values between Python and the pod. Source: plugin-sdk.md, 2.1, 2.3 and 2.8; pod-protocol.md, 4.4."""

from __future__ import annotations

import enum
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

from datapod.errors import ValidationError

TYPE_TO_SCHEMA: dict[type, str] = {bool: "Bool", str: "Text", int: "Integer", float: "Real", datetime: "DateTime"}
"""Python type of a property to the pod's value type."""

SCALARS = (bool, str, int, float, datetime, date)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_WORDS = {"true": True, "yes": True, "t": True, "y": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "f": False, "n": False, "off": False, "0": False}


def milliseconds(moment: date) -> int:
    """Since 1970-01-01T00:00Z, rounded. A naive time counts as local time, a date as its midnight UTC.

    >>> milliseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000
    """
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return round((moment.astimezone(UTC) - _EPOCH) / _MILLISECOND)


def moment_of(ms: float) -> datetime:
    """The aware UTC time of milliseconds since 1970-01-01T00:00Z, negative ones included.

    Raises:
        ValidationError: Outside of the years 1 to 9999.
    """
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except (OverflowError, ValueError) as error:
        raise ValidationError(f"{ms} milliseconds lie outside of the years 1 to 9999") from error


def plain(value: Any) -> Any:
    """A numpy scalar or text enum member as the Python value it stands for; everything else as it is."""
    if isinstance(value, enum.Enum):
        return value.value
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def to_wire(value: Any) -> bool | int | float | str:
    """A property value as JSON carries it.

    Raises:
        ValidationError: Not a number (JSON has none), or no property value at all.
    """
    value = plain(value)
    if isinstance(value, date):
        return milliseconds(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValidationError(f"{value} cannot be stored: a pod keeps finite numbers only")
    if isinstance(value, (bool, int, float, str)):
        return value
    raise ValidationError(f"{type(value).__name__} is no type of a property value")


def converted(value: Any, kind: type, where: str) -> Any:
    """A value given to a declarative class, as its declared type.

    Args:
        kind: One of the keys of `TYPE_TO_SCHEMA`.
        where: Class and property, for the error.

    Raises:
        ValidationError: The value cannot stand for that type.
    """
    value = plain(value)
    if value is None or type(value) is kind:
        return value
    try:
        return _CONVERTERS[kind](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValidationError(f"{where}: {value!r} is no {TYPE_TO_SCHEMA[kind]}") from error


def _to_text(value: Any) -> str:
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError


def _to_integer(value: Any) -> int:
    if isinstance(value, (int, str)):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError


def _to_real(value: Any) -> float:
    if isinstance(value, (int, float, str)):
        return float(value)
    raise TypeError


def _to_bool(value: Any) -> bool:
    if isinstance(value, str):
        value = _WORDS.get(value.strip().lower())
    if value in (0, 1) and value is not None:
        return bool(value)
    raise TypeError


def _to_moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return moment_of(value)
    raise TypeError


_CONVERTERS: dict[type, Any] = {str: _to_text, int: _to_integer, float: _to_real, bool: _to_bool, datetime: _to_moment}

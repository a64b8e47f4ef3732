"""Value types of properties: what JSON they take, how they are stored, what they answer. Source: pod-protocol.md, 4.4."""

from __future__ import annotations

import logging
import math
from enum import StrEnum
from typing import Any

import msgspec

from datapod_server.errors import Invalid

log = logging.getLogger("datapod.items")

LEAST_INTEGER, GREATEST_INTEGER = -(2**63), 2**63 - 1

Stored = int | float | str


class ValueType(StrEnum):
    """The five value types; one per property name in a whole pod."""

    TEXT = "Text"
    INTEGER = "Integer"
    REAL = "Real"
    BOOL = "Bool"
    DATE_TIME = "DateTime"

    @property
    def table(self) -> str:
        """The table that holds the values."""
        return _TABLES[self]


_TABLES = {
    ValueType.TEXT: "strings",
    ValueType.INTEGER: "integers",
    ValueType.REAL: "reals",
    ValueType.BOOL: "integers",
    ValueType.DATE_TIME: "integers",
}
STORED_AS: dict[ValueType, type] = {
    ValueType.TEXT: str,
    ValueType.INTEGER: int,
    ValueType.REAL: float,
    ValueType.BOOL: int,
    ValueType.DATE_TIME: int,
}


def to_stored(value: Any, kind: ValueType, name: str) -> Stored:
    """The form in which a JSON value is stored; never null.

    Raises:
        Invalid: The value does not fit the type; `True` is no integer and 1 is no bool.
    """
    given = type(value)  # exact types: isinstance would take a bool for an integer
    if kind is ValueType.TEXT:
        if given is str:
            return value  # type: ignore[no-any-return]
    elif kind is ValueType.INTEGER:
        if given is int and LEAST_INTEGER <= value <= GREATEST_INTEGER:
            return value  # type: ignore[no-any-return]
        if given is int or given is float:
            raise Invalid(f"Failed to parse JSON number {shown(value)} to i64 ({name})")
    elif kind is ValueType.REAL:
        if given is float or given is int:
            return _real(value, name)
    elif kind is ValueType.BOOL:
        if given is bool:
            return int(value)
    elif given is int or given is float:
        return _milliseconds(value, name)
    raise Invalid(f"Failed to parse json value {shown(value)} to {kind} ({name})")


def _real(value: float, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Invalid(f"Failed to parse JSON number {shown(value)} to f64 ({name})") from None


def _milliseconds(value: float, name: str) -> int:
    if type(value) is float:
        log.warning("a DateTime was given as a fraction and rounded: property %s", name)
        # Half away from zero. Adding 0.5 would be wrong for large values, where the sum itself is rounded.
        whole = math.trunc(value)
        value = whole + (math.copysign(1, value) if abs(value - whole) >= 0.5 else 0)
        value = int(value)
    if not LEAST_INTEGER <= value <= GREATEST_INTEGER:
        raise Invalid(f"Failed to parse JSON number {shown(value)} to i64 ({name})")
    return int(value)


def shown(value: Any) -> str:
    """A JSON value for a message, cut to a length that fits one."""
    text = str(value) if type(value) is int else msgspec.json.encode(value).decode()
    return text if len(text) <= 100 else text[:100] + "..."

"""Values between Python code and JSON. Source: python-runtime.md, 8."""

from __future__ import annotations

import math
from typing import Any

import msgspec

_SMALLEST = -(2**63)
_GREATEST = 2**64 - 1
_ENCODER = msgspec.json.Encoder(order="sorted")


def to_json(value: Any) -> bytes:
    """Compact JSON with sorted keys.

    Raises:
        TypeError: A value that is not None, bool, int, float, str, list, tuple or dict, at any depth.
        OverflowError: An integer outside -2^63 ... 2^64-1.
    """
    return _ENCODER.encode(plain(value))


def plain(value: Any) -> Any:
    """The value with base types only: NaN and infinities as texts, keys as texts."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        if not _SMALLEST <= value <= _GREATEST:
            raise OverflowError(f"{value} does not fit into 64 bits")
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else special_number(value)
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key if type(key) is str else str(key): plain(entry) for key, entry in value.items()}
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent as JSON")


def special_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Inf" if value > 0 else "-Inf"


def from_json(text: bytes | str) -> Any:
    """The Python value of a JSON text; NaN and infinity literals are floats, objects have sorted keys."""
    import json

    value = json.loads(text)
    return _sorted(value)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(entry) for entry in value]
    return value

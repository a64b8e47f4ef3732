"""Paths and conversions. Source: sql-functions.md, 11 and 12; sql-language.md, 2.10."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from datapod_server.errors import Invalid, QueryError
from datapod_server.sql.builtins.builtin import Builtin, Null, Takes
from datapod_server.sql.operators import cannot_convert
from datapod_server.sql.structures import Embedding, RowValue, Value, atom
from datapod_server.values.atoms import Atom, integer, is_true, number, text_form
from datapod_server.values.path import Path
from datapod_server.values.timestamp import Timestamp, parse_timestamp

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|(?i:inf|infinity|nan))", re.ASCII)
_C_NUMBER = re.compile(r"\s*[+-]?(0[xX][0-9a-fA-F]+|\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|(?i:inf|infinity|nan))", re.ASCII)
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def to_path(value: Value) -> Path:
    """A path stays, an embedding gives one element per value, null the empty path, every other atom one element."""
    if isinstance(value, Path):
        return value
    if value is None:
        return Path()
    if isinstance(value, Embedding):
        return Path([text_form(element) for element in value.elements])
    if isinstance(value, RowValue):
        names = [cell.column for cell in value.cells]
        if names != [Path((str(place),)) for place in range(len(names))]:
            raise QueryError("Cannot convert value of type 'structured' to 'atomic value'")
        return Path([text_form(cell.value) for cell in value.cells])
    return Path((text_form(value),))


def parse_path(value: Any) -> Path:
    try:
        return Path.parse(text_form(value))
    except Invalid as error:
        raise QueryError(str(error)) from error


def path_element(value: Any, place: Any) -> Atom:
    if not isinstance(place, int) or place < 0:
        raise cannot_convert(place, "unsigned integer")
    path = to_path(value)
    return Path((path[place],)) if place < len(path) else None


def unflatten_path(value: Any) -> Path:
    path = to_path(value)
    if len(path) != 1:
        raise QueryError(f"Attempt to pass non-flattened path with length {len(path)} to unflatten_path().  Must have length of one.")
    return parse_path(path[0])


def implicit_cast(value: Any) -> Any:
    """Text that is a number in C's syntax as that number; everything else as it is."""
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    if _C_NUMBER.fullmatch(value) is None:
        return value
    text = value.strip()
    if _INTEGER.fullmatch(text):
        return int(max(_SMALLEST, min(_LARGEST, integer(text))))
    if "x" in text.lower():
        return _hexadecimal(text)
    return number(float(text))


def _hexadecimal(text: str) -> int | float:
    try:
        return number(float(int(text, 16)))
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf


def to_timestamp(value: Any) -> Timestamp | None:
    """A timestamp stays, a number counts seconds, a text is parsed; everything else is null. Source: sql-functions.md, 12."""
    if isinstance(value, Timestamp):
        return value
    if isinstance(value, int | float):
        return Timestamp(value)
    return parse_timestamp(value) if isinstance(value, str) else None


# CAST


def _number_in(text: str) -> int | float | None:
    if _INTEGER.fullmatch(text):
        return integer(text)
    return number(float(text)) if _NUMBER.fullmatch(text) else None


def _truncated(value: int | float | None) -> Atom:
    if value is None or isinstance(value, int):
        return value
    return None if value != value else number(float(math.trunc(value))) if math.isfinite(value) else value


def _refuse_blob(value: Any) -> None:
    if isinstance(value, bytes):
        raise QueryError("Can't convert value of type 'BLOB'")


def _cast_string(value: Any) -> Atom:
    _refuse_blob(value)
    return text_form(atom(value))


def _cast_number(value: Any) -> Atom:
    _refuse_blob(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, Timestamp):
        return number(value.seconds)
    if isinstance(value, Path):
        return _number_in(str(value))
    return _number_in(value) if isinstance(value, str) else None


def _cast_integer(value: Any) -> Atom:
    if isinstance(value, Timestamp):
        return number(value.seconds) if math.isfinite(value.seconds) else None
    found = _cast_number(value)
    return _truncated(found) if isinstance(found, int | float) else None


def _cast_boolean(value: Any) -> Atom:
    _refuse_blob(value)
    if isinstance(value, str):
        word = value.lower()
        if word in ("true", "false"):
            return int(word == "true")
        found = _number_in(value)
        return None if found is None else int(found != 0)
    if isinstance(value, RowValue | Embedding):
        return None
    return int(is_true(value))


def _cast_path(value: Any) -> Atom:
    _refuse_blob(value)
    return to_path(value)


def _cast_blob(value: Any) -> Atom:
    if isinstance(value, RowValue | Embedding):
        return None
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else text_form(value)


CASTS: dict[str, Callable[[Any], Atom]] = {
    "string": _cast_string,
    "integer": _cast_integer,
    "number": _cast_number,
    "boolean": _cast_boolean,
    "timestamp": lambda value: None if isinstance(value, RowValue | Embedding) else to_timestamp(value),
    "path": _cast_path,
    "blob": _cast_blob,
}
"""By the type's name in lower case; called with anything but null, which gives null (as a path: the empty path)."""

BUILTINS = (
    Builtin("parse_path", parse_path, null=Null.IS_OWN),
    Builtin("stringify_path", lambda value: str(to_path("" if value is None else value)), null=Null.IS_OWN, takes=Takes.VALUES),
    Builtin("path_element", path_element, 2, 2, null=Null.IS_OWN, takes=Takes.VALUES),
    Builtin("path_length", lambda value: len(to_path(value)), null=Null.IS_OWN, takes=Takes.VALUES),
    Builtin("flatten_path", lambda value: Path((str(to_path(value)),)), null=Null.IS_OWN, takes=Takes.VALUES),
    Builtin("unflatten_path", unflatten_path, null=Null.IS_OWN, takes=Takes.VALUES),
    Builtin("implicit_cast", implicit_cast, takes=Takes.VALUES),
    Builtin("to_timestamp", to_timestamp, takes=Takes.VALUES),
)

"""Cell values and answers as JSON. Source: rest-api.md, 9; python-runtime.md, 0 and 8."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from datapod_server.errors import Invalid
from datapod_server.values.atoms import MAXIMUM_INTEGER, MINIMUM_INTEGER, Atom, number
from datapod_server.values.interval import Interval
from datapod_server.values.path import Path
from datapod_server.values.timestamp import ImpossibleDate, Timestamp, format_seconds, parse_seconds

_PLAIN = msgspec.json.Encoder()
_SORTED = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder()
_SPECIAL_NUMBERS = {"NaN": math.nan, "-NaN": -math.nan, "Inf": math.inf, "-Inf": -math.inf}
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON, members in the order given, the shortest digits of doubles."""
    return _PLAIN.encode(value)


def encode_sorted(value: Any) -> bytes:
    """The same with the keys of all objects in byte order."""
    return _SORTED.encode(value)


def decode(text: bytes | str) -> Any:
    """Read JSON of a request. Raises `Invalid` that says where it is broken."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"malformed JSON: {error}") from error
    except RecursionError as error:
        raise Invalid("malformed JSON: nested too deeply") from error


def atom_to_json(atom: Atom) -> Any:
    """The JSON form of a cell value in all answers but `table`."""
    if atom is None or isinstance(atom, int | str):
        return atom
    if isinstance(atom, float):
        return atom if math.isfinite(atom) else {"num": _special_number(atom)}
    if isinstance(atom, Timestamp):
        return {"ts": format_seconds(atom.seconds)}
    if isinstance(atom, Interval):
        return {"interval": str(atom)}
    if isinstance(atom, bytes):
        return {"blob": _blob_to_json(atom)}
    return {"path": list(atom)}


def atom_to_table(atom: Atom) -> Any:
    """The form of a cell value in the `table` format: special values are plain texts, blobs stay objects."""
    if atom is None or isinstance(atom, int | str):
        return atom
    if isinstance(atom, float):
        return atom if math.isfinite(atom) else _special_number(atom)
    if isinstance(atom, Timestamp):
        return format_seconds(atom.seconds)
    return atom_to_json(atom) if isinstance(atom, bytes) else str(atom)


def atom_from_json(value: Any) -> Atom:
    """A cell value as it is recorded. Raises `Invalid` for arrays, unknown objects, numbers beyond 64 bits and U+0000."""
    if isinstance(value, str):
        if "\x00" in value:
            raise Invalid("a text must not contain U+0000")
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if MINIMUM_INTEGER <= value <= MAXIMUM_INTEGER else float(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        return _tagged(kind, content)
    shown = msgspec.json.encode(value).decode()[:100]
    raise Invalid(f"a cell value is an atom or an object with one of the members ts, num, interval, blob, path; not {shown}")


def _tagged(kind: str, content: Any) -> Atom:
    match kind, content:
        case "num", str() if content in _SPECIAL_NUMBERS:
            return _SPECIAL_NUMBERS[content]
        case "ts", str():
            return Timestamp(_seconds(content))
        case "ts", int() | float():
            return Timestamp(content)
        case "interval", str():
            return Interval.parse(content)
        case "path", list():
            return Path.from_json(content)
        case "blob", None:
            return b""
        case "blob", list():
            return b"".join(_blob_part(part) for part in content)
        case _:
            raise Invalid(f"unknown cell value {{{kind!r}: ...}}: expected ts, num, interval, blob or path with a content of its form")


def _seconds(text: str) -> float:
    try:
        seconds = parse_seconds(text)
    except ImpossibleDate as error:
        raise Invalid(str(error)) from error
    if seconds is None:
        raise Invalid(f"'{text}' is no timestamp")
    return seconds


def _special_number(value: float) -> str:
    if value != value:
        return "-NaN" if math.copysign(1.0, value) < 0 else "NaN"
    return "Inf" if value > 0 else "-Inf"


def _blob_part(part: Any) -> bytes:
    if isinstance(part, str) and part.isascii():
        return part.encode()
    if isinstance(part, int) and not isinstance(part, bool) and 0 <= part <= 255:
        return bytes((part,))
    raise Invalid("a blob is an array of ASCII texts and of numbers from 0 to 255")


def _blob_to_json(content: bytes) -> list[str | int]:
    """Runs of two or more printable bytes become texts, all other bytes numbers."""
    parts: list[str | int] = []
    start = 0
    for position in range(len(content) + 1):
        if position < len(content) and content[position] in _PRINTABLE:
            continue
        run = content[start:position]
        parts += [run.decode()] if len(run) > 1 else list(run)
        parts += [content[position]] if position < len(content) else []
        start = position + 1
    return parts

"""JSON, columns of rows, and binary encodings. Source: sql-functions.md, 8 and 9."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import Builtin, Null, Takes
from datapod_server.sql.structures import NEVER, Embedding, RowValue, Value, Valued, as_row, atom, only_latest
from datapod_server.values.atoms import Atom, integer, is_true, number, text_form, text_of_number
from datapod_server.values.json import atom_to_json, encode
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, latest

_EMPTY = Path()


class _Object:
    """A JSON object with its members in order, repeats included."""

    __slots__ = ("members",)

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        self.members = members


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_int=integer)


def parse_json(text: Valued, options: Valued = (None, NEVER)) -> Valued:
    """An object or array as a row; see the chapter for `arrays` and `ignoreErrors`."""
    encode_arrays, ignore = _json_options(options)
    if text[0] is None:
        return None, text[1]
    try:
        content = _decoded(text_form(atom(text[0])))
        cells: list[Cell] = []
        _flatten(content, _EMPTY, text[1], encode_arrays, cells)
    except QueryError:
        if not ignore:
            raise
        cells = [Cell(Path(("__parse_json_error__",)), 1, text[1])]
    return RowValue(cells), text[1] if cells else NEVER


def _json_options(options: Valued) -> tuple[bool, bool]:
    arrays, ignore = "parse", False
    if options[0] is not None:
        for name, value, _ in as_row(*options).members():
            if value is None:
                raise QueryError(f"NULL value found for the option '{name}' of parse_json")
            if name == "arrays":
                arrays = text_form(atom(value))
            elif name == "ignoreErrors":
                ignore = is_true(atom(value))
            else:
                raise QueryError(f"Unknown field '{name}' parsing parse_json configuration")
    if arrays not in ("parse", "encode"):
        raise QueryError(f"the option 'arrays' of parse_json is 'parse' or 'encode', not '{arrays}'")
    return arrays == "encode", ignore


def _decoded(text: str) -> Any:
    stripped = text.lstrip()
    if not stripped.startswith(("{", "[")):
        raise QueryError(f"JSON passed to parse_json must be an object or an array; got '{text[:200]}'")
    try:
        return _DECODER.raw_decode(stripped)[0]
    except (ValueError, RecursionError) as error:
        raise QueryError(f"JSON passed to parse_json is malformed: {error}") from error


def _json_atom(value: Any) -> Atom:
    if isinstance(value, bool):
        return int(value)
    return number(value) if isinstance(value, float) else value


def _flatten(value: Any, path: Path, time: float, encode_arrays: bool, cells: list[Cell]) -> None:
    if isinstance(value, _Object):
        for name, member in value.members:
            _flatten(member, Path((*path, name)), time, encode_arrays, cells)
    elif isinstance(value, list):
        if encode_arrays and value and not any(isinstance(entry, list) for entry in value):
            _encode(value, path, time, cells)
            return
        for place, entry in enumerate(value):
            _flatten(entry, Path((*path, str(place))), time, encode_arrays, cells)
    else:
        cells.append(Cell(path, _json_atom(value), time))


def _encode(array: list[Any], path: Path, time: float, cells: list[Cell]) -> None:
    if not any(isinstance(entry, list | _Object) for entry in array):
        if any(entry is None for entry in array):
            raise QueryError("a null in an array cannot be encoded by parse_json")
        cells += [Cell(Path((*path, text_form(_json_atom(entry)))), 1, time) for entry in array]
        return
    objects = all(isinstance(entry, _Object) for entry in array)
    for place, entry in enumerate(array):
        if objects:
            cells.append(Cell(Path((*path, str(place))), _compact(entry), time))
        else:
            _flatten(entry, Path((*path, str(place))), time, True, cells)


def _compact(value: Any) -> str:
    if isinstance(value, _Object):
        return "{" + ",".join(f"{_quoted(name)}:{_compact(member)}" for name, member in value.members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return encode(value).decode()


def _quoted(text: str) -> str:
    return encode(text).decode()


def print_json(value: Valued) -> Valued:
    """Compact JSON; rows with the names 0 to n-1 are arrays."""
    return _printed(value[0]), value[1]


def _printed(value: Value) -> str:
    if isinstance(value, RowValue):
        return _printed_row(value)
    if isinstance(value, Embedding):
        return _printed_array(value.elements, value.shape)
    if isinstance(value, int | float) and not (isinstance(value, float) and not math.isfinite(value)):
        return text_of_number(value)
    return encode(atom_to_json(value)).decode()


def _printed_array(elements: tuple[Atom, ...], shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return "[" + ",".join(map(_printed, elements)) + "]"
    size = math.prod(shape[1:])
    return "[" + ",".join(_printed_array(elements[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])) + "]"


def _printed_row(row: RowValue) -> str:
    members: dict[str, list[Cell]] = {}
    structures: dict[str, Value] = {}
    for name, value, time in row.members():
        if isinstance(value, RowValue):
            structures[name] = value
        members.setdefault(name, [])
        if not isinstance(value, RowValue):
            members[name].append(Cell(_EMPTY, atom(value), time))
    shown = [(name, _printed(structures[name] if name in structures else latest(cells).value)) for name, cells in members.items()]
    if shown and [name for name, _ in shown] == [str(place) for place in range(len(shown))]:
        return "[" + ",".join(text for _, text in shown) + "]"
    return "{" + ",".join(f"{_quoted(name)}:{text}" for name, text in shown) + "}"


def extract_column(name: Valued, row: Valued) -> Valued:
    """The latest value of one top-level column; null if it is not there."""
    if name[0] is None:
        raise QueryError("extract_column needs the name of a column, not null")
    wanted = text_form(atom(name[0]))
    if isinstance(row[0], RowValue | Embedding):
        for member, value, time in only_latest(as_row(*row)).members():
            if member == wanted:
                return value, time
    return None, row[1]


def base64_encode(value: Any) -> str:
    content = value if isinstance(value, bytes) else text_form(value).encode()
    return base64.b64encode(content).decode()


def base64_decode(value: Any) -> Atom:
    """All-ASCII content is a string, other content a blob; characters outside the alphabet are skipped."""
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text_form(value))
    content = base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + "=" * (-len(letters) % 4))
    return content.decode("ascii") if content.isascii() else content


def blob_length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    raise QueryError(f"{text_form(value)} is not a blob")


BUILTINS = (
    Builtin("parse_json", parse_json, 1, 2, takes=Takes.STAMPED, folds=False),
    Builtin("print_json", print_json, takes=Takes.STAMPED),
    Builtin("extract_column", extract_column, 2, 2, takes=Takes.STAMPED),
    Builtin("base64_encode", base64_encode, null=Null.IS_ERROR),
    Builtin("base64_decode", base64_decode, null=Null.IS_ERROR),
    Builtin("blob_length", blob_length, null=Null.IS_ERROR),
)

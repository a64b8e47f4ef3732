"""Arguments and outputs of functions between JSON and rows. Source: rest-api.md, 5.1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from datapod_server.sql.structures import RowValue, Value, only_latest
from datapod_server.values.json import atom_from_json, atom_to_json
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell
from datapod_server.values.timestamp import format_seconds

_TAGS = frozenset({"ts", "num", "interval", "blob", "path"})


def read_argument(value: Any, *, tagged: bool) -> Sequence[Cell]:
    """A JSON value as the flattened argument of a call; all times are "not a date". Raises `Invalid`.

    Objects and arrays become rows, arrays with the names 0, 1, 2 ..; with `tagged` an object such as `{"ts": ..}` is a cell value.
    """
    return list(_flattened(value, Path(), tagged))


def _flattened(value: Any, name: Path, tagged: bool) -> Iterator[Cell]:
    if isinstance(value, dict) and not (tagged and name and len(value) == 1 and next(iter(value)) in _TAGS):
        for member, content in value.items():
            yield from _flattened(content, Path((*name, member)), tagged)
    elif isinstance(value, list):
        for place, content in enumerate(value):
            yield from _flattened(content, Path((*name, str(place))), tagged)
    else:
        yield Cell(name, atom_from_json(value), math.nan)


def compat_output(cells: Sequence[Cell]) -> dict[str, Any]:
    """One member per output column; rows inside are arrays of name, value and time."""
    output: dict[str, Any] = {}
    for name, value, _ in only_latest(RowValue(cells)).members():
        output[name] = _compat(value)
    return output


def _compat(value: Value) -> Any:
    if not isinstance(value, RowValue):
        return atom_to_json(value)  # type: ignore[arg-type]  # members of a row are atoms and rows
    return [[_number_or_text(name), [_compat(inner), format_seconds(time)]] for name, inner, time in value.members()]


def _number_or_text(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0") else name


def json_output(cells: Sequence[Cell]) -> Any:
    """Plain JSON: rows are objects, or arrays where the names are exactly 0, 1, .. in order; one value per column."""
    if len(cells) == 1 and not cells[0].column:
        return atom_to_json(cells[0].value)
    return _plain(only_latest(RowValue(cells)))


def _plain(value: Value) -> Any:
    if not isinstance(value, RowValue):
        return atom_to_json(value)  # type: ignore[arg-type]  # members of a row are atoms and rows
    members = {name: _plain(inner) for name, inner, _ in value.members()}
    is_array = bool(members) and all(name == str(place) for place, name in enumerate(members))
    return list(members.values()) if is_array else members

"""Rows with one value per column, and what may be chosen of an answer's form. Source: rest-api.md, 8.1, 8.3; sql-language.md, 1.6."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rowhash import hash_hex
from datapod_server.values.rows import Cell, Row, latest

_PLAIN = frozenset({int, str, type(None)})


class Shape(Struct, frozen=True):
    """What of the answer's form may be chosen."""

    headers: bool = True
    row_names: bool = True
    row_hashes: bool = False
    sort_columns: bool = False


def single_rows(rows: Iterable[Row]) -> Iterator[tuple[Path, tuple[Path, ...], Sequence[Atom]]]:
    """Name, columns and values of each row; of several values of one column the latest."""
    last: tuple[Path, ...] | None = None
    repeats = False
    for name, cells in rows:
        if not cells:
            yield name, (), ()
            continue
        columns, values, _ = zip(*cells, strict=True)
        if columns != last:
            last = columns
            repeats = len(set(columns)) != len(columns)
        if repeats:
            groups: dict[Path, list[Cell]] = {}
            for cell in cells:
                groups.setdefault(cell.column, []).append(cell)
            yield name, tuple(groups), [latest(group).value for group in groups.values()]
        else:
            yield name, columns, values


def shown(values: Sequence[Atom], form: Callable[[Atom], Any]) -> list[Any]:
    """Values as they stand in JSON; `form` is only asked about those that are not what they look like."""
    # `value - value` is 0.0 for finite numbers only.
    return [value if type(value) in _PLAIN or (type(value) is float and value - value == 0.0) else form(value) for value in values]


def pseudo_names(shape: Shape) -> list[str]:
    """The columns that come before all others."""
    return [name for name, wanted in (("_rowName", shape.row_names), ("_rowHash", shape.row_hashes)) if wanted]


def pseudo_writer(shape: Shape) -> Callable[[Path], list[str]]:
    """Their values, by row name."""
    if shape.row_names:
        return (lambda name: [str(name), hash_hex(name)]) if shape.row_hashes else (lambda name: [str(name)])
    return (lambda name: [hash_hex(name)]) if shape.row_hashes else (lambda name: [])

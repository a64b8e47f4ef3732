"""The six formats of a query's answer, written piece by piece. Source: rest-api.md, 8.2, 8.3, 15.7.

Rows that follow each other mostly have the same columns: what depends on the columns only is computed when they change.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from datapod_server.api.v1.single_values import Shape, pseudo_names, pseudo_writer, shown, single_rows
from datapod_server.api.v1.tables import table
from datapod_server.errors import Invalid
from datapod_server.values.atoms import order_key
from datapod_server.values.json import atom_to_json, encode
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import format_seconds

_CELLS_AT_ONCE = 8192
_time_text = lru_cache(4096)(format_seconds)
_name_text = lru_cache(4096)(str)


class Answer(Struct, frozen=True):
    """Rows to be written. `columns`: all that can occur, in no order; None if only rows tell."""

    rows: Iterator[Row]
    columns: Sequence[Path] | None


Format = Callable[[Answer, Shape], Iterator[bytes]]


def full(answer: Answer, _shape: Shape) -> Iterator[bytes]:
    """Every cell with its time."""
    return _array(answer.rows, lambda rows: [_full_row(row) for row in rows])


def sparse(answer: Answer, shape: Shape) -> Iterator[bytes]:
    """Rows as arrays of column and value; all values, no times."""
    names, pseudo = pseudo_names(shape), pseudo_writer(shape)

    def row(row: Row) -> list[Any]:
        cells = [(_name_text(column), atom_to_json(value)) for column, value, _ in _by_value(row)]
        return [*zip(names, pseudo(row.name), strict=True), *cells]

    return _array(answer.rows, lambda rows: [row(each) for each in rows])


def soa(answer: Answer, shape: Shape) -> Iterator[bytes]:
    """One array per column; held in memory, since the last row may fill the first column."""
    columns: dict[str, list[Any]] = {name: [] for name in pseudo_names(shape)}
    pseudo = pseudo_writer(shape)
    last: tuple[Path, ...] | None = None
    printed: list[str] = []
    count = 0
    for name, paths, values in single_rows(answer.rows):
        if paths != last:
            last, printed = paths, [str(path) for path in paths]
        for column, value in zip([*pseudo_names(shape), *printed], [*pseudo(name), *shown(values, atom_to_json)], strict=True):
            known = columns.setdefault(column, [])
            if len(known) < count:
                known.extend([None] * (count - len(known)))
            known.append(value)
        count += 1
    for known in columns.values():
        known.extend([None] * (count - len(known)))
    yield encode(columns if count else {})


def aos(answer: Answer, shape: Shape) -> Iterator[bytes]:
    """One object per row."""
    names, pseudo = pseudo_names(shape), pseudo_writer(shape)

    def objects(rows: Iterable[Row]) -> list[dict[str, Any]]:
        last: tuple[Path, ...] | None = None
        members: list[str] = []
        found = []
        for name, columns, values in single_rows(rows):
            if columns != last:
                last, members = columns, [*names, *map(str, columns)]
            found.append(dict(zip(members, [*pseudo(name), *shown(values, atom_to_json)], strict=True)))
        return found

    return _array(answer.rows, objects)


def atom(answer: Answer, _shape: Shape) -> Iterator[bytes]:
    """The single value. Raises `Invalid` in the words that clients match."""
    found = list(itertools.islice(single_rows(answer.rows), 2))
    if not found:
        raise Invalid("Query with atom format returned no rows.")
    if len(found) > 1:
        raise Invalid("Query with atom format returning multiple rows")
    _, _, values = found[0]
    if not values:
        raise Invalid("Query with atom format returned no columns.")
    if len(values) > 1:
        raise Invalid("Query with atom format returned multiple columns.")
    yield encode(atom_to_json(values[0]))


def whole_table(answer: Answer, shape: Shape) -> Iterator[bytes]:
    """A header and one array per row."""
    return table(blocks(answer.rows), None if answer.columns is None else len(set(answer.columns)), shape)


FORMATS: dict[str, Format] = {"full": full, "table": whole_table, "aos": aos, "soa": soa, "sparse": sparse, "atom": atom}


def blocks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Rows in lists of some thousand cells."""
    for first in rows:
        count = max(8, _CELLS_AT_ONCE // max(1, len(first.cells)))
        yield [first, *itertools.islice(rows, count - 1)]


def _array(rows: Iterator[Row], values: Callable[[list[Row]], list[Any]]) -> Iterator[bytes]:
    opening = b"["
    for block in blocks(rows):
        yield opening + encode(values(block))[1:-1]
        opening = b","
    yield b"[]" if opening == b"[" else b"]"


def _full_row(row: Row) -> dict[str, Any]:
    cells = [(_name_text(column), atom_to_json(value), _time_text(time)) for column, value, time in _by_value(row)]
    return {"rowName": str(row.name), "columns": cells} if cells else {"rowName": str(row.name)}


def _by_value(row: Row) -> Sequence[Cell]:
    """Cells in the order of columns; several values of one column in the order of values."""
    cells = row.cells
    if len({cell[0] for cell in cells}) == len(cells):
        return cells
    groups: dict[Path, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.column, []).append(cell)
    return [cell for group in groups.values() for cell in sorted(group, key=lambda cell: order_key(cell.value))]

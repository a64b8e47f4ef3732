"""The six formats of a query's answer. Source: rest-api.md, 8.2, 8.3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.values.atoms import Atom, order_key
from datapod_server.values.json import atom_to_json, atom_to_table
from datapod_server.values.path import Path
from datapod_server.values.rowhash import hash_hex
from datapod_server.values.rows import Cell, Row, latest
from datapod_server.values.timestamp import format_seconds


class Shape(Struct, frozen=True):
    """What of the answer's form may be chosen."""

    headers: bool = True
    row_names: bool = True
    row_hashes: bool = False
    sort_columns: bool = False


Format = Callable[[Iterable[Row], Shape], Any]


def full(rows: Iterable[Row], _shape: Shape) -> list[dict[str, Any]]:
    """Every cell with its time."""
    return [_full_row(row) for row in rows]


def sparse(rows: Iterable[Row], shape: Shape) -> list[list[list[Any]]]:
    """Rows as arrays of column and value; all values, no times."""
    return [
        [
            *([name, value] for name, value in _pseudo(row, shape)),
            *([str(cell.column), atom_to_json(cell.value)] for cell in _by_value(row)),
        ]
        for row in rows
    ]


def soa(rows: Iterable[Row], shape: Shape) -> dict[str, list[Any]]:
    """One array per column."""
    columns: dict[str, list[Any]] = {}
    for count, row in enumerate(rows):
        for name, value in (*_pseudo(row, shape), *((str(column), atom_to_json(value)) for column, value in _single(row))):
            known = columns.get(name)
            if known is None:
                known = columns[name] = [None] * count
            known.append(value)
        for known in columns.values():
            if len(known) <= count:
                known.append(None)
    return columns


def aos(rows: Iterable[Row], shape: Shape) -> list[dict[str, Any]]:
    """One object per row."""
    return [{**dict(_pseudo(row, shape)), **{str(column): atom_to_json(value) for column, value in _single(row)}} for row in rows]


def table(rows: Iterable[Row], shape: Shape) -> list[list[Any]]:
    """A header and one array per row."""
    places: dict[Path, int] = {}
    lines: list[tuple[list[Any], list[tuple[int, Atom]]]] = []
    for row in rows:
        cells = [(places.setdefault(column, len(places)), value) for column, value in _single(row)]
        lines.append(([value for _, value in _pseudo(row, shape)], cells))
    columns = sorted(places, key=lambda column: column.key) if shape.sort_columns else list(places)
    order = {places[column]: place for place, column in enumerate(columns)}
    answer: list[list[Any]] = []
    if shape.headers:
        answer.append([*_pseudo_names(shape), *map(str, columns)])
    for pseudo, cells in lines:
        values: list[Any] = [None] * len(columns)
        for place, value in cells:
            values[order[place]] = atom_to_table(value)
        answer.append(pseudo + values)
    return answer


def atom(rows: Iterable[Row], _shape: Shape) -> Any:
    """The single value. Raises `Invalid` in the words that clients match."""
    found = list(_first(rows, 2))
    if not found:
        raise Invalid("Query with atom format returned no rows.")
    if len(found) > 1:
        raise Invalid("Query with atom format returning multiple rows")
    cells = list(_single(found[0]))
    if not cells:
        raise Invalid("Query with atom format returned no columns.")
    if len(cells) > 1:
        raise Invalid("Query with atom format returned multiple columns.")
    return atom_to_json(cells[0][1])


FORMATS: dict[str, Format] = {"full": full, "table": table, "aos": aos, "soa": soa, "sparse": sparse, "atom": atom}


def _full_row(row: Row) -> dict[str, Any]:
    cells = [[str(cell.column), atom_to_json(cell.value), format_seconds(cell.time)] for cell in _by_value(row)]
    return {"rowName": str(row.name), "columns": cells} if cells else {"rowName": str(row.name)}


def _by_value(row: Row) -> Sequence[Cell]:
    """Cells in the order of columns; several values of one column in the order of values."""
    cells = row.cells
    if len({cell.column for cell in cells}) == len(cells):
        return cells
    groups: dict[Path, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.column, []).append(cell)
    return [cell for group in groups.values() for cell in sorted(group, key=lambda cell: order_key(cell.value))]


def _single(row: Row) -> Iterable[tuple[Path, Atom]]:
    """One value per column: the latest."""
    cells = row.cells
    if len({cell.column for cell in cells}) == len(cells):
        return ((cell.column, cell.value) for cell in cells)
    groups: dict[Path, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.column, []).append(cell)
    return ((column, latest(group).value) for column, group in groups.items())


def _pseudo_names(shape: Shape) -> list[str]:
    return [name for name, wanted in (("_rowName", shape.row_names), ("_rowHash", shape.row_hashes)) if wanted]


def _pseudo(row: Row, shape: Shape) -> list[tuple[str, str]]:
    pseudo = []
    if shape.row_names:
        pseudo.append(("_rowName", str(row.name)))
    if shape.row_hashes:
        pseudo.append(("_rowHash", hash_hex(row.name)))
    return pseudo


def _first(rows: Iterable[Row], count: int) -> Iterable[Row]:
    for number, row in enumerate(rows, 1):
        yield row
        if number == count:
            return

"""Cells and rows as they travel between rooms. Source: sql-language.md, 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from datapod_server.values.atoms import Atom, order_key
from datapod_server.values.path import Path


class Cell(NamedTuple):
    """One atom of a row. `time` is in seconds since 1970: NaN is "not a date", -inf "always"."""

    column: Path
    value: Atom
    time: float


class Row(NamedTuple):
    """A named row with its flattened cells; a column may stand several times."""

    name: Path
    cells: Sequence[Cell]


def latest(cells: Sequence[Cell]) -> Cell:
    """Of several cells of one column the one that is read as *the* value: greatest time, then smallest value. Source: 1.6."""
    best = cells[0]
    for cell in cells[1:]:
        if _is_later(cell, best):
            best = cell
    return best


def _is_later(cell: Cell, than: Cell) -> bool:
    if cell.time == than.time or (cell.time != cell.time and than.time != than.time):
        return order_key(cell.value) < order_key(than.value)
    return than.time != than.time or cell.time > than.time

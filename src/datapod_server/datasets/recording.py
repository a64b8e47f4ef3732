"""What is recorded: rows of cells, turned from columns or into columns, with the rules on names that every kind shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from datapod_server.errors import Invalid
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

ColumnOfCells = tuple[Path, Sequence[tuple[Path, Atom, float]]]
"""A column's name and its (row name, value, seconds since 1970) triples."""


def rows_of_columns(columns: Iterable[ColumnOfCells]) -> list[Row]:
    """Turn recorded columns around; a row stands where its first cell stood."""
    cells: dict[Path, list[Cell]] = {}
    for column, entries in columns:
        for name, value, time in entries:
            cells.setdefault(name, []).append(Cell(column, value, time))
    return [Row(name, row) for name, row in cells.items()]


def printed_name(name: Path) -> str:
    """The printed form of a row name. Raises `Invalid` for the path without elements. Source: datasets-and-procedures.md, 2.8 and 3.3."""
    if not name:
        raise Invalid("empty row names are not allowed: Datasets don't accept empty row names")
    return encodable(str(name))


def check_column_name(name: Path) -> Path:
    """The name itself. Raises `Invalid` for the path without elements."""
    if not name:
        raise Invalid("empty column names are not allowed: Datasets don't accept empty column names")
    encodable(str(name))
    return name


def encodable(text: str) -> str:
    """The text itself. Raises `Invalid` for a lone surrogate, which UTF-8 cannot write."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Invalid("a name holds a code point that is no character (a lone surrogate)") from error
    return text


def newest(times: Iterable[float]) -> float:
    """The latest of some times; "not a date" only where there is no other, -inf for none at all."""
    latest = -math.inf
    only_nan = True
    empty = True
    for time in times:
        empty = False
        if time == time:
            only_nan = False
            latest = max(latest, time)
    return math.nan if only_nan and not empty else latest

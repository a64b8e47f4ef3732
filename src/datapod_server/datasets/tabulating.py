"""Rows of a table: recorded rows become columns of equal length, by the rules of `tabular` (datasets-and-procedures.md, 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow
from msgspec import Struct

from datapod_server.datasets.packing import Packed, pack
from datapod_server.datasets.recording import check_column_name, newest, printed_name
from datapod_server.errors import Invalid
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

UnknownColumns = Literal["error", "ignore", "add"]


class Batch(Struct, frozen=True):
    """Rows as columns of one length.

    Attributes:
        names: Printed row paths, strings without nulls.
        times: float64, seconds since 1970 of each row.
        columns: By name; a column that is missing here is null in all rows.
    """

    names: pyarrow.Array
    times: pyarrow.Array
    columns: dict[Path, Packed]


def fixed_columns(first: Row) -> tuple[Path, ...]:
    """The columns that the first recorded row fixes, in its order. Raises `Invalid` for a name that stands twice."""
    return distinct_columns([cell.column for cell in first.cells])


def distinct_columns(columns: Sequence[Path]) -> tuple[Path, ...]:
    """The columns, checked. Raises `Invalid` for a name that stands twice or is empty."""
    names = tuple(map(check_column_name, columns))
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise Invalid("Duplicate column name in tabular dataset entry", columnName=str(twice))
    return names


def tabulate(rows: Sequence[Row], fixed: tuple[Path, ...], added: tuple[Path, ...], unknown: UnknownColumns) -> Batch:
    """Columns of the rows, known ones first; under `add` also those that appear for the first time.

    `fixed` are the columns of the first row ever recorded (their cells give the row its time), `added` those that came later.
    Raises `Invalid` for an unknown column under `error`, and for a row without a name.
    """
    names = [printed_name(row.name) for row in rows]
    regular = _regular(rows, fixed)
    if regular is not None:
        values, times = regular
        packed = {column: pack(column_values) for column, column_values in zip(fixed, values, strict=True)}
        return Batch(pyarrow.array(names, pyarrow.string()), pyarrow.array(times, pyarrow.float64()), packed)
    return _irregular(rows, names, fixed, added, unknown)


def _regular(rows: Sequence[Row], fixed: tuple[Path, ...]) -> tuple[list[tuple[Atom, ...]], list[float]] | None:
    """The common case at full speed: every row has exactly the fixed columns in their order. None if one does not."""
    if not fixed:
        return None
    values, times = [], []
    for row in rows:
        if len(row.cells) != len(fixed):
            return None
        columns, row_values, row_times = zip(*row.cells, strict=True)
        if columns != fixed:
            return None
        latest = max(row_times)
        times.append(latest if latest == latest and min(row_times) == min(row_times) else newest(row_times))
        values.append(row_values)
    return list(zip(*values, strict=True)), times


def _irregular(rows: Sequence[Row], names: list[str], fixed: tuple[Path, ...], added: tuple[Path, ...], unknown: UnknownColumns) -> Batch:
    columns: dict[Path, list[Atom]] = {column: [None] * len(rows) for column in (*fixed, *added)}
    timed = frozenset(fixed)
    times = []
    for place, row in enumerate(rows):
        times.append(newest(cell.time for cell in row.cells if cell.column in timed))
        for cell in row.cells:
            if cell.column not in columns and not _admit(cell, columns, len(rows), unknown):
                continue
            columns[cell.column][place] = cell.value
    packed = {column: pack(values) for column, values in columns.items()}
    return Batch(pyarrow.array(names, pyarrow.string()), pyarrow.array(times, pyarrow.float64()), packed)


def _admit(cell: Cell, columns: dict[Path, list[Atom]], rows: int, unknown: UnknownColumns) -> bool:
    """Make room for a column seen for the first time; False if its cells are dropped."""
    if unknown == "error":
        raise Invalid(
            "New column name while recording row in tabular dataset with unknownColumns=ERROR",
            columnName=str(cell.column),
            knownColumns=[str(column) for column in columns],
        )
    if unknown == "ignore":
        return False
    columns[check_column_name(cell.column)] = [None] * rows
    return True

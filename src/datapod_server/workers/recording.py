"""Rows as they cross the channel, and the fastest way in which each dataset takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy

from datapod_server.errors import Invalid
from datapod_server.values.atoms import Atom, number
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import Timestamp

ColumnOfCells = tuple[Path, Sequence[tuple[Path, Atom, float]]]

_AS_THEY_ARE = frozenset((str, int, type(None)))
_AS_THEY_ARE_OR_DOUBLES = _AS_THEY_ARE | {float}


class Recordable(Protocol):
    """A dataset that takes rows."""

    def record_rows(self, rows: Sequence[Row]) -> None: ...

    def record_columns(self, columns: Sequence[ColumnOfCells]) -> None: ...


@runtime_checkable
class ByColumns(Protocol):
    """A dataset that takes regular rows faster by whole columns; False if it cannot take these."""

    def record_regular(
        self, names: Sequence[Path], columns: Sequence[Path], values: Sequence[Sequence[Atom]], times: numpy.ndarray
    ) -> bool: ...


@runtime_checkable
class ByCells(Protocol):
    """A dataset that takes rows of any shape faster as parallel sequences of all cells; see `SparseDataset.record_cells`."""

    def record_cells(
        self,
        names: Sequence[Path],
        counts: Sequence[int],
        columns: Sequence[Path],
        numbers: Sequence[int],
        values: Sequence[Atom],
        times: Sequence[float],
    ) -> None: ...


class CrossedRows(NamedTuple):
    """Parallel lists of all cells, in the order of the rows. `numbers` are places in `columns`; `counts` says how many cells belong to
    each name. Of columns that hold rows, the names are those of the columns.
    """

    names: list[list[str]]
    counts: list[int]
    columns: list[list[str]]
    numbers: list[int]
    values: list[Any]
    times: list[float]

    def record_in(self, dataset: Recordable) -> None:
        """Record all rows or none. Raises `Invalid` for a value that is no atom."""
        if isinstance(dataset, ByCells):
            dataset.record_cells(
                list(map(Path, self.names)), self.counts, list(map(Path, self.columns)), self.numbers, atoms_of(self.values), self.times
            )
        elif not (isinstance(dataset, ByColumns) and self.record_by_columns(dataset)):
            dataset.record_rows(list(self.rows()))

    def rows(self) -> Iterator[Row]:
        paths = [Path(column) for column in self.columns]
        atoms = atoms_of(self.values)
        # tuple.__new__ skips the argument handling of the named tuple: a third of its time
        cells = map(partial(tuple.__new__, Cell), zip(map(paths.__getitem__, self.numbers), atoms, map(float, self.times), strict=True))
        for name, count in zip(self.names, self.counts, strict=True):
            yield Row(Path(name), list(islice(cells, count)))

    def record_by_columns(self, dataset: ByColumns) -> bool:
        """Record what `rows` would give, without making cells, if every row has all the columns in their order; else False."""
        width, height = len(self.columns), len(self.names)
        if not width or len(self.values) != width * height or self.counts != [width] * height or self.numbers != [*range(width)] * height:
            return False
        latest = numpy.array(self.times, numpy.float64).reshape(height, width).max(axis=1)
        if numpy.isnan(latest).any():  # "not a date" has rules of its own
            return False
        by_column = [atoms_of(self.values[place::width]) for place in range(width)]
        return dataset.record_regular(list(map(Path, self.names)), list(map(Path, self.columns)), by_column, latest)


def atoms_of(values: list[Any]) -> list[Atom]:
    """Values as they crossed the channel, as atoms. Raises `Invalid` for what is none."""
    kinds = set(map(type, values))
    if kinds <= _AS_THEY_ARE:
        return values
    if kinds <= _AS_THEY_ARE_OR_DOUBLES:  # whole doubles become integers; the remainder says which are whole without a call
        return [number(value) if value.__class__ is float and value % 1 == 0 else value for value in values]
    return [value if type(value) in _AS_THEY_ARE else _atom(value) for value in values]


def _atom(value: Any) -> Atom:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return Timestamp(value["ts"])
    if value is None or isinstance(value, bytes):
        return value
    raise Invalid(f"a cell cannot hold a value of type {type(value).__name__}")

"""Batches of the engine back to rows of the language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice, repeat
from typing import Any

import pyarrow

from datapod_server.datasets.packing import Packed
from datapod_server.sql.compiler.typed import Kind
from datapod_server.storage.engine import ColumnKind
from datapod_server.values.atoms import Atom
from datapod_server.values.json import atom_to_json, encode
from datapod_server.values.path import Path
from datapod_server.values.rowhash import row_hash
from datapod_server.values.rows import Cell, Row

ALWAYS = float("-inf")
_new_cell: Callable[[tuple[Path, Atom, float]], Cell] = partial(tuple.__new__, Cell)  # a third of the time of `Cell(..)`
_BASES = {
    Kind.INTEGER: ColumnKind.INTEGER,
    Kind.NUMBER: ColumnKind.NUMBER,
    Kind.TEXT: ColumnKind.TEXT,
    Kind.TIMESTAMP: ColumnKind.TIMESTAMP,
    Kind.NULL: ColumnKind.INTEGER,
}


@dataclass(frozen=True)
class Part:
    """One value per row of an answer: the engine's columns that hold it.

    Attributes:
        value: Name of the column with the values; `overflow` that of the tagged ones of a mixed column.
        time: Name of the column with the times; None if all are "always" or nobody asked.
        base: For a mixed column, the type of `value`.
    """

    value: str
    kind: Kind
    time: str | None = None
    overflow: str | None = None
    base: ColumnKind | None = None

    def atoms(self, batch: pyarrow.RecordBatch) -> Sequence[Atom]:
        values = batch.column(self.value)
        if self.kind is Kind.FLAG:
            return [None if value is None else int(value) for value in values.to_pylist()]
        base = self.base or _BASES[self.kind]
        overflow = batch.column(self.overflow) if self.overflow is not None else None
        return Packed(base, values, overflow).atoms()

    def times(self, batch: pyarrow.RecordBatch) -> Sequence[float]:
        return [ALWAYS] * len(batch) if self.time is None else batch.column(self.time).to_pylist()


@dataclass(frozen=True)
class Output:
    """One column of the answer. `absent`: a null is no cell (a wildcard copies only what is there)."""

    name: Path
    part: Part
    absent: bool = False


def cells_of(batch: pyarrow.RecordBatch, outputs: Sequence[Output]) -> Iterator[list[Cell]]:
    """The cells of each row, in the order of the outputs."""
    if not outputs:
        return iter([[] for _ in range(len(batch))])
    columns: list[Any] = []
    for output in outputs:
        atoms, times = output.part.atoms(batch), output.part.times(batch)
        cells = list(map(_new_cell, zip(repeat(output.name), atoms, times)))
        columns.append([None if cell.value is None else cell for cell in cells] if output.absent else cells)
    if any(output.absent for output in outputs):
        return ([cell for cell in row if cell is not None] for row in zip(*columns, strict=True))
    return (list(row) for row in zip(*columns, strict=True))


def path_of(printed: str) -> Path:
    """The path that was printed so."""
    return Path.parse(printed) if "." in printed or '"' in printed or not printed else Path((printed,))


def named_rows(batches: Iterator[pyarrow.RecordBatch], name: str, outputs: Sequence[Output]) -> Iterator[Row]:
    """Rows named by a column of printed paths."""
    for batch in batches:
        for printed, cells in zip(batch.column(name).to_pylist(), cells_of(batch, outputs), strict=True):
            yield Row(path_of(printed), cells)


def ordered_rows(
    batches: Iterator[pyarrow.RecordBatch], name: str, outputs: Sequence[Output], keys: Sequence[Part], offset: int, limit: int | None
) -> Iterator[Row]:
    """Rows that come sorted by `keys`: ties by the hash of their names, then the window. Source: sql-language.md, 11.2 and 11.5."""

    def keyed() -> Iterator[tuple[tuple[Any, ...], Row]]:
        for batch in batches:
            sort_keys = zip(*(key.atoms(batch) for key in keys), strict=True)
            printed = batch.column(name).to_pylist()
            for sort_key, text, cells in zip(sort_keys, printed, cells_of(batch, outputs), strict=True):
                yield tuple("nan" if value != value else value for value in sort_key), Row(path_of(text), cells)

    def settled() -> Iterator[Row]:
        for _, run in groupby(keyed(), key=lambda pair: pair[0]):
            rows = [row for _, row in run]
            yield from rows if len(rows) == 1 else sorted(rows, key=lambda row: row_hash(row.name))

    return islice(settled(), offset, None if limit is None else offset + limit)


def grouped_rows(batches: Iterator[pyarrow.RecordBatch], keys: Sequence[Part], outputs: Sequence[Output]) -> Iterator[Row]:
    """Rows named by the JSON array of their keys. Source: sql-language.md, 10.5."""
    for batch in batches:
        key_atoms = zip(*(key.atoms(batch) for key in keys), strict=True) if keys else iter([()] * len(batch))
        for atoms, cells in zip(key_atoms, cells_of(batch, outputs), strict=True):
            yield Row(Path((encode([atom_to_json(atom) for atom in atoms]).decode(),)), cells)

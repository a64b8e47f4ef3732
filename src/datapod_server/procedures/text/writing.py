"""Blocks of a text file into a dataset: as whole columns where the expressions leave lines as they are, row by row otherwise."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import pyarrow

from datapod_server.datasets.tabular import TabularDataset, TabularRecorder
from datapod_server.datasets.tabulating import Batch
from datapod_server.messages import Cancellation
from datapod_server.procedures.text.block import Block
from datapod_server.procedures.workbench import LineProgram, LineScope, Recordable
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

Write = Callable[[Block], None]


@contextlib.contextmanager
def writer(
    dataset: Recordable, columns: Sequence[Path], program: LineProgram | None, file_time: float, cancellation: Cancellation
) -> Iterator[Write]:
    """A function that writes blocks. `program` is None for the default expressions; into a table all blocks are one transaction."""
    if not isinstance(dataset, TabularDataset):
        yield lambda block: dataset.record_rows(list(_rows(block, columns, program, file_time)))
        return
    with dataset.recording(names_are_unique=program is None, alone=True, cancellation=cancellation) as recorder:
        recorder.fix_columns(columns if program is None else program.columns)
        if program is None:
            yield lambda block: recorder.record_batch(_batch(block, columns, file_time))
        else:
            yield lambda block: _record_rows(recorder, _rows(block, columns, program, file_time))


def _batch(block: Block, columns: Sequence[Path], file_time: float) -> Batch:
    """Rows named by their line numbers, all with the file's time."""
    numbers = pyarrow.array(block.numbers, pyarrow.int64())
    times = pyarrow.repeat(pyarrow.scalar(file_time, pyarrow.float64()), len(numbers))
    return Batch(numbers.cast(pyarrow.string()), times, dict(zip(columns, block.columns, strict=True)))


def _record_rows(recorder: TabularRecorder, rows: Iterator[Row]) -> None:
    found = list(rows)
    if found:
        recorder.record_rows(found)


def _rows(block: Block, columns: Sequence[Path], program: LineProgram | None, file_time: float) -> Iterator[Row]:
    atoms = [column.atoms() for column in block.columns]
    for number, values in zip(block.numbers, zip(*atoms, strict=True), strict=True):
        cells = [Cell(column, value, file_time) for column, value in zip(columns, values, strict=True)]
        if program is None:
            yield Row(Path.of(str(number)), cells)
        else:
            row = program.run(LineScope(number, cells))
            if row is not None:
                yield row

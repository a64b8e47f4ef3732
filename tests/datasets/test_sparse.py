"""`sparse.mutable`: datasets-and-procedures.md, 3.3."""

from __future__ import annotations

import math

import numpy
import pytest

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.sparse import SparseDataset
from datapod_server.datasets.times import quantise
from datapod_server.errors import Invalid
from datapod_server.storage.engine import Engine
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

X, Y = Path.of("x"), Path.of("y")


def sparse(quantum: float = 1.0, *, at_once: bool = False) -> SparseDataset:
    return SparseDataset(DatasetPlace(Engine.open(None), "k"), time_quantum_seconds=quantum, readable_after_write=at_once)


def test_a_cell_keeps_every_value_that_was_recorded_even_identical_ones():
    dataset = sparse()
    cells = [Cell(X, 1, 10.4), Cell(X, 2, 20.0), Cell(X, 1, 10.4), Cell(Y, None, 0.0)]
    dataset.record_rows([Row(Path.of("r1"), cells)])
    dataset.record_rows([Row(Path.of("r1"), [Cell(X, "later", 20.0)])])
    dataset.commit()
    (row,) = dataset.rows()
    assert row.cells == [Cell(X, 1, 10.0), Cell(X, 2, 20.0), Cell(X, 1, 10.0), Cell(Y, None, 0.0), Cell(X, "later", 20.0)]
    assert dataset.status() == {"rowCount": 1, "columnCount": 2, "valueCount": 5}


def test_an_explicit_null_is_a_cell_and_makes_the_column_known():
    dataset = sparse()
    dataset.record_rows([Row(Path.of("r"), [Cell(Y, None, 0.0)])])
    dataset.commit()
    assert dataset.columns() == [Y]
    assert dataset.value_counts(Y) == [(None, 1)]


def test_a_row_counts_from_its_first_cell():
    dataset = sparse()
    for name in ("a", "b", "a"):
        dataset.record_rows([Row(Path.of(name), [Cell(X, name, 0.0)])])
    dataset.commit()
    assert [(str(row.name), len(row.cells)) for row in dataset.rows()] == [("b", 1), ("a", 2)]
    assert [str(name) for name in dataset.row_names()] == ["b", "a"]


def test_many_rows_of_many_cells_stay_whole_across_batches():
    dataset = sparse()
    columns = [Path.of(f"c{place}") for place in range(7)]
    dataset.record_rows([Row(Path.of(str(name)), [Cell(column, name, 0.0) for column in columns]) for name in range(20_000)])
    dataset.commit()
    rows = list(dataset.rows())
    assert [str(row.name) for row in rows] == [str(name) for name in range(19_999, -1, -1)]
    assert all([cell.value for cell in row.cells] == [int(str(row.name))] * 7 for row in rows)


def test_with_consistency_after_write_rows_are_readable_at_once():
    dataset = sparse(at_once=True)
    dataset.record_rows([Row(Path.of("r"), [Cell(X, 1, 0.0)])])
    assert dataset.row_count() == 1
    assert dataset.columns() == [X]


def test_only_the_wanted_columns_are_read_and_every_row_is_there():
    dataset = sparse()
    dataset.record_rows([Row(Path.of("r1"), [Cell(X, 1, 0.0)]), Row(Path.of("r2"), [Cell(Y, 2, 0.0)])])
    dataset.commit()
    assert [(str(row.name), [cell.value for cell in row.cells]) for row in dataset.rows(columns=[X])] == [("r2", []), ("r1", [1])]


@pytest.mark.parametrize(
    ("quantum", "recorded", "stored"),
    [
        (1.0, 20.956, 21.0),
        (1.0, 20.4, 20.0),
        (1.0, 20.5, 21.0),
        (1.0, -0.5, 0.0),
        (60.0, 119.0, 60.0),
        (60.0, -1.0, -60.0),
        (0.1, 1.23, 1.2),
        (0.001, 1583425590.1234, 1583425590.123),
        (1.0, math.inf, math.inf),
        (60.0, -math.inf, -math.inf),
    ],
)
def test_times_are_coarsened_once_while_recording(quantum, recorded, stored):
    dataset = sparse(quantum)
    dataset.record_rows([Row(Path.of("r"), [Cell(X, 1, recorded)])])
    dataset.commit()
    assert [cell.time for row in dataset.rows() for cell in row.cells] == [stored]


def test_not_a_date_is_kept():
    assert math.isnan(quantise(numpy.array([math.nan]), 1.0)[0])


def test_a_quantum_above_a_second_must_be_whole():
    dataset = sparse(1.5)
    with pytest.raises(Invalid, match="non-integral numbers of seconds not supported"):
        dataset.record_rows([Row(Path.of("r"), [Cell(X, 1, 0.0)])])

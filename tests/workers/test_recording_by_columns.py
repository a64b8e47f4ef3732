"""The fast roads of recording record what the others do."""

from __future__ import annotations

import math
from typing import Any

import pytest

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.sparse import SparseDataset
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.errors import Invalid
from datapod_server.runtime.recording import Cells
from datapod_server.storage.engine import Engine
from datapod_server.vfs import Vfs
from datapod_server.workers.recording import CrossedRows, atoms_of
from datapod_server.workers.services import Services

NAMES = [["r1"], ["r2", "x"], ["r3"]]
COLUMNS = [["a"], ["b", "c"]]
REGULAR = (NAMES, [2, 2, 2], COLUMNS, [0, 1] * 3, [1, "x", 2.0, None, 0.5, {"ts": 3.0}], [0.0, 1.0, 2, -math.inf, 5.0, 4.0])


def tabular(engine: Engine, key: str) -> TabularDataset:
    return TabularDataset(DatasetPlace(engine, key), "error")


def test_both_roads_store_the_same() -> None:
    engine = Engine.open(None, None)
    fast, slow = tabular(engine, "fast"), tabular(engine, "slow")
    for cells in (REGULAR, ([["r4"]], [2], COLUMNS, [0, 1], ["text", 2**64 - 1], [1, 1])):
        assert CrossedRows(*cells).record_by_columns(fast)
        slow.record_rows(list(CrossedRows(*cells).rows()))
    for dataset in (fast, slow):
        dataset.commit()
    assert list(fast.rows()) == list(slow.rows())
    assert fast.timestamp_range() == slow.timestamp_range()
    engine.close()


@pytest.mark.parametrize(
    "cells",
    [
        ([["r"]], [1], [["a"]], [0], [1], [math.nan]),
        ([["r"]], [2], [["a"], ["b"]], [1, 0], [1, 2], [0.0, 0.0]),
        ([["r"]], [2], [["a"]], [0, 0], [1, 2], [0.0, 0.0]),
        ([["r"], ["s"]], [1, 2], [["a"], ["b"]], [0, 0, 1], [1, 2, 3], [0.0, 0.0, 0.0]),
    ],
)
def test_rows_of_another_shape_take_the_other_road(cells: Any) -> None:
    engine = Engine.open(None, None)
    assert not CrossedRows(*cells).record_by_columns(tabular(engine, "t"))
    engine.close()


def test_columns_that_are_not_the_tables_are_refused_in_the_same_words() -> None:
    engine = Engine.open(None, None)
    dataset = tabular(engine, "t")
    services = Services(lambda _: dataset, Vfs(None), lambda _: None)
    services.serve("record_rows", ("t", *REGULAR))
    with pytest.raises(Invalid, match="New column name while recording row"):
        services.serve("record_rows", ("t", [["r9"]], [1], [["new"]], [0], [1], [0.0]))
    engine.close()


IRREGULAR = (NAMES, [1, 0, 4], COLUMNS, [1, 0, 0, 1, 0], [2**64 - 1, "x", 2.0, None, 0.5], [0.4, math.nan, 2, -math.inf, 5.6])


@pytest.mark.parametrize("cells", [REGULAR, IRREGULAR, (NAMES, [1, 1, 1], COLUMNS, [0, 0, 0], [1, 2**63, -(2**63)], [1, 1, 1])])
def test_a_sparse_dataset_stores_the_same_from_cells_and_from_rows(cells: Any) -> None:
    engine = Engine.open(None, None)
    fast, slow = (SparseDataset(DatasetPlace(engine, key), time_quantum_seconds=1.0, readable_after_write=True) for key in "ab")
    for _ in range(2):
        CrossedRows(*cells).record_in(fast)
        slow.record_rows(list(CrossedRows(*cells).rows()))
    assert repr(list(fast.rows())) == repr(list(slow.rows()))
    assert fast.columns() == slow.columns()
    engine.close()


@pytest.mark.parametrize(
    "cells",
    [
        ([["r"]], [1], [["a"]], [1], [1], [0.0]),
        ([["r"]], [1], [["a"]], [-1], [1], [0.0]),
        ([["r"]], [2], [["a"]], [0], [1], [0.0]),
        ([["r"]], [1], [["a"]], [0], [1], [0.0, 0.0]),
        ([[]], [1], [["a"]], [0], [1], [0.0]),
        ([["r"]], [1], [[]], [0], [1], [0.0]),
    ],
)
def test_cells_that_do_not_fit_together_are_refused_and_leave_nothing(cells: Any) -> None:
    engine = Engine.open(None, None)
    dataset = SparseDataset(DatasetPlace(engine, "s"), time_quantum_seconds=1.0, readable_after_write=True)
    with pytest.raises(Invalid):
        CrossedRows(*cells).record_in(dataset)
    assert (dataset.row_count(), dataset.columns()) == (0, [])
    engine.close()


@pytest.mark.parametrize("value", [0.5, 2.0, -0.0, 1e300, -(2.0**63), 2.0**63, math.inf, -math.inf])
def test_whole_doubles_become_integers(value: float) -> None:
    (atom,) = atoms_of([value])
    assert type(atom) is (int if value.is_integer() and abs(value) <= 2.0**63 and value != 2.0**63 else float)
    assert atom == value


@pytest.mark.parametrize(
    "rows",
    [
        [["a", [["x", 1, 0], ["y", "t", 0.5]]], ["b", [["y", None, 1]]], ("c", ())],
        [["a", [["x", 1, 0]]], [7, [["y", True, 1]]]],
        [["a", [["x", 1, "2020-01-01"], [["x", "y"], 2.0, 0]]]],
    ],
)
def test_rows_cross_in_the_same_form_all_at_once_and_one_by_one(rows: Any) -> None:
    at_once, one_by_one = Cells(), Cells()
    for name, cells in rows:
        one_by_one.add(name, cells, "row", "column")
    if not at_once.add_plain_rows(rows):
        assert at_once.message() == ([], [], [], [], [], [])
        return
    assert at_once.message() == one_by_one.message()

"""The fast road of regular rows records what the other one does."""

from __future__ import annotations

import math
from typing import Any

import pytest

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.errors import Invalid
from datapod_server.storage.engine import Engine
from datapod_server.vfs import Vfs
from datapod_server.workers.services import Services, record_by_columns, rows_of

NAMES = [["r1"], ["r2", "x"], ["r3"]]
COLUMNS = [["a"], ["b", "c"]]
REGULAR = (NAMES, [2, 2, 2], COLUMNS, [0, 1] * 3, [1, "x", 2.0, None, 0.5, {"ts": 3.0}], [0.0, 1.0, 2, -math.inf, 5.0, 4.0])


def tabular(engine: Engine, key: str) -> TabularDataset:
    return TabularDataset(DatasetPlace(engine, key), "error")


def test_both_roads_store_the_same() -> None:
    engine = Engine.open(None, None)
    fast, slow = tabular(engine, "fast"), tabular(engine, "slow")
    for cells in (REGULAR, ([["r4"]], [2], COLUMNS, [0, 1], ["text", 2**64 - 1], [1, 1])):
        assert record_by_columns(fast, *cells)
        slow.record_rows(list(rows_of(*cells)))
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
    assert not record_by_columns(tabular(engine, "t"), *cells)
    engine.close()


def test_columns_that_are_not_the_tables_are_refused_in_the_same_words() -> None:
    engine = Engine.open(None, None)
    dataset = tabular(engine, "t")
    services = Services(lambda _: dataset, Vfs(None), lambda _: None)
    services.serve("record_rows", ("t", *REGULAR))
    with pytest.raises(Invalid, match="New column name while recording row"):
        services.serve("record_rows", ("t", [["r9"]], [1], [["new"]], [0], [1], [0.0]))
    engine.close()

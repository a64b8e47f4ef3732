"""Recording: cells per second from Python lists to an encrypted, durable dataset, beside a raw append of the same cells to DuckDB.

The rows have ten columns (integers, doubles and texts) and arrive in calls of 10,000, as a plugin would send them. The peer appends Arrow
tables that exist already to an encrypted DuckDB table of the same shape: what the engine underneath can do if nobody makes the cells.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy
import pyarrow
from sqlglot import parse_one

from benchmarks.table import Row, median_seconds
from datapod_server.datasets import DatasetPlace
from datapod_server.datasets.sparse import SparseDataset
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.storage.engine import Engine
from datapod_server.storage.keys import DatabaseKey, Purpose
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell
from datapod_server.values.rows import Row as DataRow

_COLUMNS = [Path.of(f"c{place}") for place in range(10)]
_AT_ONCE = 10_000
_BAR = 1_000_000  # cells/s (design, 9)


def run(quick: bool) -> list[Row]:
    rows = 50_000 if quick else 500_000
    names = [Path.of(f"row{number}") for number in range(rows)]
    values = [_values(place, rows) for place in range(len(_COLUMNS))]
    by_row = list(zip(*values, strict=True))
    calls = range(0, rows, _AT_ONCE)

    def as_rows(dataset: TabularDataset | SparseDataset) -> None:
        for start in calls:
            piece = range(start, min(start + _AT_ONCE, rows))
            dataset.record_rows([DataRow(names[n], [Cell(c, v, 1.0) for c, v in zip(_COLUMNS, by_row[n], strict=True)]) for n in piece])
        dataset.commit()

    def as_columns(dataset: TabularDataset) -> None:
        for start in calls:
            piece = slice(start, start + _AT_ONCE)
            count = len(names[piece])
            if not dataset.record_regular(names[piece], _COLUMNS, [column[piece] for column in values], numpy.full(count, 1.0)):
                raise AssertionError("regular rows were refused")
        dataset.commit()

    cells = rows * len(_COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(pathlib.Path(folder) / "tables.duckdb", DatabaseKey.parse("ab" * 32).derive(Purpose.TABLES))
        peer = cells / _raw_append(engine, values, names)
        measured = {
            "record_rows into tabular": cells / _seconds(engine, "a", _tabular, as_rows),
            "record whole columns into tabular": cells / _seconds(engine, "b", _tabular, as_columns),
            "record_rows into sparse.mutable": cells / _seconds(engine, "c", _sparse, as_rows),
        }
        engine.close()
    raw = f"raw append {peer:,.0f} cells/s: {{:.2f}} of it; bar 1M cells/s"
    return [Row(name, rate, "cells/s", raw.format(rate / peer), rate / _BAR, 1.0, "higher") for name, rate in measured.items()]


def _values(place: int, rows: int) -> list[int] | list[float] | list[str]:
    match place % 3:
        case 0:
            return [number * (place + 1) for number in range(rows)]
        case 1:
            return [number / 7 + 0.1 for number in range(rows)]
        case _:
            return [f"text {number % 1000}" for number in range(rows)]


def _tabular(place: DatasetPlace) -> TabularDataset:
    return TabularDataset(place, "error")


def _sparse(place: DatasetPlace) -> SparseDataset:
    return SparseDataset(place, time_quantum_seconds=1.0, readable_after_write=False)


def _seconds(engine: Engine, key: str, make: Callable[[DatasetPlace], Any], record: Callable[[Any], None]) -> float:
    made = 0

    def work() -> None:
        nonlocal made
        made += 1
        dataset = make(DatasetPlace(engine, f"{key}{made}"))
        record(dataset)

    return median_seconds(work, repeats=3)


def _raw_append(engine: Engine, values: list[list[int] | list[float] | list[str]], names: list[Path]) -> float:
    arrays = {f"c{place}": pyarrow.array(column) for place, column in enumerate(values)}
    table = pyarrow.table({"name": [str(name) for name in names], **arrays})
    kinds = {pyarrow.int64(): "BIGINT", pyarrow.float64(): "DOUBLE", pyarrow.string(): "VARCHAR"}
    columns = ", ".join(f"{field.name} {kinds[field.type]}" for field in table.schema)
    made = 0

    def work() -> None:
        nonlocal made
        made += 1
        engine.execute(parse_one(f"CREATE TABLE raw{made} ({columns})", dialect="duckdb"))
        for start in range(0, len(names), _AT_ONCE):
            engine.append(f"raw{made}", table.slice(start, _AT_ONCE))

    return median_seconds(work, repeats=3)

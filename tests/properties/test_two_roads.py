"""The compiler and the interpreter give the same answer: names, columns, values and their kinds, times, order; or both refuse."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from tests.properties.queries import group_queries, nested_queries, row_queries, tables
from tests.sql.example_data import Tables

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.errors import QueryError
from datapod_server.principal import OWNER
from datapod_server.sql.queries import Queries
from datapod_server.storage.engine import Engine
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import Timestamp

# Without shrinking, which takes minutes here: the failing query is short enough to read.
_SETTINGS = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_REMOVING = ("LIMIT", "OFFSET", "HAVING")  # errors in rows that these remove may or may not surface (sql-language.md, 12)
_KEYS = itertools.count()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine.open(None)
    yield engine
    engine.close()


@_SETTINGS
@given(rows=tables(), query=row_queries())
def test_both_roads_answer_a_query_over_rows_alike(engine: Engine, rows: list[Row], query: str) -> None:
    _compare(engine, rows, query)


@_SETTINGS
@given(rows=tables(), query=group_queries())
def test_both_roads_answer_a_query_over_groups_alike(engine: Engine, rows: list[Row], query: str) -> None:
    _compare(engine, rows, query)


@_SETTINGS
@given(rows=tables(), query=nested_queries())
def test_both_roads_answer_a_query_within_a_query_alike(engine: Engine, rows: list[Row], query: str) -> None:
    _compare(engine, rows, query)


def _compare(engine: Engine, rows: list[Row], query: str) -> None:
    dataset = TabularDataset(DatasetPlace(engine, f"t{next(_KEYS)}"), "add")
    try:
        dataset.record_rows(rows)
        dataset.commit()
        queries = Queries(Tables({"d": dataset}), engine)
        road, compiled = _answer(queries, "always", query)
        _, interpreted = _answer(queries, "never", query)
        event(f"road: {road}")
        if isinstance(compiled, str) is not isinstance(interpreted, str) and any(word in query for word in _REMOVING):
            event("an error in rows that nobody sees")
            return
        assert compiled == interpreted
    finally:
        dataset.drop()


def _answer(queries: Queries, level: str, query: str) -> tuple[str, Any]:
    """The road and the rows in a form in which NaN equals NaN and 1 does not equal 1.0; or the error's text."""
    queries.set_optimization_level(level)
    road = "refused"
    try:
        result = queries.run(query, principal=OWNER)
        road = result.road
        return road, [
            (tuple(row.name), [(tuple(column), _plain(value), _plain(time)) for column, value, time in row.cells]) for row in result.rows()
        ]
    except QueryError as error:
        return road, str(error)


def _plain_cell(cell: Cell) -> Any:
    return tuple(cell.column), _plain(cell.value), _plain(cell.time)


def _plain(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return "timestamp", _plain(value.seconds)
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return type(value).__name__, value

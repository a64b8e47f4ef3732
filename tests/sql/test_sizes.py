"""Numbers and texts of any size are answered or refused in words; none takes all the memory or shows an error of the house."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from tests.sql.example_data import Tables, in_memory, stored

from datapod_server.errors import DatapodError, QueryError
from datapod_server.principal import OWNER
from datapod_server.sql import lengths
from datapod_server.sql.queries import Queries
from datapod_server.storage.engine import Engine

NINES = "9" * 5000


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine.open(None)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def tables(engine: Engine) -> Tables:
    return stored(engine)


def cells(engine: Engine, query: str) -> list[Any]:
    return [cell.value for row in Queries(in_memory(), engine).run(query, principal=OWNER).rows() for cell in row.cells]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (NINES, math.inf),
        ("0" * 5000 + "7", 7),
        (f"CAST ('{NINES}' AS INTEGER)", math.inf),
        (f"CAST ('-{NINES}' AS NUMBER)", -math.inf),
        (f"CAST ('{NINES}' AS BOOLEAN)", 1),
        (f"implicit_cast('{NINES}')", 2**63 - 1),
        (f"implicit_cast('-{NINES}')", -(2**63)),
        (f"implicit_cast('0x{'f' * 5000}')", math.inf),
        (f"implicit_cast('-0x{'f' * 5000}')", -math.inf),
        (f"parse_json('{{\"a\": {NINES}}}')", math.inf),
    ],
)
def test_numbers_have_as_many_digits_as_one_likes(engine: Engine, expression: str, value: float) -> None:
    assert cells(engine, f"SELECT {expression} AS x") == [value]


@pytest.mark.parametrize(
    "expression", [f"TIMESTAMP {NINES}", f"INTERVAL '{NINES} day'", f"INTERVAL '{NINES}s'", f"TIMESTAMP '2020-01-01T00:00:00.{NINES}'", "٣"]
)
def test_what_makes_no_sense_of_them_is_answered_or_refused(engine: Engine, expression: str) -> None:
    try:
        found = cells(engine, f"SELECT {expression} AS x")
    except DatapodError as error:
        assert error.status == 400
    else:
        assert len(found) == 1


@pytest.mark.parametrize("level", ["always", "never"])
@pytest.mark.parametrize("order", ["", " ORDER BY price"])
@pytest.mark.parametrize("most", [2**63 - 1, 2**63, 2**64 - 1, 10**30, NINES])
def test_a_limit_may_be_any_number(tables: Tables, engine: Engine, level: str, order: str, most: int | str) -> None:
    queries = Queries(tables, engine)
    queries.set_optimization_level(level)
    found = [
        len(list(queries.run(f"SELECT item FROM shop{order} {clause}", principal=OWNER).rows()))
        for clause in (f"LIMIT {most}", f"LIMIT {most} OFFSET {most}", f"LIMIT 2 OFFSET {most}", f"LIMIT {most} OFFSET 1")
    ]
    assert found == [4, 0, 0, 3]


@pytest.mark.parametrize("negative", ["-1", "1.5", "1e3"])
def test_other_limits_are_refused(engine: Engine, negative: str) -> None:
    with pytest.raises(QueryError, match="Expected a non-negative integer"):
        cells(engine, f"SELECT 1 LIMIT {negative}")


@pytest.mark.parametrize(
    "growing",
    ["s + s", "regex_replace(s, '', s)", "horizontal_string_agg({a: s, b: s}, '')", "regex_replace(s, '[xy]', '$0$0')"],
)
def test_a_text_that_grows_without_end_is_refused(engine: Engine, growing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "LONGEST_TEXT", 1000)
    query = "SELECT 'xy' AS s"
    for _ in range(12):
        query = f"SELECT {growing} AS s FROM ({query})"
    with pytest.raises(QueryError, match="texts made by a query have at most 1000"):
        cells(engine, query)


def test_an_aggregate_of_texts_is_no_longer_than_other_texts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "LONGEST_TEXT", 16)
    assert cells(engine, "SELECT string_agg('abc', ',') AS s FROM shop WHERE item != 'pear' LIMIT 1") == ["abc,abc,abc"]
    with pytest.raises(QueryError, match="texts made by a query have at most 16"):
        cells(engine, "SELECT string_agg('abcd', ',') AS s FROM shop")


@pytest.mark.parametrize(
    ("growing", "start"),
    [("{a: s, b: s} AS s", "1 AS s"), ("* AS a.*, * AS b.*", "1 AS s"), ("{*} AS a, {*} AS b", "parse_json('{\"x\": 1}') AS s")],
)
def test_a_row_that_grows_without_end_is_refused(engine: Engine, growing: str, start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "MOST_CELLS", 1000)
    query = f"SELECT {start}"
    for _ in range(12):
        query = f"SELECT {growing} FROM ({query})"
    with pytest.raises(QueryError, match="the row would have more than 1000 cells"):
        cells(engine, query)

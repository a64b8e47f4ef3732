"""What the compiler makes of a statement: one engine statement, values as parameters, and the reason where it makes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pytest

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.sql.compiler import Uncovered, compile_select
from datapod_server.sql.compiler.statement import Compiled
from datapod_server.sql.grammar import parse_statement
from datapod_server.storage.engine import Engine
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

YEAR_2020 = 1577836800.0


def _row(name: str, **values: object) -> Row:
    return Row(Path.of(name), [Cell(Path.of(column), value, YEAR_2020) for column, value in values.items()])  # type: ignore[arg-type]


@pytest.fixture
def shop() -> Iterator[TabularDataset]:
    engine = Engine.open(None)
    dataset = TabularDataset(DatasetPlace(engine, "shop"), "error")
    dataset.record_rows(
        [
            _row("s1", item="apple", note=None, price=0.5, qty=3, odd="x"),
            _row("s2", item="pear", note="ripe", price=0.75, qty=1, odd=2),
            _row("s3", item="apple", note=None, price=0.5, qty=2, odd=None),
            _row("s4", item="plum", note=None, price=2, qty=None, odd=4),
        ]
    )
    dataset.commit()
    yield dataset
    engine.close()


def _compile(dataset: TabularDataset, text: str, otherwise: Iterable[Row] = ()) -> Compiled:
    return compile_select(parse_statement(text), dataset.relation(), "shop", dataset.engine, lambda: iter(otherwise))


def _table(dataset: TabularDataset, text: str) -> list[list[object]]:
    rows = _compile(dataset, text).rows()
    return [[str(row.name), {str(cell.column): cell.value for cell in row.cells}] for row in rows]


def test_groups_come_in_the_order_of_their_keys_and_are_named_by_them(shop: TabularDataset) -> None:
    answer = _table(shop, "SELECT item, count(*) AS n, avg(qty) AS m FROM shop WHERE qty IS NOT NULL GROUP BY item")
    assert answer == [['"[""apple""]"', {"item": "apple", "m": 2.5, "n": 2}], ['"[""pear""]"', {"item": "pear", "m": 1, "n": 1}]]


def test_an_empty_group_appears_only_beside_count(shop: TabularDataset) -> None:
    assert _table(shop, "SELECT count(*) AS n, sum(qty) AS s FROM shop WHERE qty > 99") == [["[]", {"n": 0, "s": 0}]]
    assert _table(shop, "SELECT sum(qty) AS s FROM shop WHERE qty > 99") == []


def test_ties_are_broken_by_the_hash_of_the_row_name_also_at_the_edge_of_a_limit(shop: TabularDataset) -> None:
    whole = [row[0] for row in _table(shop, "SELECT price FROM shop ORDER BY price DESC")]
    assert whole == ["s4", "s2", "s3", "s1"]
    assert [row[0] for row in _table(shop, "SELECT price FROM shop ORDER BY price DESC LIMIT 1 OFFSET 2")] == ["s3"]


def test_nulls_are_absent_under_a_wildcard_and_explicit_under_a_name(shop: TabularDataset) -> None:
    assert _table(shop, "SELECT * EXCLUDING (odd, item) FROM shop OFFSET 3") == [["s4", {"price": 2}]]
    assert _table(shop, "SELECT qty FROM shop OFFSET 3") == [["s4", {"qty": None}]]


def test_division_by_zero_and_whole_results_follow_the_language(shop: TabularDataset) -> None:
    ((_, cells),) = _table(shop, "SELECT 1 / 0 AS inf, 0 / 0 AS nan, qty / 3 AS whole, 1 / (0 * -qty) AS positive FROM shop LIMIT 1")
    assert cells["inf"] == math.inf and math.isnan(cells["nan"]) and cells["positive"] == math.inf  # type: ignore[index,call-overload]
    assert (cells["whole"], type(cells["whole"])) == (1, int)  # type: ignore[index,call-overload]


def test_values_of_the_query_never_stand_in_the_engine_text(shop: TabularDataset) -> None:
    compiled = _compile(shop, "SELECT item FROM shop WHERE item = 'it''s; DROP TABLE shop' AND qty > 12345")
    assert "DROP" not in compiled.explain() and "12345" not in compiled.explain()
    assert compiled.parameters == ("it's; DROP TABLE shop", 12345)
    assert list(compiled.rows()) == []


def test_an_aggregate_over_numbers_only_ignores_the_texts_that_the_filter_removed(shop: TabularDataset) -> None:
    assert _table(shop, "SELECT avg(odd) AS m FROM shop WHERE odd IS NUMBER") == [["[]", {"m": 3}]]


def test_an_aggregate_that_meets_a_text_is_handed_to_the_interpreter(shop: TabularDataset) -> None:
    interpreted = Row(Path.of("interpreted"), [])
    compiled = _compile(shop, "SELECT avg(odd) AS m FROM shop", [interpreted])
    assert list(compiled.rows()) == [interpreted]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT odd + 1 FROM shop", "mixed + integer"),
        ("SELECT variance(qty) FROM shop", "variance"),
        ("SELECT item IN (SELECT item FROM shop) FROM shop", "IN (SELECT ..)"),
        ("SELECT qty NAMED item FROM shop", "NAMED"),
        ("SELECT {qty} FROM shop", "a row {..}"),
        ("SELECT qty AS x, price AS x FROM shop", "stands twice"),
        ("SELECT rowName() FROM shop GROUP BY item", "name of a group"),
    ],
)
def test_what_is_not_compiled_is_named(shop: TabularDataset, text: str, reason: str) -> None:
    with pytest.raises(Uncovered) as refusal:
        _compile(shop, text)
    assert reason in str(refusal.value)


def test_a_pattern_that_the_engine_would_try_in_every_way_is_left_to_the_interpreter(shop: TabularDataset) -> None:
    with pytest.raises(Uncovered, match="between several"):
        _compile(shop, "SELECT item FROM shop WHERE item LIKE '%a_%a_%b'")
    assert _table(shop, "SELECT qty FROM shop WHERE item LIKE '%pp_%'") == [["s1", {"qty": 3}], ["s3", {"qty": 2}]]

"""Whatever text comes in, the parser answers with a tree or with a `QueryError`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sql.example_data import in_memory

from datapod_server.errors import QueryError
from datapod_server.principal import OWNER
from datapod_server.sql.grammar import parse_expression, parse_order_list, parse_select_list, parse_statement, parse_table
from datapod_server.sql.queries import Queries
from datapod_server.storage.engine import Engine

_WORDS = r"""
SELECT FROM WHERE WHEN GROUP BY HAVING ORDER LIMIT OFFSET NAMED AS JOIN LEFT OUTER ON DISTINCT COLUMN EXPR STRUCTURED EXCLUDING
CASE THEN ELSE END CAST IS NOT NULL IN KEYS VALUES OF BETWEEN AND OR LIKE TIMESTAMP INTERVAL TRUE NAN INF
( ) { } [ ] , . : * + - / % = != <> < <= > >= @ ~ & | ^ ; $x $ ' " '' -- /* */ 'a' "b" 'it''s' 1 1.5 .5 1e3 1e999 0x1f 99999999999999999999
x y.z count row_dataset transpose é 💾 '1d' '2020-01-01'
""".split()  # noqa: SIM905 - a list of one word per line would be longer than the test
_SETTINGS = settings(max_examples=300, deadline=None)


def _parse(text: str) -> None:
    for parse in (parse_statement, parse_expression, parse_select_list, parse_order_list, parse_table):
        with contextlib.suppress(QueryError):
            parse(text)


@_SETTINGS
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    _parse(text)


@_SETTINGS
@given(st.lists(st.sampled_from(_WORDS), max_size=25).map(" ".join))
def test_any_row_of_words_is_parsed_or_refused(text: str) -> None:
    _parse("SELECT " + text)
    _parse(text)


@pytest.mark.parametrize(
    "opening", ["(", "[", "{x: ", "NOT ", "-", "~", "TIMESTAMP ", "f(", "CASE ", "CASE WHEN ", "CAST (", "1 + ", "x IN (", "x["]
)
@pytest.mark.parametrize("count", [50, 5000])
def test_deep_nesting_is_parsed_or_refused(opening: str, count: int) -> None:
    _parse("SELECT " + opening * count + "1")
    _parse(opening * count)


@pytest.mark.parametrize("opening", ["(SELECT * FROM ", "(", "a JOIN ", "transpose((SELECT * FROM "])
def test_deep_tables_are_parsed_or_refused(opening: str) -> None:
    _parse("SELECT * FROM " + opening * 3000)
    _parse("SELECT * FROM " + opening * 3000 + "a")


def test_a_sum_of_thousands_of_terms_is_answered_or_refused() -> None:
    engine = Engine.open(None)
    try:
        with contextlib.suppress(QueryError):
            list(Queries(in_memory(), engine).run("SELECT " + "x + " * 5000 + "1 FROM steps", principal=OWNER).rows())
    finally:
        engine.close()

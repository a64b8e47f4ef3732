"""The six formats, word for word. Source: rest-api.md, 8.2 and 8.3."""

from __future__ import annotations

import json
import random

import pytest

from datapod_server.api.v1 import formats
from datapod_server.api.v1.formats import FORMATS, Answer
from datapod_server.api.v1.single_values import Shape
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

STATEMENT = "select n, s, t, x, o from demo order by rowName()"
AT = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module", params=["sparse.mutable", "tabular"])
def demo(request, record):
    record(
        "demo",
        [
            [
                "a",
                [
                    ["n", 1, AT],
                    ["s", "žluť ☕", AT],
                    ["t", {"ts": "2020-02-03T04:05:06Z"}, AT],
                    ["x", {"num": "NaN"}, AT],
                    ["o.p", 10, AT],
                    ["o.q", "r", AT],
                ],
            ],
            ["b", [["n", 2.5, AT], ["x", {"num": "-Inf"}, AT], ["o.p", 11, AT]]],
        ],
        request.param,
    )


EXPECTED = {
    "full": """[{"rowName":"a","columns":[["n",1,"2020-01-01T00:00:00Z"],["o.p",10,"2020-01-01T00:00:00Z"],["o.q","r",
        "2020-01-01T00:00:00Z"],["s","žluť ☕","2020-01-01T00:00:00Z"],["t",{"ts":"2020-02-03T04:05:06Z"},"2020-01-01T00:00:00Z"],
        ["x",{"num":"NaN"},"2020-01-01T00:00:00Z"]]},{"rowName":"b","columns":[["n",2.5,"2020-01-01T00:00:00Z"],
        ["o.p",11,"2020-01-01T00:00:00Z"],["s",null,"-Inf"],["t",null,"-Inf"],["x",{"num":"-Inf"},"2020-01-01T00:00:00Z"]]}]""",
    "sparse": """[[["_rowName","a"],["n",1],["o.p",10],["o.q","r"],["s","žluť ☕"],["t",{"ts":"2020-02-03T04:05:06Z"}],["x",{"num":"NaN"}]],
        [["_rowName","b"],["n",2.5],["o.p",11],["s",null],["t",null],["x",{"num":"-Inf"}]]]""",
    "soa": """{"_rowName":["a","b"],"n":[1,2.5],"o.p":[10,11],"o.q":["r",null],"s":["žluť ☕",null],
        "t":[{"ts":"2020-02-03T04:05:06Z"},null],"x":[{"num":"NaN"},{"num":"-Inf"}]}""",
    "aos": """[{"_rowName":"a","n":1,"o.p":10,"o.q":"r","s":"žluť ☕","t":{"ts":"2020-02-03T04:05:06Z"},"x":{"num":"NaN"}},
        {"_rowName":"b","n":2.5,"o.p":11,"s":null,"t":null,"x":{"num":"-Inf"}}]""",
    "table": """[["_rowName","n","o.p","o.q","s","t","x"],["a",1,10,"r","žluť ☕","2020-02-03T04:05:06Z","NaN"],
        ["b",2.5,11,null,null,null,"-Inf"]]""",
}


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("name", EXPECTED)
def test_the_example_of_the_chapter_is_answered_byte_by_byte(ask, name):
    answer = ask("GET", "/v1/query", {"q": STATEMENT, "format": name})
    assert answer.text == "".join(line.strip() for line in EXPECTED[name].split("\n"))
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.usefixtures("demo")
def test_an_atom_is_the_bare_value(query):
    assert query("select t from demo where rowName() = 'a'", "atom") == {"ts": "2020-02-03T04:05:06Z"}


@pytest.mark.usefixtures("demo")
def test_the_full_format_is_what_comes_when_none_is_asked_for(ask):
    full = ask("GET", "/v1/query", {"q": STATEMENT, "format": "full"}).text
    assert ask("GET", "/v1/query", {"q": STATEMENT}).text == ask("GET", "/v1/query", {"q": STATEMENT, "format": ""}).text == full


@pytest.mark.usefixtures("demo")
def test_hashes_stand_behind_names(query):
    header, first, _ = query(STATEMENT, rowHashes=True)
    assert header[:3] == ["_rowName", "_rowHash", "n"]
    assert len(first[1]) == 16
    hashed = query(STATEMENT, headers=False, rowNames=False, rowHashes=True)
    assert [line[0] for line in hashed] == [line[1] for line in query(STATEMENT, rowHashes=True)[1:]]
    assert hashed[0][1:] == [1, 10, "r", "žluť ☕", "2020-02-03T04:05:06Z", "NaN"]


@pytest.mark.parametrize(("text", "words"), [
    ("select 1 as x, 2 as y", "Query with atom format returned multiple columns."),
    ("select * from void", "Query with atom format returned no rows."),
    ("select zz* from pair limit 1", "Query with atom format returned no columns."),
    ("select 1 as x from pair", "Query with atom format returning multiple rows"),
])  # fmt: skip
def test_what_is_no_atom_is_400(ask, record, text, words):
    record("void", [])
    record("pair", [["a", [["x", 1, 0]]], ["b", [["x", 1, 0]]]])
    answer = ask("GET", "/v1/query", {"q": text, "format": "atom"})
    assert (answer.status, answer.error) == (400, words)


def test_of_several_values_one_place_shows_the_latest(record, query):
    record("twice", [["r", [["x", 3, 10], ["x", 1, 20], ["x", 2, 5]]]])
    assert query("select * from twice", "sparse") == [[["_rowName", "r"], ["x", 1], ["x", 2], ["x", 3]]]
    assert [cell[1] for cell in query("select * from twice", "full")[0]["columns"]] == [1, 2, 3]
    assert query("select * from twice", "aos") == [{"_rowName": "r", "x": 1}]
    assert query("select * from twice", "soa") == {"_rowName": ["r"], "x": [1]}
    assert query("select * from twice") == [["_rowName", "x"], ["r", 1]]


def _plain_table(rows: list[Row], *, sort: bool) -> list[list[object]]:
    """The format as the chapter tells it, with nothing spared."""
    columns = list(dict.fromkeys(cell.column for row in rows for cell in row.cells))
    columns = sorted(columns, key=lambda column: column.key) if sort else columns
    lines = [[str(row.name), *({cell.column: cell.value for cell in row.cells}.get(column) for column in columns)] for row in rows]
    return [["_rowName", *map(str, columns)], *lines]


@pytest.mark.parametrize("known", [True, False], ids=["columns known", "columns unknown"])
@pytest.mark.parametrize("sort", [True, False], ids=["sorted", "as they come"])
@pytest.mark.parametrize("seed", range(8))
def test_a_table_is_the_same_however_it_is_cut_into_pieces(monkeypatch, seed, sort, known):
    chance = random.Random(seed)
    names = [Path((f"c{number}",)) for number in range(5)]
    texts = [1, 2.5, None, "a]\nb", 'x"],', ""]
    rows = [
        Row(
            Path((f"r{number}",)),
            [Cell(name, chance.choice(texts), 0.0) for name in names[: chance.randint(2, 5)] if chance.random() < 0.7],
        )
        for number in range(60)
    ]
    monkeypatch.setattr(formats, "_CELLS_AT_ONCE", 1)
    columns = {cell.column for row in rows for cell in row.cells}
    pieces = list(FORMATS["table"](Answer(iter(rows), [*columns] if known else None), Shape(sort_columns=sort)))
    assert json.loads(b"".join(pieces)) == _plain_table(rows, sort=sort)
    for headers in (True, False):
        bare = b"".join(FORMATS["table"](Answer(iter(rows), None), Shape(headers=headers, row_names=False)))
        assert json.loads(bare) == [line[1:] for line in _plain_table(rows, sort=False)][0 if headers else 1 :]


def test_a_long_answer_comes_in_pieces_and_a_failure_at_its_start_is_an_error(pod, ask, record):
    from datapod_server.api import v1
    from datapod_server.embedded import in_process_request

    record("long", [[str(number), [["x", number, 0], ["t", "text" * 10, 0]]] for number in range(9000)], "tabular")
    for name in ("table", "full", "aos", "sparse"):
        request = in_process_request("GET", "/v1/query", None, {"q": "select * from long", "format": name}, None)
        body = v1.answer(pod.pod, request).body
        assert not isinstance(body, bytes)
        pieces = list(body)
        assert len(pieces) > 1
        assert len(json.loads(b"".join(pieces))) == 9000 + (name == "table")
    failed = ask("GET", "/v1/query", {"q": "select t * 2 as y from long", "format": "table"})
    assert failed.status == 400


def test_a_query_that_takes_too_long_is_408(ask, record):
    record("slow", [[str(number), [["x", number, 0]]] for number in range(9000)])
    answer = ask("GET", "/v1/query", {"q": "select levenshtein_distance(rowName(), 'abcdefgh') as d from slow", "timeout": 0.001})
    assert (answer.status, answer.error) == (408, "query timed out")
    assert ask("GET", "/v1/query", {"q": "select 1", "timeout": "soon"}).status == 400

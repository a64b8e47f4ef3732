"""Function entities: in queries and over REST. Source: datasets-and-procedures.md, 10.1 and 10.2; rest-api.md, 5."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from datapod_server.embedded import EmbeddedPod
from datapod_server.embedded import open as open_pod

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def pod() -> Iterator[EmbeddedPod]:
    """A pod with the dataset `ds`: r1 {x: 1}, r2 {x: 2}, recorded at second 10."""
    with open_pod() as opened:
        opened.perform("PUT", "/v1/datasets/ds", payload={"type": "sparse.mutable"})
        opened.perform("POST", "/v1/datasets/ds/multirows", payload=[["r1", [["x", 1, 10]]], ["r2", [["x", 2, 10]]]])
        opened.perform("POST", "/v1/datasets/ds/commit")
        yield opened


@pytest.fixture
def ask(pod: EmbeddedPod) -> Ask:
    def perform(verb: str, path: str, payload: Any = None, params: Any = None) -> tuple[int, Any]:
        answer = pod.perform(verb, path, params, payload)
        return answer["statusCode"], json.loads(answer["response"]) if "response" in answer else None

    return perform


@pytest.fixture
def make(ask: Ask) -> Callable[..., tuple[int, Any]]:
    def make_function(name: str, kind: str = "sql.expression", **params: Any) -> tuple[int, Any]:
        return ask("PUT", f"/v1/functions/{name}", {"type": kind, "params": params})

    return make_function


@pytest.fixture
def rows(ask: Ask) -> Callable[[str], Any]:
    def run(text: str) -> Any:
        status, answer = ask("GET", "/v1/query", {"q": text, "format": "table", "rowNames": False})
        assert status == 200, answer
        return answer[1:]

    return run


def test_an_expression_is_called_from_a_query(make, rows):
    assert make("double", expression="x * 2 AS y")[0] == 201
    assert rows("SELECT double({x: 4}) AS *") == [[8]]
    assert rows("SELECT double({x: 4})[y] AS z") == [[8]]
    assert rows("SELECT double({x})[y] AS z FROM ds ORDER BY rowName()") == [[2], [4]]


def test_results_have_the_times_of_what_they_were_computed_from(make, ask):
    make("double", expression="x * 2 AS y")
    status, answer = ask("GET", "/v1/query", {"q": "SELECT double({x})[y] AS z FROM ds WHERE x = 1"})
    assert (status, answer) == (200, [{"rowName": "r1", "columns": [["z", 2, "1970-01-01T00:00:10Z"]]}])


def test_application_wraps_its_output(make, ask):
    make("double", expression="x * 2 AS y")
    path = "/v1/functions/double/application"
    assert ask("GET", path, params=[["input", '{"x":4}']]) == (200, {"output": {"y": 8}})
    assert ask("GET", path, {"input": {"x": 4}}) == (200, {"output": {"y": 8}})
    assert ask("POST", path, {"input": {"x": 4}}) == (200, {"output": {"y": 8}})
    assert ask("GET", path, {"input": {"x": 4}}, [["outputFormat", "json"]])[0] == 400
    assert ask("GET", path, {"input": {"x": 4}, "outputFormat": "json"}) == (200, {"y": 8})
    assert ask("GET", path, {"input": {"x": 4}, "outputFormat": "xml"})[0] == 400
    assert ask("GET", path, {"input": 4})[0] == 400
    assert ask("POST", "/v1/redirect/get", {"target": path, "body": {"input": {"x": 1}}}) == (200, {"output": {"y": 2}})


def test_rows_inside_an_output_are_names_values_and_times(make, ask):
    make("scale", expression="horizontal_sum(v) * k AS total, v * k AS scaled")
    given = {"k": 2, "v": {"a": 3, "b": [1, 2]}}
    status, answer = ask("GET", "/v1/functions/scale/application", {"input": given})
    assert (status, answer) == (
        200,
        {"output": {"total": 12, "scaled": [["a", [6, "NaD"]], ["b", [[[0, [2, "NaD"]], [1, [4, "NaD"]]], "NaD"]]]}},
    )
    plain = ask("GET", "/v1/functions/scale/application", {"input": given, "outputFormat": "json"})
    assert plain == (200, {"scaled": {"a": 6, "b": [2, 4]}, "total": 12})


def test_keep_values_chooses_outputs(make, ask):
    make("two", expression="x AS a, x + 1 AS b")
    assert ask("GET", "/v1/functions/two/application", {"input": {"x": 1}, "keepValues": ["b"]}) == (200, {"output": {"b": 2}})


def test_unused_inputs_are_ignored_and_missing_ones_are_null(make, ask):
    make("twice", expression="x * 2")
    assert ask("GET", "/v1/functions/twice/application", {"input": {"x": 2, "unused": 1}}) == (200, {"output": {"x * 2": 4}})
    assert ask("GET", "/v1/functions/twice/application") == (200, {"output": {"x * 2": None}})


def test_a_raw_function_gives_a_bare_value(make, ask, rows):
    make("total", expression="horizontal_sum(v)", raw=True, autoInput=True)
    assert rows("SELECT total({a: 1, b: 2})") == [[3]]
    assert ask("GET", "/v1/functions/total/application", {"input": {"a": 1}})[0] == 500
    assert ask("GET", "/v1/functions/total/application", {"input": {"a": 1}, "outputFormat": "json"}) == (200, 1)


@pytest.mark.parametrize(
    ("given", "expected"), [([[1, 2], [3]], [3, 3]), ({"one": [1, 2, 3], "none": []}, {"one": 6, "none": 0}), (None, None)]
)
def test_a_batch_keeps_the_shape_of_its_input(make, ask, given, expected):
    make("total", expression="horizontal_sum(v)", raw=True, autoInput=True)
    assert ask("GET", "/v1/functions/total/batch", {"input": given}) == (200, expected)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"expression": "x +"}, "Expected identifier or constant"),
        ({"expression": "x, y", "raw": True}, "exactly one clause"),
        ({"expression": "x + y", "autoInput": True}, "exactly one input variable"),
        ({"expression": "x", "zork": 1}, "zork"),
        ({}, "expression"),
    ],
)
def test_a_wrong_expression_is_refused_when_it_is_made(make, ask, params, text):
    status, answer = make("wrong", **params)
    assert status == 400
    assert text in answer["error"]
    assert ask("GET", "/v1/functions/wrong")[1]["state"] == "error"
    status, answer = ask("GET", "/v1/functions/wrong/application")
    assert status == 404
    assert "not available due to error in creation" in answer["error"]


def test_names_of_built_in_functions_are_taken(make):
    status, answer = make("lower", expression="x")
    assert status == 400
    assert "MLDB already has a built-in function named lower" in answer["error"]


def test_a_query_takes_its_inputs_as_parameters(make, ask, rows):
    make("later", "sql.query", query="SELECT x + $d AS y FROM ds ORDER BY x DESC")
    assert ask("GET", "/v1/functions/later/application", {"input": {"d": 5}}) == (200, {"output": {"y": 7}})
    assert rows("SELECT later({d: x})[y] AS v FROM ds ORDER BY rowName()") == [[3], [4]]


def test_a_query_that_finds_no_row_gives_an_empty_output(make, ask):
    make("one", "sql.query", query="SELECT x FROM ds WHERE rowName() = $r")
    assert ask("GET", "/v1/functions/one/application", {"input": {"r": "none"}}) == (200, {"output": {}})
    assert ask("GET", "/v1/functions/one/application", {"input": {"r": "r2"}}) == (200, {"output": {"x": 2}})


def test_a_query_sees_the_data_of_the_moment(make, ask):
    ask("PUT", "/v1/datasets/growing", {"type": "sparse.mutable"})
    make("count_rows", "sql.query", query={"select": "count(*) AS n", "from": "growing"})
    assert ask("GET", "/v1/functions/count_rows/application") == (200, {"output": {"n": 0}})
    ask("POST", "/v1/datasets/growing/rows", {"rowName": "a", "columns": [["x", 1, 0]]})
    ask("POST", "/v1/datasets/growing/commit", {})
    assert ask("GET", "/v1/functions/count_rows/application") == (200, {"output": {"n": 1}})


def test_the_input_may_be_a_row_to_read_from(make, ask):
    make("adder", "sql.query", query="SELECT sum(value) AS s FROM row_dataset($in)")
    assert ask("GET", "/v1/functions/adder/application", {"input": {"in": {"a": 1, "b": 2}}}) == (200, {"output": {"s": 3}})


def test_named_columns_come_from_rows(make, ask):
    make("pairs", "sql.query", query="SELECT rowName() AS column, x AS value FROM ds", output="NAMED_COLUMNS")
    expected = {"output": {"r1": 1, "r2": 2}}
    assert ask("GET", "/v1/functions/pairs/application", {"outputFormat": "json"}) == (200, expected)


@pytest.mark.parametrize(
    ("select", "text"),
    [
        ("x AS value", "must contain exactly one 'column' and one 'value' column"),
        ("rowName() AS column", "must contain exactly one 'column' and one 'value' column"),
        ("rowName() AS column, x AS value, 1 AS t", "can only contain 'column' and 'value' columns"),
        ("null AS column, x AS value", "Column names in NAMED_COLUMNS SQL can't be null"),
    ],
)
def test_named_columns_are_strict(make, ask, select, text):
    make("strict", "sql.query", query=f"SELECT {select} FROM ds", output="NAMED_COLUMNS")
    status, answer = ask("GET", "/v1/functions/strict/application")
    assert status == 400
    assert text in answer["error"]


@pytest.mark.parametrize(
    ("kind", "params"),
    [("sql.expression", {"expression": "endless({x}) AS x"}), ("sql.query", {"query": "SELECT endless({x: $x}) AS x FROM ds"})],
)
def test_functions_that_call_themselves_for_ever_are_an_error(make, ask, kind, params):
    make("endless", kind, **params)
    status, answer = ask("GET", "/v1/functions/endless/application", {"input": {"x": 1}})
    assert status == 400
    assert "infinite recursion" in answer["error"]


def test_info_names_inputs_and_outputs(make, ask):
    make("double", expression="x * 2 AS y")
    _, answer = ask("GET", "/v1/functions/double/info")
    assert [column["columnName"] for column in answer["input"][0]["knownColumns"]] == ["x"]
    assert [column["columnName"] for column in answer["output"]["knownColumns"]] == ["y"]
    assert ask("GET", "/v1/functions/double/details") == (200, None)


def test_functions_have_no_routes_of_their_own(make, ask):
    make("double", expression="x * 2 AS y")
    status, answer = ask("POST", "/v1/functions/double/routes/increment", {})
    assert status == 400
    assert "does not respond to custom route '/increment'" in answer["error"]


def test_cell_values_in_the_input_are_read_when_asked_for(make, ask):
    make("same", expression="t AS t")
    given = {"input": {"t": {"ts": "2020-01-01T00:00:00Z"}}, "outputFormat": "json"}
    assert ask("GET", "/v1/functions/same/application", {**given, "inputFormat": "cells"}) == (200, {"t": {"ts": "2020-01-01T00:00:00Z"}})
    assert ask("GET", "/v1/functions/same/application", given) == (200, {"t": {"ts": "2020-01-01T00:00:00Z"}})

"""What a compatible server is most likely to get wrong, point by point. Source: rest-api.md, 16 (the number ends each name)."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest

SPARSE = {"type": "sparse.mutable"}
MOCK = {"type": "mock", "params": {"durationMs": 20_000, "refreshRateMs": 5, "runOnCreation": False}}
SLEEPER = {"type": "python", "params": {"source": {"main": "import time\ntime.sleep(60)"}}}


def transform(query: str, **more: Any) -> dict[str, Any]:
    return {"type": "transform", "params": {"inputData": query, "outputDataset": "o", **more}}


@pytest.fixture(scope="module", autouse=True)
def data(record):
    record("d", [["r", [["a", 1, 1]]]])
    record("empty", [])


@pytest.fixture
def slow_run(ask, wait_until):
    """The path of a run that is going on in another thread, and the answers that its starter gets."""
    ask("PUT", "/v1/procedures/slow", MOCK)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask("POST", "/v1/procedures/slow/runs", {"id": "r"})))
    thread.start()
    path = "/v1/procedures/slow/runs/r"
    wait_until(lambda: ask("GET", path).status == 200 and ask("GET", path).json["state"] == "executing")
    yield path, answers, thread
    ask("PUT", path + "/state", {"state": "cancelled"})
    thread.join(10)


@pytest.fixture
def being_built(ask, wait_until):
    """The path of a plugin whose main code is still running."""
    path = "/v1/plugins/sleeper"
    made = ask("PUT", path, SLEEPER, headers=[["async", "true"]])
    assert made.status == 202
    assert made.json["state"] in ("initializing", "executing")
    yield path
    ask("DELETE", path)


def test_a_procedure_runs_when_it_is_made_1(ask):
    answer = ask("PUT", "/v1/procedures/p", {"type": "null"})
    assert (answer.status, answer.json["state"], answer.json["status"]["firstRun"]["state"]) == (201, "ok", "finished")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z-[0-9a-f]{16}", answer.json["status"]["firstRun"]["id"])
    assert "status" not in ask("GET", "/v1/procedures/p").json


def test_without_a_first_run_there_is_no_status_2(ask):
    answer = ask("PUT", "/v1/procedures/p2", {"type": "null", "params": {"runOnCreation": 0}})
    assert answer.status == 201
    assert "status" not in answer.json


def test_a_failing_first_run_keeps_the_procedure_3(ask):
    answer = ask("PUT", "/v1/procedures/p3", transform("select * from nope"))
    assert (answer.status, answer.error) == (404, "failed to create the initial run")
    assert answer.json["details"]["entry"] == "p3"
    assert answer.json["details"]["runError"]["error"] == "dataset entry 'nope' doesn't exist"
    assert ask("GET", "/v1/procedures/p3").json["state"] == "ok"
    assert len(ask("GET", "/v1/procedures/p3/runs").json) == 1


@pytest.mark.parametrize("query", ["SELECT x:BUG:1", {"select": "x:BUG:1"}], ids=["text", "clauses"])
def test_a_broken_configuration_is_no_procedure_4(ask, query):
    assert ask("PUT", "/v1/procedures/p4", transform(query)).status == 400
    assert ask("GET", "/v1/procedures/p4").json["state"] == "error"
    assert ask("GET", "/v1/procedures/p4/runs").status == 404


def test_put_and_post_replace_5(ask):
    assert [ask("POST", "/v1/datasets", {"id": "d5", **SPARSE}).status for _ in range(2)] == [201, 201]
    assert ask("PUT", "/v1/datasets/d5", SPARSE).status == 201


def test_creation_in_code_does_not_replace_6(ask):
    source = "mldb.create_dataset({'id': 'd6', 'type': 'sparse.mutable'})\nmldb.create_dataset({'id': 'd6', 'type': 'sparse.mutable'})"
    answer = ask("POST", "/v1/types/plugins/python/routes/run", {"source": source})
    assert answer.status == 400
    assert "dataset entry 'd6' already exists" in answer.json["exception"]["message"]


def test_codes_of_asynchronous_creation_differ_8(ask, wait_until):
    asynchronous = [["async", "true"]]
    put = ask("PUT", "/v1/datasets/d8", SPARSE, headers=asynchronous)
    post = ask("POST", "/v1/datasets", {"id": "e8", **SPARSE}, headers=asynchronous)
    assert (put.status, post.status) == (202, 201)
    assert {put.json["state"], post.json["state"]} <= {"initializing", "executing", "ok"}
    assert ask("POST", "/v1/datasets", {"id": "f8", **SPARSE}, headers=[["prefer", "respond-async"]]).status == 202
    for name in ("d8", "e8", "f8"):
        wait_until(lambda name=name: ask("GET", f"/v1/datasets/{name}").json["state"] == "ok")


def test_the_value_of_the_header_is_exact_9(ask):
    assert ask("PUT", "/v1/datasets/d9", SPARSE, headers=[["Async", "true"]]).status == 202
    assert ask("PUT", "/v1/datasets/e9", SPARSE, headers=[["async", "True"]]).status == 201


def test_delete_never_fails_10(ask):
    assert [ask("DELETE", f"/v1/{kind}/never-there").status for kind in ("datasets", "procedures", "functions", "plugins")] == [204] * 4


def test_delete_during_construction_waits_11(ask, being_built):
    assert ask("DELETE", being_built).status == 204
    assert ask("GET", being_built).status == 404


def test_creation_during_construction_is_409_12(ask, being_built):
    answer = ask("PUT", being_built, SLEEPER)
    assert answer.status == 409
    assert answer.error == "entry 'sleeper' in plugin could not be overwritten because it is being constructed"
    routes = ask("GET", being_built + "/routes/x")
    assert (routes.status, routes.json["state"]) == (404, ask("GET", being_built).json["state"])
    assert "not available as it is still being created" in routes.error


def test_failed_entities_are_visible_13(ask):
    assert ask("PUT", "/v1/datasets/m", {"type": "tabular", "params": {"nonesuch": 1}}).status == 400
    assert "m" in ask("GET", "/v1/datasets").json
    shown = ask("GET", "/v1/datasets/m")
    assert (shown.status, shown.json["state"], shown.json["progress"]["exception"]["httpCode"]) == (200, "error", 400)
    answer = ask("GET", "/v1/datasets/m/routes/hello")
    assert answer.status == 404
    assert "not available due to error in creation" in answer.error
    assert ask("PUT", "/v1/datasets/m", {"type": "tabular"}).status == 201


def test_the_id_in_the_body_may_only_repeat_the_path_14(ask):
    answer = ask("PUT", "/v1/datasets/a14", {"id": "b14", "type": "tabular"})
    assert answer.status == 400
    assert answer.json["details"] == {"valueInUri": "a14", "valueInConfig": "b14"}
    assert ask("PUT", "/v1/datasets/a14", {"id": "a14", "type": "tabular"}).status == 201


def test_no_payload_in_process_starts_a_run_15(ask):
    ask("PUT", "/v1/procedures/p15", {"type": "null"})
    assert ask("POST", "/v1/procedures/p15/runs").status == 201
    assert ask("POST", "/v1/procedures/p15/runs", {}).status == 201
    answer = ask("PUT", "/v1/datasets/d15")
    assert answer.status == 400
    assert "must be an object" in answer.error


def test_an_unknown_query_parameter_is_400_16(ask):
    answer = ask("GET", "/v1/datasets", params=[["limit", "5"]])
    assert (answer.status, answer.error) == (400, "Unknown parameter(s) in REST call")
    assert answer.json["details"]["unknownParameters"] == [{"paramName": "limit", "paramValue": "5"}]


def test_but_not_everywhere_17(ask):
    ask("PUT", "/v1/procedures/p17", {"type": "null"})
    paths = ("/v1/types", "/v1/datasets/d/rows", "/v1/procedures/p17/latestrun")
    assert [ask("GET", path, params=[["x", "y"]]).status for path in paths] == [200, 200, 307]


def test_an_unknown_member_of_a_configuration_is_400_18(ask):
    answer = ask("PUT", "/v1/datasets/a18", {"type": "tabular", "parms": {}})
    assert answer.status == 400
    assert "'parms'" in answer.error
    answer = ask("PUT", "/v1/datasets/a18", {"type": "tabular", "params": {"unknownColumn": "add"}})
    assert answer.status == 400
    assert "did you mean 'unknownColumns'" in answer.error


def test_query_string_and_body_do_not_mix_19(ask):
    answer = ask("GET", "/v1/query", {"format": "table"}, params=[["q", "select 1"]])
    assert (answer.status, answer.error) == (400, "You cannot mix query string and body parameters")
    assert ask("GET", "/v1/query", {}, params=[["q", "select 1"]]).status == 200


def test_a_get_may_have_a_body_20(ask):
    body = {"q": "select 1 as x", "format": "table"}
    assert ask("GET", "/v1/query", body).json == ask("POST", "/v1/query", body).json == [["_rowName", "x"], ["result", 1]]


def test_truth_values_as_python_writes_them_21(ask):
    params = [["q", "select 1 as x"], ["format", "table"], ["rowNames", "False"], ["headers", "False"]]
    assert ask("GET", "/v1/query", params=params).text == "[[1]]"
    assert ask("GET", "/v1/query", params=[*params[:2], ["headers", "no"]]).status == 400


def test_the_content_type_has_no_charset_22(ask):
    assert {ask("GET", path).headers["Content-Type"] for path in ("/v1/datasets", "/v1/nope", "/v1/query?q=select%201")} == {
        "application/json"
    }


def test_full_has_no_hash_and_no_fractions_23(ask):
    answer = ask("GET", "/v1/query", params=[["q", "select * from d"]])
    assert answer.text == '[{"rowName":"r","columns":[["a",1,"1970-01-01T00:00:01Z"]]}]'


def test_a_missing_column_asked_for_by_name_is_null_24(query):
    assert query("select a, b from d", "full")[0]["columns"][1] == ["b", None, "-Inf"]
    assert query("select a, b from d") == [["_rowName", "a", "b"], ["r", 1, None]]
    assert query("select * from d", "aos") == [{"_rowName": "r", "a": 1}]


def test_special_numbers_are_texts_in_tables_only_25(query):
    assert query("select 1/0 as x") == [["_rowName", "x"], ["result", "Inf"]]
    assert query("select 1/0 as x", "aos") == [{"_rowName": "result", "x": {"num": "Inf"}}]


def test_whole_floats_have_no_decimal_point_26(ask):
    text = ask("GET", "/v1/query", {"q": "select 4.0/2 as x, true as y", "format": "table", "rowNames": False, "headers": False}).text
    assert text == "[[2,1]]"


def test_nothing_has_its_form_in_each_format_27(query):
    statement = "select * from empty"
    assert query(statement) == [["_rowName"]]
    assert query(statement, rowNames=False) == [[]]
    assert query(statement, headers=False) == []
    assert query(statement, "soa") == {}
    assert query(statement, "aos") == query(statement, "full") == query(statement, "sparse") == []


def test_columns_are_sorted_and_headers_by_appearance_28(record, query):
    record("z28", [["r", [["z", 1, 0], ["a", 2, 0]]]])
    assert query("select * from z28", "sparse") == [[["_rowName", "r"], ["a", 2], ["z", 1]]]
    assert query("select * from z28")[0] == ["_rowName", "a", "z"]
    record("y28", [["1", [["z", 1, 0]]], ["2", [["a", 2, 0]]]])
    statement = "select * from y28 order by rowName()"
    assert query(statement) == [["_rowName", "z", "a"], ["1", 1, None], ["2", None, 2]]
    assert query(statement, sortColumns=True) == [["_rowName", "a", "z"], ["1", None, 1], ["2", 2, None]]


def test_an_atom_of_two_columns_is_400_29(ask):
    answer = ask("GET", "/v1/query", {"q": "select 1 as x, 2 as y", "format": "atom"})
    assert (answer.status, answer.error) == (400, "Query with atom format returned multiple columns.")


def test_column_names_are_paths_30(record, ask, query):
    record("d30", [["r", [["a.b", 1, 0], ['"a.b"', 2, 0]]]])
    assert sorted(query("select * from d30")[0]) == ['"a.b"', "_rowName", "a.b"]
    assert ask("GET", "/v1/datasets/d30/columns/a.b/values").json == [1]


def test_an_empty_name_is_a_name_and_null_is_not_31(record, ask, query):
    record("d31", [])
    assert ask("POST", "/v1/datasets/d31/rows", {"rowName": "", "columns": [["c", 1, 0]]}).status == 200
    assert ask("POST", "/v1/datasets/d31/rows", {"rowName": None, "columns": [["c", 1, 0]]}).status == 400
    ask("POST", "/v1/datasets/d31/commit", {})
    assert query("select * from d31") == [["_rowName", "c"], ['""', 1]]


def test_blobs_are_texts_and_numbers_32(record, query):
    record("d32", [["r", [["c", {"blob": ["ab", 0, 99]}, 0], ["e", {"blob": []}, 0]]]])
    assert query("select * from d32", "aos") == [{"_rowName": "r", "c": {"blob": ["ab", 0, 99]}, "e": {"blob": []}}]


def test_application_wraps_and_is_a_get_33_34(ask):
    ask("PUT", "/v1/functions/f", {"type": "sql.expression", "params": {"expression": "x + 1 AS y, {x} AS z"}})
    expected = {"output": {"y": 2, "z": [["x", [1, "NaD"]]]}}
    assert ask("GET", "/v1/functions/f/application", params=[["input", '{"x":1}']]).json == expected
    target = {"target": "/v1/functions/f/application", "body": {"input": {"x": 1}}}
    assert ask("POST", "/v1/redirect/get", target).json == expected
    failed = ask("POST", "/v1/redirect/get", {"target": "/v1/datasets/nope"})
    assert (failed.status, failed.error) == (404, "failed to redirect call")
    assert failed.json["details"]["context"]["error"] == "dataset entry 'nope' doesn't exist"


def test_a_batch_keeps_its_shape_35(ask):
    params = {"expression": "horizontal_sum(v)", "raw": True, "autoInput": True}
    ask("PUT", "/v1/functions/sum35", {"type": "sql.expression", "params": params})
    assert ask("GET", "/v1/functions/sum35/batch", {"input": [[1, 2], [3]]}).json == [3, 3]
    assert ask("GET", "/v1/functions/sum35/batch", {"input": None}).json is None


def test_params_of_a_run_are_merged_and_arrays_replace_36(ask):
    ask("PUT", "/v1/procedures/p36", transform("select 1 as x", outputDataset={"id": "o36", "type": "tabular"}, runOnCreation=False))
    run = ask("POST", "/v1/procedures/p36/runs", {"params": {"outputDataset": {"id": "q36"}}})
    assert (run.status, run.json["state"], run.json["status"]["rowCount"]) == (201, "finished", 1)
    assert ask("GET", "/v1/datasets/q36").json["type"] == "tabular"
    assert ask("GET", "/v1/datasets/o36").status == 404
    assert ask("POST", "/v1/procedures/p36/runs", {"params": {"zork": 1}}).status == 400


def test_progress_shows_every_step_with_a_value_37(ask, slow_run):
    steps = ask("GET", slow_run[0]).json["progress"]["steps"]
    assert [step["name"] for step in steps] == ["step 1", "step 2"]
    assert all({"name", "value", "type"} <= set(step) for step in steps)
    assert ask("GET", "/v1/procedures/slow/runs").json == ["r"]


def test_cancelling_waits_and_the_waiting_call_gets_409_38(ask, slow_run):
    path, answers, thread = slow_run
    answer = ask("PUT", path + "/state", {"state": "cancelled"})
    assert (answer.status, answer.text, answer.headers["Location"]) == (200, "{}", path)
    assert ask("GET", path + "/state").json == {"state": "cancelled"}
    thread.join(10)
    assert (answers[0].status, answers[0].error) == (409, "run entry 'r' could not be obtained")
    assert ask("PUT", path + "/state", {"state": "cancelled"}).status == 200
    assert ask("PUT", path + "/state", {"state": "paused"}).status == 400
    assert ask("PUT", "/v1/procedures/slow/runs/nope/state", {"state": "cancelled"}).status == 404


def test_a_run_that_is_going_on_cannot_be_replaced_38(ask, slow_run):
    assert ask("PUT", slow_run[0], {}).status == 409


def test_what_is_not_ready_is_404_below_409_in_sql_and_404_if_missing_39(ask):
    ask("PUT", "/v1/datasets/m39", {"type": "tabular", "params": {"nonesuch": 1}})
    assert ask("GET", "/v1/datasets/m39/rows").status == 404
    unready = ask("GET", "/v1/query", {"q": "select * from m39"})
    assert (unready.status, unready.error) == (409, "dataset entry 'm39' exists but is not ready")
    missing = ask("GET", "/v1/query", {"q": "select * from nope"})
    assert (missing.status, missing.error) == (404, "dataset entry 'nope' doesn't exist")


def test_the_latest_run_is_a_redirect_40(ask):
    ask("PUT", "/v1/procedures/p40", {"type": "null", "params": {"runOnCreation": False}})
    assert ask("GET", "/v1/procedures/p40/latestrun").status == 404
    for name in ("z", "a:b"):
        ask("PUT", f"/v1/procedures/p40/runs/{name}", {})
    answer = ask("GET", "/v1/procedures/p40/latestrun")
    assert (answer.status, answer.text, answer.headers["location"]) == (307, "", "/v1/procedures/p40/runs/a%3Ab")


def test_a_trailing_slash_is_not_the_list_41(ask):
    answer = ask("GET", "/v1/procedures/")
    assert answer.status == 404
    assert answer.error.startswith("Collection URLs do not contain a trailing slash")
    assert ask("DELETE", "/v1/procedures/").status == 204
    assert ask("PUT", "/v1/procedures/", {"type": "null"}).status == 400
    assert [ask("GET", path).status for path in ("/v1/query/", "/v1/datasets/d/columns/")] == [404, 404]


def test_put_on_a_collection_is_404_42(ask):
    answer = ask("PUT", "/v1/datasets", SPARSE)
    assert (answer.status, answer.error) == (404, "unknown resource PUT /v1/datasets")
    assert ask("PUT", "/v1/datasets", SPARSE, headers=[["prefer", "strict"]]).status == 405


def test_slashes_in_ids_are_escaped_43(ask, query):
    answer = ask("PUT", "/v1/datasets/a%2Fb", SPARSE)
    assert (answer.status, answer.headers["Location"], answer.json["id"]) == (201, "/v1/datasets/a%2Fb", "a/b")
    assert json.loads(answer.headers["EntityPath"]) == ["datasets", "a%2Fb"]
    assert query('select * from "a/b"') == [["_rowName"]]
    assert ask("PUT", "/v1/procedures/x%2Fy", {"type": "null"}).json["status"]["firstRun"]["state"] == "finished"


def test_a_plus_in_a_path_is_a_plus_44(ask):
    ask("POST", "/v1/datasets", {"id": "a+b", **SPARSE})
    assert [ask("GET", path).status for path in ("/v1/datasets/a+b", "/v1/datasets/a%2Bb", "/v1/datasets/a%20b")] == [200, 200, 404]
    assert [ask("GET", f"/v1/datasets/{broken}").status for broken in ("%", "%2", "%zz", "%c3")] == [400] * 4


def test_scripts_answer_with_their_codes_45(ask):
    path = "/v1/types/plugins/python/routes/run"
    failed = ask("POST", path, {"source": "raise ValueError('x')"})
    assert (failed.status, failed.json["exception"]["message"]) == (400, "x")
    assert "httpCode" not in failed.json
    made = ask("POST", path, {"source": "request.set_return({'a': 1}, 201)"})
    assert (made.status, made.json["result"]) == (201, {"a": 1})


def test_ping_is_a_json_string_47(ask):
    assert ask("GET", "/ping").text == '"1"'


def test_an_address_without_a_scheme_is_400_49(ask):
    params = {"dataFileUrl": "x.csv", "outputDataset": "i"}
    answer = ask("PUT", "/v1/procedures/p49", {"type": "import.text", "params": params})
    assert answer.status == 400
    assert "file://" in answer.text


def test_details_lists_pairs_50(ask):
    listed = ask("GET", "/v1/types/datasets", params=[["details", "true"]]).json
    assert [name for name, _ in listed] == ask("GET", "/v1/types/datasets").json
    assert all("configType" in info for _, info in listed)
    assert ask("GET", "/v1/types/datasets", params=[["details", "maybe"]]).status == 400

"""The three ways in are one; what differs is prescribed by rest-api.md, 1.7."""

from __future__ import annotations

import uuid

import pytest


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def test_an_unknown_dataset_is_404(ask):
    answer = ask("GET", "/v1/datasets/nope")
    assert (answer.status, answer.json["error"], answer.json["httpCode"]) == (404, "dataset entry 'nope' doesn't exist", 404)
    assert answer.json["details"] == {"collection": "datasets", "entry": "nope"}
    assert answer.content_type == "application/json"


def test_no_route_is_404_with_its_words(ask):
    answer = ask("GET", "/v1/warp")
    assert (answer.status, answer.json["error"]) == (404, "unknown resource GET /v1/warp")
    assert ask("PUT", "/v1/datasets", {}).status == 404


def test_an_unknown_parameter_is_400_and_named(ask):
    answer = ask("GET", "/v1/datasets", params={"limit": "5"})
    assert (answer.status, answer.json["error"]) == (400, "Unknown parameter(s) in REST call")
    assert answer.json["details"]["unknownParameters"] == [{"paramName": "limit", "paramValue": "5"}]
    assert ask("GET", "/v1/types", params={"x": "y"}).status == 200


def test_a_dataset_lives(ask):
    name = fresh("a/b")
    path = "/v1/datasets/" + name.replace("/", "%2F")
    made = ask("PUT", path, {"type": "sparse.mutable"})
    assert (made.status, made.headers["location"]) == (201, path)
    assert made.json == {
        "id": name,
        "state": "ok",
        "type": "sparse.mutable",
        "config": {"id": name, "type": "sparse.mutable"},
        "status": made.json["status"],
    }
    assert list(made.json) == ["id", "state", "type", "config", "status"]
    recorded = ask("POST", path + "/rows", {"rowName": "r", "columns": [["x.y", 1, 0], ['"a.b"', 2.5, "2020-01-01"], ["", None, 0]]})
    assert (recorded.status, recorded.text, recorded.content_type) == (200, "", None)
    assert ask("POST", path + "/commit", {}).status == 200
    assert ask("GET", path + "/rows").json == ["r"]
    assert ask("GET", path + "/columns").json == ['""', '"a.b"', "x.y"]
    assert ask("GET", path + "/columns/x.y/values").json == [1]
    assert name in ask("GET", "/v1/datasets").json
    assert ask("DELETE", path).status == 204
    assert ask("GET", path).status == 404


def test_deleting_what_never_was_is_204(ask):
    answer = ask("DELETE", "/v1/datasets/never-there")
    assert (answer.status, answer.text) == (204, "")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"type": "tabular", "parms": {}}, "parms"),
        ({"type": "tabular", "params": {"zork": 1}}, "zork"),
        ({"type": "nonesuch"}, "couldn't find type 'nonesuch' in registry"),
        ({}, "Attempt to refer to nonexistant dataset with id x"),
        ({"id": "y", "type": "tabular"}, "Ambiguous names between route and config"),
        ('{"type": "tabular"}', "encoded into a string by mistake"),
        ([], "must be an object"),
    ],
)
def test_a_wrong_configuration_is_400_and_says_why(ask, body, text):
    answer = ask("PUT", "/v1/datasets/x", body)
    assert answer.status == 400
    assert text in answer.json["error"]


def test_a_failed_creation_stays_listed_with_its_error(ask):
    name = fresh("failed")
    assert ask("PUT", f"/v1/datasets/{name}", {"type": "tabular", "params": {"zork": 1}}).status == 400
    status = ask("GET", f"/v1/datasets/{name}").json
    assert status["state"] == "error"
    assert status["progress"]["exception"]["httpCode"] == 400
    sub = ask("GET", f"/v1/datasets/{name}/rows")
    assert (sub.status, sub.json["kind"], sub.json["state"]) == (404, "dataset", "error")
    assert "not available due to error in creation" in sub.json["error"]
    ask("DELETE", f"/v1/datasets/{name}")


def test_both_put_and_post_replace(ask):
    name = fresh("twice")
    for verb, path in (("PUT", f"/v1/datasets/{name}"), ("POST", "/v1/datasets"), ("POST", "/v1/datasets")):
        assert ask(verb, path, {"id": name, "type": "sparse.mutable"}).status == 201
    ask("DELETE", f"/v1/datasets/{name}")


def test_an_id_is_made_up_when_none_is_given(ask):
    made = ask("POST", "/v1/datasets", {"type": "tabular"})
    assert made.status == 201
    prefix, first, second = made.json["id"].split("_")
    assert (prefix, len(first), len(second)) == ("auto", 16, 16)


def test_the_header_async_is_taken_exactly(ask, wait_until):
    name = fresh("later")
    for header, status in (({"Async": "true"}, 202), ({"async": "True"}, 201)):
        answer = ask("PUT", f"/v1/datasets/{name}", {"type": "tabular"}, headers=header)
        assert answer.status == status
        wait_until(lambda: ask("GET", f"/v1/datasets/{name}").json["state"] == "ok")
    assert ask("POST", "/v1/datasets", {"id": name, "type": "tabular"}, headers={"async": "true"}).status == 201


def test_a_broken_escape_is_400(ask):
    assert ask("GET", "/v1/datasets/%zz").status == 400
    assert ask("GET", "/v1/datasets/%C3").status == 400


def test_a_trailing_slash_is_told(ask):
    answer = ask("GET", "/v1/datasets/")
    assert answer.status == 404
    assert answer.json["error"].startswith("Collection URLs do not contain a trailing slash")
    assert ask("DELETE", "/v1/datasets/").status == 204


def test_ping_and_types(ask):
    assert ask("GET", "/ping").json == "1"
    assert ask("GET", "/v1/types").json == ["datasets", "functions", "plugin.setups", "plugin.startups", "plugins", "procedures"]
    assert {"sparse.mutable", "tabular"} <= set(ask("GET", "/v1/types/datasets").json)
    assert ask("GET", "/v1/types/plugins/python").json == {"state": "ok"}
    unknown = ask("GET", "/v1/types/datasets/zork")
    assert (unknown.status, "kind" in unknown.json) == (404, True)


def test_a_script_answers_the_same_everywhere(ask):
    body = {"source": "mldb.script.set_return({'twice': mldb.script.args['n'] * 2})", "args": {"n": 21}}
    answer = ask("POST", "/v1/types/plugins/python/routes/run", body)
    assert (answer.status, answer.json["result"]) == (200, {"twice": 42})


def test_a_query_in_the_body_of_a_get(ask):
    answer = ask("GET", "/v1/query", {"q": "select 1 as x", "format": "table"})
    assert (answer.status, answer.json) == (200, [["_rowName", "x"], ["result", 1]])


def test_query_string_and_body_do_not_mix(ask):
    answer = ask("GET", "/v1/query", {"format": "table"}, params={"q": "select 1"})
    assert (answer.status, answer.json["error"]) == (400, "You cannot mix query string and body parameters")


def test_an_empty_payload_is_told_over_http_and_is_null_in_process(server, embedded_pod):
    answer = server.v1("POST", "/v1/datasets")
    assert (answer.status_code, "empty payload" in answer.json()["error"]) == (400, True)
    inner = embedded_pod.perform("POST", "/v1/datasets")
    assert (inner["statusCode"], "must be an object" in inner["response"]) == (400, True)


def test_in_process_creation_does_not_overwrite(embedded_pod):
    source = (
        "mldb.create_dataset({'id': 'once', 'type': 'sparse.mutable'})\n"
        "try:\n    mldb.create_dataset({'id': 'once', 'type': 'sparse.mutable'})\n"
        "except RuntimeError as error:\n    mldb.script.set_return(str(error))\n"
    )
    answer = embedded_pod.perform("POST", "/v1/types/plugins/python/routes/run", None, {"source": source})
    assert "dataset entry 'once' already exists" in answer["response"]


def test_an_embedded_query_gives_rows_and_raises_with_the_servers_text(embedded_pod):
    assert embedded_pod.query("select 1 as x") == [["_rowName", "x"], ["result", 1]]
    with pytest.raises(RuntimeError):
        embedded_pod.query("this is no query")

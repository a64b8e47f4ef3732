"""`mldb` from inside: requests, the wrapper, files. Source: python-runtime.md, 6, 9."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workers.conftest import TinyPod


def seen(pod: TinyPod, call: str) -> dict[str, object]:
    """What the server saw of a call to `/echo`."""
    echo: dict[str, object] = pod.result(f"import json\nmldb.set_return(json.loads({call}['response']))")
    return echo


def test_perform_answers_with_status_type_headers_and_text(pod: TinyPod) -> None:
    assert pod.result("mldb.set_return([mldb.perform('GET', '/made'), mldb.perform('DELETE', '/v1/datasets/x/commit')['statusCode']])") == [
        {
            "statusCode": 201,
            "contentType": "application/json",
            "headers": [["Location", "/v1/x"], ["EntityPath", '["x"]']],
            "response": "{}",
        },
        404,
    ]


def test_the_payload_is_compact_sorted_json_and_a_newline(pod: TinyPod) -> None:
    assert seen(pod, "mldb.perform('POST', '/echo', [['b', '5']], {'z': 1, 'a': 2})")["body"] == '{"a":2,"z":1}\n'
    assert seen(pod, "mldb.perform('POST', '/echo')")["body"] == "null\n"
    assert seen(pod, "mldb.perform('POST', '/echo', [], 'text')")["body"] == '"text"\n'


def test_parameters_become_texts(pod: TinyPod) -> None:
    pairs = "[['a', 'x'], ('b', 5), ['c', True], ['d', {'a': 1}]]"
    assert seen(pod, f"mldb.perform('get', '/echo?q=1%202', {pairs}, header=[['Async', 'true']])") == {
        "verb": "GET",
        "query": [["q", "1 2"], ["a", "x"], ["b", "5"], ["c", "true"], ["d", '{"a":1}']],
        "headers": [["async", "true"]],
        "body": "null\n",
        "code": "script",
    }
    assert seen(pod, "mldb.perform('GET', '/echo', {'a': 1}, None, None)")["query"] == [["a", "1"]]


@pytest.mark.parametrize(
    "call", ["perform(1, '/x')", "perform('GET', '/x', [['a']])", "perform('GET', '/x', ['ab'])", "perform('PUT', '/x', [], {1})"]
)
def test_arguments_that_do_not_convert_are_type_errors(pod: TinyPod, call: str) -> None:
    assert pod.failure(f"mldb.{call}")["type"] == "TypeError"


def test_errors_of_a_request_are_answers_of_perform_and_exceptions_of_the_wrapper(pod: TinyPod) -> None:
    source = (
        "from mldb import ResponseException\n"
        "assert mldb.perform('GET', '/nope')['statusCode'] == 404\n"
        "wrapper = mldb_wrapper.wrap(mldb)\n"
        "try: wrapper.get('/nope')\n"
        "except mldb_wrapper.ResponseException as error:\n"
        "    assert isinstance(error, ResponseException)\n"
        "    mldb.set_return([error.response.status_code, str(error)])"
    )
    body = '{"error":"unknown resource GET /nope","httpCode":404}'
    assert pod.result(source) == [404, f"Response status code: 404. Response text: {body}"]


def test_an_uncaught_wrapper_error_ends_the_script(pod: TinyPod) -> None:
    exception = pod.failure("from mldb import mldb\nmldb.get('/nope')")
    assert exception["message"].startswith("Response status code: 404. Response text: ")
    assert [frame["scriptUri"] for frame in exception["stack"]] == ["/main.py"]


def test_verbs_send_what_they_promise(pod: TinyPod) -> None:
    source = (
        "calls = [mldb.get('/echo', a={'x': [1]}, b=True), mldb.get('/echo', data={'q': 1}),\n"
        "         mldb.put('/echo', {'a': 1}), mldb.post('/echo'),\n"
        "         mldb.delete('/echo'), mldb.put_async('/echo', 1), mldb.post_async('/echo', 2), mldb.delete_async('/echo')]\n"
        "mldb.set_return([[c.json()[k] for k in ('verb', 'query', 'headers', 'body')] for c in calls])"
    )
    assert pod.result(source) == [
        ["GET", [["a", '{"x": [1]}'], ["b", "True"]], [], "null\n"],
        ["GET", [], [], '{"q":1}\n'],
        ["PUT", [], [], '{"a":1}\n'],
        ["POST", [], [], "null\n"],
        ["DELETE", [], [], "null\n"],
        ["PUT", [], [["async", "true"]], "1\n"],
        ["POST", [], [["async", "true"]], "2\n"],
        ["DELETE", [], [["async", "true"]], "{}\n"],
    ]


def test_a_response_has_the_names_of_requests(pod: TinyPod) -> None:
    source = (
        "r = mldb.get('/made')\n"
        "mldb.set_return([r.status_code, r.text, str(r), r.headers['Location'], r.url, r.ok, r.conection, r.raw['statusCode']])"
    )
    assert pod.result(source) == [201, "{}", "{}", "/v1/x", "/made", "unimplemented", "unimplemented", 201]


def test_endless_redirects_end(pod: TinyPod) -> None:
    exception = pod.failure("mldb.get('/round')")
    assert exception["type"].endswith("TooManyRedirectsException")


def test_a_query_goes_in_the_body(pod: TinyPod) -> None:
    assert pod.result("mldb.set_return(mldb.query('SELECT 1'))") == [["_rowName", "q"], ["result", "SELECT 1"]]


def test_methods_may_be_replaced(pod: TinyPod) -> None:
    source = "got = []\nmldb.log = got.append\nmldb.log('x')\nmldb.set_return(got)"
    assert pod.result(source) == ["x"]


def test_lines_of_files_are_read_by_the_server(pod: TinyPod, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\nthree\n")
    source = f"mldb.set_return([mldb.read_lines('file://{tmp_path}/a.txt'), mldb.read_lines('file://{tmp_path}/a.txt', 2)])"
    assert pod.result(source) == [["one", "two", "three"], ["one", "two"]]
    missing = pod.failure("mldb.read_lines('file:///nowhere.txt')")
    assert missing["type"] == "RuntimeError"
    assert pod.failure("mldb.read_lines('x')")["message"] == "Cannot accept URI without scheme (if you want a file, add file://): x"


def test_folders_are_listed(pod: TinyPod, tmp_path: Path) -> None:
    (tmp_path / "listed" / "sub").mkdir(parents=True)
    (tmp_path / "listed" / "f.txt").write_text("12345")
    listing = pod.result(f"mldb.set_return(mldb.ls('file://{tmp_path}/listed'))")
    assert [Path(directory.removeprefix("file://")).name for directory in listing["dirs"]] == ["sub"]
    ((uri, info),) = listing["objects"].items()
    assert uri.endswith("/listed/f.txt")
    assert (info["exists"], info["size"]) == (True, 5)
    assert "no handler found for scheme: warp" in pod.failure("mldb.ls('warp://x')")["message"]


def test_the_optimisation_level_is_the_servers(pod: TinyPod) -> None:
    pod.result("mldb.debugSetPathOptimizationLevel('never')")
    assert pod.levels == ["never"]


def test_a_tracked_procedure_that_fails_is_returned_not_raised(pod: TinyPod) -> None:
    exception = pod.failure("mldb.post_run_and_track_procedure({'type': 'mock'}, 0.01)")
    assert exception["type"] == "mldb.ResponseException"  # here already the creation fails: the tiny pod has no procedures

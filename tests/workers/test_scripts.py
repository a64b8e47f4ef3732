"""Scripts: what they see, what they answer. Source: python-runtime.md, 4, 11, 15."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.workers.conftest import TinyPod


def test_a_script_that_returns_nothing_answers_an_empty_object(pod: TinyPod) -> None:
    assert pod.run("x = 1") == (200, {})


def test_args_go_in_and_the_result_comes_out(pod: TinyPod) -> None:
    assert pod.result("mldb.script.set_return({'twice': mldb.script.args['n'] * 2})", {"n": 21}) == {"twice": 42}


@pytest.mark.parametrize(
    "call", ["mldb.set_return", "mldb.script.set_return", "request.set_return", "mldb_wrapper.wrap(mldb).script.set_return"]
)
def test_every_way_to_return_works_and_the_last_call_wins(pod: TinyPod, call: str) -> None:
    assert pod.result(f"mldb.set_return('first'); {call}([1, None, 'x'])") == [1, None, "x"]


@pytest.mark.parametrize("value", ["''", "[]", "{}", "0", "False"])
def test_empty_values_are_results(pod: TinyPod, value: str) -> None:
    status, body = pod.run(f"mldb.script.set_return({value})")
    assert (status, body["result"]) == (200, eval(value))


def test_the_status_follows_the_code(pod: TinyPod) -> None:
    status, body = pod.run("request.set_return('made', 201)")
    assert (status, body["result"]) == (201, "made")
    assert pod.run("request.set_return('x', 0)")[0] == 200


@pytest.mark.parametrize("code", ["-1", "'200'", "2.5"])
def test_a_code_that_is_no_positive_number_is_a_type_error(pod: TinyPod, code: str) -> None:
    assert pod.failure(f"request.set_return('x', {code})")["type"] == "TypeError"


@pytest.mark.parametrize("value", ["b'x'", "{1}", "object()", "__import__('datetime').datetime(2020, 1, 1)"])
def test_what_is_no_json_is_refused_at_the_call(pod: TinyPod, value: str) -> None:
    exception = pod.failure(f"x = 1\nmldb.set_return({value})")
    assert (exception["type"], exception["lineNumber"]) == ("TypeError", 2)


def test_special_numbers_and_odd_keys_become_json(pod: TinyPod) -> None:
    assert pod.result("mldb.set_return({1: float('nan'), 'x': 2.0, None: float('-inf'), 'big': 2**64 - 1})") == {
        "1": "NaN",
        "None": "-Inf",
        "big": 2**64 - 1,
        "x": 2.0,
    }
    assert pod.failure("mldb.set_return(2**64)")["type"] == "OverflowError"


def test_prints_and_logs_are_entries_in_order_of_time(pod: TinyPod) -> None:
    _, body = pod.run("import sys\nprint('one', 'two')\nmldb.log({'n': 2})\nsys.stderr.write('warn\\n')")
    assert [(entry["s"], entry["c"]) for entry in body["logs"]] == [("stdout", "one two"), ("log", '{\n    "n": 2\n}'), ("stderr", "warn")]
    assert all(entry["ts"].endswith("Z") for entry in body["logs"])


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        ('print("x\\ny"); print("z")', ["x\ny", "z"]),
        ("print()", []),
        ('print("")', [None]),
        ('print("a", end=""); print("b")', ["ab"]),
        ('import sys; sys.stdout.write("x\\ny\\n")', ["x\ny"]),
        ('import sys; sys.stdout.write("x"); sys.stdout.write("\\n\\n")', ["x\n"]),
        ('print("tail", end="")', ["tail"]),
        ("mldb.log()", [None]),
        ("mldb.log('rows', 3, True)", ["rows 3 True"]),
        ("mldb.log('a\\nb\\n')", ["a\nb\n"]),
        ("import sys; print(len(sys.argv))", ["1"]),
        ("import threading\nt = threading.Thread(target=print, args=('in a thread',)); t.start(); t.join()", ["in a thread"]),
    ],
)
def test_output_is_split_into_entries(pod: TinyPod, code: str, entries: list[str | None]) -> None:
    _, body = pod.run(code)
    assert [entry.get("c") for entry in body.get("logs", [])] == entries


def test_the_answer_also_has_the_names_that_notebooks_read(pod: TinyPod) -> None:
    _, body = pod.run("print('x'); mldb.set_return(5)")
    entry = body["logs"][0]
    assert body["out"] == [[entry["ts"], "stdout", "x"]]
    assert body["return"] == 5


def test_an_exception_shows_its_frames_outermost_first(pod: TinyPod) -> None:
    source = "import json\ndef inner(x):\n    return 10 / x\ndef outer():\n    return inner(0)\nouter()\n"
    where = [f'File "/main.py", line {line}, in {name}' for line, name in ((6, "<module>"), (5, "outer"), (3, "inner"))]
    status, body = pod.run(source)
    assert status == 400
    assert list(body) == ["exception"]
    exception = body["exception"]
    assert [frame["where"] for frame in exception.pop("stack")] == where
    assert exception == {
        "context": ["Running python script", "Executing Python script"],
        "lineContents": "return 10 / x",
        "lineNumber": 3,
        "message": "division by zero",
        "scriptUri": "/main.py",
        "type": "ZeroDivisionError",
        "where": where[2],
    }


def test_a_syntax_error_has_its_place(pod: TinyPod) -> None:
    assert pod.failure("\ncount 7\n") == {
        "columnEnd": 8,
        "columnStart": 7,
        "context": ["Running python script", "Executing Python script"],
        "lineContents": "count 7\n",
        "lineNumber": 2,
        "message": "invalid syntax (main.py, line 2)",
        "scriptUri": "/main.py",
        "stack": [{"lineNumber": 2, "scriptUri": "/main.py", "where": "SyntaxError: invalid syntax (main.py, line 2)"}],
        "type": "SyntaxError",
    }


def test_an_exception_drops_the_result_and_keeps_what_was_printed(pod: TinyPod) -> None:
    status, body = pod.run("mldb.set_return(1); print('before')\nclass MyError(Exception): pass\nraise MyError('no')")
    assert status == 400
    assert "result" not in body
    assert [entry["c"] for entry in body["logs"]] == ["before"]
    assert (body["exception"]["type"], body["exception"]["message"]) == ("__main__.MyError", "no")


@pytest.mark.parametrize(("call", "message"), [("sys.exit(3)", "3"), ("sys.exit(0)", "0"), ("sys.exit('bye')", "bye")])
def test_sys_exit_is_an_exception(pod: TinyPod, call: str, message: str) -> None:
    exception = pod.failure(f"import sys; {call}")
    assert (exception["type"], exception["message"]) == ("SystemExit", message)


def test_frames_of_the_runtime_never_appear(pod: TinyPod) -> None:
    exception = pod.failure("mldb.perform('GET', '/echo', [('a', object())])")
    assert [frame["scriptUri"] for frame in exception["stack"]] == ["/main.py"]


def test_scripts_share_nothing(pod: TinyPod) -> None:
    pod.run("total = 1; import json; json.mine = 1")
    assert pod.failure("print(total)")["message"] == "name 'total' is not defined"
    assert pod.result("import json; mldb.set_return(hasattr(json, 'mine'))") is False


def test_a_script_is_main_and_finds_its_tests(pod: TinyPod) -> None:
    source = (
        "from mldb import mldb, MldbUnitTest, ResponseException\n"
        "class MyTest(MldbUnitTest):\n"
        "    def test_table(self):\n"
        "        self.assertTableResultEquals([['_rowName', 'b', 'a'], ['r', 2, 1]], [['_rowName', 'a', 'b'], ['r', 1, 2]])\n"
        "    def test_raises(self):\n"
        "        with self.assertMldbRaises(expected_regexp='unknown', status_code=404) as caught:\n"
        "            mldb.get('/nope')\n"
        "        self.assertEqual(caught.exception.response.status_code, 404)\n"
        "if __name__ == '__main__':\n"
        "    mldb.run_tests()\n"
    )
    status, body = pod.run(source)
    assert (status, body["result"]) == (200, "success")
    assert "Ran 2 tests" in body["logs"][-1]["c"]
    assert "Ran 1 test" in pod.run(source, ["MyTest.test_table"])[1]["logs"][-1]["c"]


def test_a_failing_test_fails_the_script(pod: TinyPod) -> None:
    source = "class T(MldbUnitTest):\n    def test_a(self): self.assertEqual(1, 2)\nmldb.run_tests()"
    exception = pod.failure(source)
    assert exception["type"].endswith("TestSuiteFailureException")
    assert exception["message"].startswith("Test failed: ")


def test_both_dialects_have_all_names(pod: TinyPod) -> None:
    source = (
        "import mldb as package\n"
        "from mldb import mldb as imported, mldb_wrapper as w, Response, MldbBaseException, TooManyRedirectsException, StepsLogger\n"
        "from mldb import TestSuiteFailureException, find_mldb_environment\n"
        "assert issubclass(w.ResponseException, MldbBaseException) and not issubclass(TooManyRedirectsException, MldbBaseException)\n"
        "assert mldb.plugin is None and mldb.plugins is None and unittest and find_mldb_environment()\n"
        "mldb.set_return(w.wrap(w.wrap(mldb)).perform('GET', '/echo') == imported.perform('GET', '/echo'))"
    )
    assert pod.result(source) is True


def test_scripts_run_scripts_to_any_depth(pod: TinyPod) -> None:
    source = (
        "import json\n"
        "left = mldb.script.args['left']\n"
        "if left:\n"
        "    body = {'source': mldb.script.args['source'], 'args': {**mldb.script.args, 'left': left - 1}}\n"
        "    inner = mldb.post('/v1/types/plugins/python/routes/run', body).json()\n"
        "    mldb.set_return(inner['result'] + 1)\n"
        "else:\n"
        "    mldb.set_return(0)"
    )
    assert pod.result(source, {"left": 8, "source": source}) == 8


def test_many_scripts_at_once_keep_their_output_apart(pod: TinyPod) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = pod.run("print(mldb.script.args); mldb.set_return(mldb.script.args)", number)[1]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: (body["result"], [entry["c"] for entry in body["logs"]]) for number, body in answers.items()} == {
        number: (number, [str(number)]) for number in range(40)
    }


def test_long_programs_and_long_results_pass(pod: TinyPod) -> None:
    assert pod.result("x = 0\n" * 30_000 + "mldb.set_return('é' * 3_000_000)") == "é" * 3_000_000


def test_streams_are_text_streams(pod: TinyPod) -> None:
    source = (
        "import sys, logging\nlogging.warning('careful')\nsys.stdout.writelines(['a\\n', 'b\\n'])\n"
        "mldb.set_return([sys.stdout.encoding, sys.stdout.isatty()])"
    )
    _, body = pod.run(source)
    assert body["result"] == ["utf-8", False]
    assert [entry["c"] for entry in body["logs"]] == ["WARNING:root:careful", "a", "b"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "Unsupported URL: "),
        ('{"source": "x", "address": "file:///x.py"}', "Cannot specify both address and source for plugin"),
        ('{"address": "warp://x"}', "Unsupported URL: warp://x"),
        ('{"address": "file:///nowhere/x.py"}', "Source does not exist"),
    ],
)
def test_a_request_without_readable_code_is_refused(pod: TinyPod, body: str, text: str) -> None:
    from tests.workers.conftest import RUN

    from datapod_server.messages import Request

    answer = pod.perform(Request("POST", RUN, body=body.encode()))
    assert answer.status == 400
    assert text in answer.content().decode()

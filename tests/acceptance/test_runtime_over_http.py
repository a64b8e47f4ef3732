"""The behaviours a compatible runtime is most likely to get wrong (python-runtime §15), asked over HTTP of a real server.

The numbers in the names of the tests are the points of that table.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUN = "/v1/types/plugins/python/routes/run"


class Plugin:
    """One plugin of a server, and short ways to ask it."""

    def __init__(self, server: Any, name: str) -> None:
        self.server, self.name = server, name
        self.path = f"/v1/plugins/{name}"

    def load(self, main: str = "", routes: str = "", **params: Any) -> Any:
        config = {"type": "python", "params": {"source": {"main": main, "routes": routes}, **params}}
        return self.server.v1("PUT", self.path, config)

    def ask(self, remaining: str = "/a", verb: str = "GET", payload: Any = None) -> Any:
        return self.server.v1(verb, f"{self.path}/routes{remaining}", payload)


@pytest.fixture
def plugin(server: Any) -> Plugin:
    return Plugin(server, "p" + uuid.uuid4().hex[:8])


@pytest.fixture
def run(server: Any) -> Callable[..., Any]:
    """`run(source, args)`: run a script; the HTTP answer."""

    def run_script(source: str, args: Any = None) -> Any:
        return server.v1("POST", RUN, {"source": source, "args": args})

    return run_script


def contents(answer: Any) -> list[str | None]:
    return [entry.get("c") for entry in answer.json().get("logs", [])]


def test_01_answers_of_routes_are_compact_and_sorted(plugin: Plugin, run: Callable[..., Any]) -> None:
    assert plugin.load(routes="request.set_return({'payload': request.payload, 'args': request.rest_params})").status_code == 201
    answer = run(f"r = mldb.perform('POST', '{plugin.path}/routes/m', [['b','5']], {{'z':1,'a':2}}); mldb.script.set_return(r['response'])")
    assert answer.json()["result"] == '{"args":[["b","5"]],"payload":"{\\"a\\":2,\\"z\\":1}\\n"}'


def test_02_a_call_without_payload_sends_null_and_a_newline(plugin: Plugin, run: Callable[..., Any]) -> None:
    plugin.load(routes="request.set_return(request.payload)")
    answer = run(f"mldb.script.set_return(mldb.perform('POST', '{plugin.path}/routes/m')['response'])")
    assert answer.json()["result"] == '"null\\n"'


def test_03_text_payloads_are_quoted_and_refused_where_an_object_is_wanted(run: Callable[..., Any]) -> None:
    answer = run("""mldb.script.set_return(mldb.perform("PUT", "/v1/plugins/x", [], '{"type":"python"}'))""").json()["result"]
    assert answer["statusCode"] == 400
    assert "object" in answer["response"] and "string" in answer["response"]


def test_04_remaining_has_its_slash(plugin: Plugin) -> None:
    plugin.load(routes="request.set_return(request.remaining)")
    assert plugin.ask("/hello").text == '"/hello"'
    assert plugin.ask("").text == '""'
    assert plugin.ask("/a%20b?x=1").text == '"/a%20b"'


def test_05_answers_of_routes_are_json(plugin: Plugin) -> None:
    plugin.load(routes="mldb.plugin.set_return('withheld', 451)")
    answer = plugin.ask()
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (451, '"withheld"', "application/json")


@pytest.mark.parametrize("value", ["{}", "[]", '""', "0", "false"])
def test_06_empty_values_are_answers(plugin: Plugin, value: str) -> None:
    plugin.load(routes=f"import json; mldb.plugin.set_return(json.loads('{value}'))")
    answer = plugin.ask()
    assert (answer.status_code, answer.text) == (200, value)


def test_07_a_missing_return_is_404_in_the_classic_dialect(plugin: Plugin) -> None:
    plugin.load(routes="mldb.plugin.rest_params")
    answer = plugin.ask("/a")
    assert (answer.status_code, answer.text) == (404, f'{{"error":"unknown resource GET {plugin.path}/routes/a","httpCode":404}}')


def test_08_a_missing_return_is_500_in_the_module_dialect(plugin: Plugin) -> None:
    plugin.load(routes="from mldb import mldb")
    answer = plugin.ask("/a")
    expected = '{"error":"Return value is required for route handlers but not set","httpCode":500}'
    assert (answer.status_code, answer.text) == (500, expected)


def test_09_null_answers_differ_by_dialect(plugin: Plugin) -> None:
    plugin.load(routes="mldb.plugin.set_return(None)")
    assert plugin.ask().status_code == 404
    plugin.load(routes="request.set_return(None, 200)")
    answer = plugin.ask()
    assert (answer.status_code, answer.text) == (200, "null")


def test_10_empty_fields_are_absent(run: Callable[..., Any]) -> None:
    answer = run("pass")
    assert (answer.status_code, answer.text) == (200, "{}")


def test_11_a_print_of_several_lines_is_one_entry(run: Callable[..., Any]) -> None:
    assert contents(run('print("x\\ny"); print("z")')) == ["x\ny", "z"]


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        ('print("a", "b")', ["a b"]),
        ("print()", []),
        ('print("")', [None]),
        ('print("a", end=""); print("b")', ["ab"]),
        ('import sys; sys.stdout.write("x\\ny\\n")', ["x\ny"]),
        ('import sys; sys.stdout.write("x"); sys.stdout.write("\\n\\n")', ["x\n"]),
        ('print("tail", end="")', ["tail"]),
        ("mldb.log()", [None]),
        ("mldb.log('rows', 3, True); mldb.log(7); mldb.log({'size': 2.5})", ["rows 3 True", "7", '{\n    "size": 2.5\n}']),
    ],
)
def test_text_is_split_into_entries_by_the_rule(run: Callable[..., Any], code: str, entries: list[str | None]) -> None:
    assert contents(run(code)) == entries


def test_12_the_exception_that_ends_a_script_is_not_in_its_logs(run: Callable[..., Any]) -> None:
    answer = run("1/0")
    assert answer.status_code == 400
    assert set(answer.json()) == {"exception"}


def test_13_and_14_a_failing_put_keeps_the_entity_with_its_output_under_details(server: Any, plugin: Plugin) -> None:
    answer = plugin.load(main="print('start')\nundefined_name")
    body = answer.json()
    assert answer.status_code == 400
    assert list(body) == ["details", "error", "httpCode"]
    assert (body["error"], body["httpCode"]) == ("Exception executing Python initialization script", 400)
    assert body["details"]["exception"] == {
        "context": ["Running python script", "Executing Python script"],
        "lineContents": "undefined_name",
        "lineNumber": 2,
        "message": "name 'undefined_name' is not defined",
        "scriptUri": "/main.py",
        "stack": [{"functionName": "<module>", "lineNumber": 2, "scriptUri": "/main.py", "where": 'File "/main.py", line 2, in <module>'}],
        "type": "NameError",
        "where": 'File "/main.py", line 2, in <module>',
    }
    assert [(entry["c"], entry["s"]) for entry in body["details"]["logs"]] == [("start", "stdout")]
    status = server.v1("GET", plugin.path)
    assert status.status_code == 200
    assert list(status.json())[:3] == ["id", "state", "type"]
    assert status.json()["state"] == "error"
    assert status.json()["progress"]["exception"]["details"]["exception"]["type"] == "NameError"
    missing = plugin.ask()
    assert missing.status_code == 404
    assert missing.json()["error"] == f"plugin entry '{plugin.name}' not available due to error in creation"


def test_15_the_output_of_a_failed_route_is_bare(plugin: Plugin) -> None:
    plugin.load(routes="1/0")
    answer = plugin.ask()
    assert answer.status_code == 400
    assert set(answer.json()) == {"exception"}


def test_16_the_old_instance_answers_on_after_a_failed_replacement(plugin: Plugin) -> None:
    plugin.load(routes="request.set_return('good')")
    assert plugin.load(main="x", routes="request.set_return('bad')").status_code == 400
    assert plugin.ask().text == '"good"'


def test_17_deleting_the_unknown_is_204(server: Any) -> None:
    answer = server.v1("DELETE", "/v1/plugins/nope")
    assert (answer.status_code, answer.content) == (204, b"")


def test_18_background_creation_answers_202_to_put_and_201_to_post(server: Any, wait_until: Callable[..., Any]) -> None:
    config = {"type": "python", "params": {"source": {"main": "pass"}}}
    put = server.v1("PUT", "/v1/plugins/bg1", config, headers={"Async": "true"})
    post = server.v1("POST", "/v1/plugins", {"id": "bg2", **config}, headers={"async": "true"})
    assert (put.status_code, put.json()["state"]) == (202, "initializing")
    assert (post.status_code, post.json()["state"]) == (201, "initializing")
    for name in ("bg1", "bg2"):
        wait_until(lambda name=name: server.v1("GET", f"/v1/plugins/{name}").json()["state"] == "ok")


def test_19_outputs_of_plugins_show_prints_first(plugin: Plugin) -> None:
    plugin.load(routes='mldb.log("L"); print("P"); request.set_return(1)')
    plugin.ask()
    output = plugin.ask("/lastoutput")
    assert contents(output) == ["P", "L"]
    assert output.json()["result"] == 1


def test_20_lastoutput_is_not_shadowed(plugin: Plugin) -> None:
    plugin.load(main="print('m')", routes="request.set_return('mine')")
    assert contents(plugin.ask("/lastoutput")) == ["m"]
    assert plugin.ask("/lastoutput", verb="POST").text == '"mine"'
    assert plugin.ask("/lastoutput?x=1").status_code == 400


def test_21_sys_exit_is_an_exception(run: Callable[..., Any]) -> None:
    answer = run("import sys; sys.exit(0)")
    exception = answer.json()["exception"]
    assert (answer.status_code, exception["type"], exception["message"]) == (400, "SystemExit", "0")


def test_22_the_status_of_a_script_follows_its_code(run: Callable[..., Any]) -> None:
    answer = run('request.set_return("x", 201)')
    assert (answer.status_code, answer.json()["result"]) == (201, "x")


def test_23_tests_in_main_are_found_and_run(run: Callable[..., Any]) -> None:
    answer = run(
        "from mldb import mldb, MldbUnitTest\n"
        "class MyTest(MldbUnitTest):\n"
        "    def test_a(self):\n"
        "        self.assertTableResultEquals(mldb.query('SELECT 1 AS x'), [['_rowName', 'x'], ['result', 1]])\n"
        "        with self.assertMldbRaises(status_code=404):\n"
        "            mldb.get('/v1/datasets/none')\n"
        "if __name__ == '__main__':\n"
        "    mldb.run_tests()\n"
    )
    assert (answer.status_code, answer.json()["result"]) == (200, "success")
    failing = run("class T(MldbUnitTest):\n    def test_b(self):\n        self.assertEqual(1, 2)\nmldb_wrapper.wrap(mldb).run_tests()\n")
    assert failing.status_code == 400
    assert "TestSuiteFailureException" in failing.json()["exception"]["type"]


def test_24_scripts_are_isolated(run: Callable[..., Any]) -> None:
    assert run("total = 1").status_code == 200
    answer = run("print(total)")
    assert (answer.status_code, answer.json()["exception"]["message"]) == (400, "name 'total' is not defined")


def test_25_a_route_may_ask_its_own_plugin(plugin: Plugin) -> None:
    plugin.load(
        routes=f"if request.remaining == '/outer':\n    r = mldb.perform('GET', '{plugin.path}/routes/inner')\n"
        "    request.set_return(r['statusCode'])\nelse:\n    request.set_return('in')"
    )
    assert plugin.ask("/outer").text == "200"


def test_26_names_are_single_path_elements(run: Callable[..., Any]) -> None:
    answer = run(
        "ds = mldb.create_dataset({'type': 'sparse.mutable', 'id': 'names'})\n"
        "ds.record_row('a.b', [['c.d', 1, 0]])\nds.commit()\nmldb.set_return(mldb.query('SELECT * FROM names'))"
    )
    assert answer.json()["result"] == [["_rowName", '"c.d"'], ['"a.b"', 1]]


def test_27_28_and_30_cells_take_bad_dates_naive_datetimes_and_none(run: Callable[..., Any]) -> None:
    answer = run(
        "import json\nfrom datetime import datetime\n"
        "ds = mldb.create_dataset({'type': 'sparse.mutable', 'id': 'cells'})\n"
        "ds.record_row('r', [['c', 1, 'yesterday'], ['t', datetime(2026,1,5,10,0,0,250000), 0], ['n', None, 0]])\nds.commit()\n"
        "r = mldb.get('/v1/query', q='SELECT c, t, n FROM cells', format='full')\nmldb.set_return(r.json())"
    )
    columns = {name: rest for name, *rest in answer.json()["result"][0]["columns"]}
    assert columns["c"] == [1, "NaD"]
    assert columns["t"][0] in ("2026-01-05T10:00:00.25Z", {"ts": "2026-01-05T10:00:00.25Z"})
    assert columns["n"] == [None, "1970-01-01T00:00:00Z"]


@pytest.mark.parametrize(
    "call",
    ["'r', [['c', 1]]", "None, [['c', 1, 1]]", "'r', [['c', {}, 1]]", "1.5, [['c', 1, 1]]", "'r', [['c', 1, None]]", "'r', {'c': 1}"],
)
def test_29_and_30_cells_of_the_wrong_shape_are_type_errors(run: Callable[..., Any], call: str) -> None:
    answer = run(f"ds = mldb.create_dataset({{'type': 'sparse.mutable'}})\nds.record_row({call})")
    assert answer.status_code == 400
    assert answer.json()["exception"]["type"] == "TypeError"


def test_31_errors_of_the_server_are_runtime_errors_with_its_bare_text(run: Callable[..., Any]) -> None:
    answer = run(
        "mldb.create_dataset({'type': 'sparse.mutable', 'id': 'twice'})\n"
        "try:\n    mldb.create_dataset({'type': 'sparse.mutable', 'id': 'twice'})\n"
        "except RuntimeError as error:\n    mldb.set_return(str(error))"
    )
    assert answer.json()["result"] == "dataset entry 'twice' already exists"


def test_32_query_goes_in_the_body(run: Callable[..., Any]) -> None:
    assert run("mldb.set_return(mldb.query('SELECT 1 AS x'))").json()["result"] == [["_rowName", "x"], ["result", 1]]
    assert run("mldb.set_return(mldb.query('SELECT ' + ' + '.join(['1'] * 100) + ' AS x'))").json()["result"][1] == ["result", 100]


def test_33_redirects_are_followed_ten_times(plugin: Plugin, run: Callable[..., Any]) -> None:
    plugin.load(routes=f"request.set_return('', 302, headers={{'location': '{plugin.path}/routes/again'}})")
    answer = run(
        "from mldb import mldb, ResponseException, TooManyRedirectsException\n"
        f"try:\n    mldb.get('{plugin.path}/routes/again')\n"
        "except TooManyRedirectsException as error:\n    mldb.set_return(isinstance(error, ResponseException))"
    )
    assert answer.json()["result"] is False


def test_34_a_failed_tracked_run_is_returned(run: Callable[..., Any]) -> None:
    answer = run(
        "from mldb import mldb\n"
        "r = mldb.post_run_and_track_procedure({'type': 'transform', 'params': {'inputData': 'SELECT nonesuch(1)',"
        " 'outputDataset': 'out34'}}, 0.1)\nmldb.set_return(r.status_code)"
    )
    assert (answer.status_code, answer.json().get("result")) == (200, 400)


def test_37_argv_exists(run: Callable[..., Any]) -> None:
    assert contents(run("import sys; print(len(sys.argv))")) == ["1"]


def test_38_and_39_documentation_and_static_folders_are_served(server: Any, plugin: Plugin, tmp_path: Any) -> None:
    (tmp_path / "doc").mkdir()
    (tmp_path / "web").mkdir()
    (tmp_path / "doc" / "index.md").write_text("# My page\n")
    (tmp_path / "web" / "a.html").write_text("<b>a</b>")
    (tmp_path / "main.py").write_text(
        "mldb.plugin.serve_static_folder('/static/', './web')\nmldb.plugin.serve_documentation_folder('doc')\n"
    )
    config = {"type": "python", "params": {"address": f"file://{tmp_path}"}}
    assert server.v1("PUT", plugin.path, config).status_code == 201
    for page in ("index.md", "index.md.html"):
        answer = server.v1("GET", f"{plugin.path}/doc/{page}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "<h1>My page</h1>" in answer.text
    answer = plugin.ask("/static/a.html")
    assert (answer.status_code, answer.text) == (200, "<b>a</b>")
    assert plugin.ask("/static/none.html").status_code == 404
    assert plugin.ask("/static/%2e%2e/main.py").status_code in (400, 404)
    folder = plugin.ask("/static")
    assert (folder.status_code, folder.headers["location"]) == (301, f"{plugin.path}/routes/static/")
    assert plugin.ask("/static/").status_code == 403


def test_40_the_installed_routes_are_read_for_each_request(server: Any, plugin: Plugin, tmp_path: Any) -> None:
    (tmp_path / "main.py").write_text("print('main ran')\nplace = mldb.plugin.get_plugin_dir()")
    (tmp_path / "routes.py").write_text("request.set_return(place)")
    server.v1("PUT", plugin.path, {"type": "python", "params": {"address": f"file://{tmp_path}"}})
    place = plugin.ask().json()
    Path(place, "routes.py").write_text("request.set_return('new text')")
    assert plugin.ask().text == '"new text"'


def test_the_example_of_an_exception_in_a_script_answers_as_the_chapter_prints_it(run: Callable[..., Any]) -> None:
    source = "import json\ndef inner(x):\n    return 10 / x\ndef outer():\n    return inner(0)\nouter()\n"
    answer = run(source)

    def frame(function: str, line: int) -> dict[str, Any]:
        return {
            "functionName": function,
            "lineNumber": line,
            "scriptUri": "/main.py",
            "where": f'File "/main.py", line {line}, in {function}',
        }

    assert answer.json() == {
        "exception": {
            "context": ["Running python script", "Executing Python script"],
            "lineContents": "return 10 / x",
            "lineNumber": 3,
            "message": "division by zero",
            "scriptUri": "/main.py",
            "stack": [frame("<module>", 6), frame("outer", 5), frame("inner", 3)],
            "type": "ZeroDivisionError",
            "where": 'File "/main.py", line 3, in inner',
        }
    }


def test_the_example_of_a_syntax_error_answers_as_the_chapter_prints_it(run: Callable[..., Any]) -> None:
    assert run("\ncount 7\n").json() == {
        "exception": {
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
    }


def test_the_example_of_an_exception_in_a_route_answers_as_the_chapter_prints_it(plugin: Plugin) -> None:
    plugin.load(routes='print("in"); raise KeyError("user")')
    answer = plugin.ask("/x")
    body = answer.json()
    assert answer.status_code == 400
    assert list(body) == ["exception", "logs"]
    assert body["exception"] == {
        "context": ["Running python script", "Executing Python script"],
        "lineContents": 'print("in"); raise KeyError("user")',
        "lineNumber": 1,
        "message": "'user'",
        "scriptUri": "/routes.py",
        "stack": [
            {"functionName": "<module>", "lineNumber": 1, "scriptUri": "/routes.py", "where": 'File "/routes.py", line 1, in <module>'}
        ],
        "type": "KeyError",
        "where": 'File "/routes.py", line 1, in <module>',
    }
    assert body["logs"][0] == {"c": "in", "s": "stdout", "ts": body["logs"][0]["ts"]}


def test_the_examples_of_scripts_answer_as_the_chapter_prints_them(run: Callable[..., Any]) -> None:
    answer = run(
        "from mldb import mldb\nimport sys\nprint('one', 'two')\nmldb.log({'n': 2})\nsys.stderr.write('warn\\n')\n"
        "request.set_return([1, None, 'x'])"
    )
    assert [(entry["c"], entry["s"]) for entry in answer.json()["logs"]] == [
        ("one two", "stdout"),
        ('{\n    "n": 2\n}', "log"),
        ("warn", "stderr"),
    ]
    assert answer.json()["result"] == [1, None, "x"]
    assert run("mldb.script.set_return({'twice': mldb.script.args['n'] * 2})", {"n": 21}).json()["result"] == {"twice": 42}
    assert run("x = 1").text == "{}"
    made = run("request.set_return('made', 201)")
    assert (made.status_code, made.json()["result"]) == (201, "made")
    left = run("import sys; sys.exit(3)")
    assert (left.status_code, left.json()["exception"]["type"], left.json()["exception"]["message"]) == (400, "SystemExit", "3")


def test_the_example_of_routes_answers_as_the_chapter_prints_it(plugin: Plugin) -> None:
    plugin.load(
        routes="rp = mldb.plugin.rest_params\n"
        'print("route", rp.verb, rp.remaining)\n'
        'if (rp.verb, rp.remaining) == ("GET", "/hello"):\n'
        '    who = dict(rp.rest_params).get("who", "world")\n'
        '    mldb.plugin.set_return({"hello": who})\n'
        'elif rp.remaining == "/empty":\n'
        "    mldb.plugin.set_return([])\n"
        'elif rp.remaining == "/echo":\n'
        "    mldb.plugin.set_return(rp.payload)\n"
        'elif rp.remaining == "/secret":\n'
        '    mldb.plugin.set_return("withheld", 451)\n'
    )
    asked = [plugin.ask("/hello?who=you"), plugin.ask("/empty"), plugin.ask("/secret"), plugin.ask("/other")]
    assert [(answer.status_code, answer.text) for answer in asked] == [
        (200, '{"hello":"you"}'),
        (200, "[]"),
        (451, '"withheld"'),
        (404, f'{{"error":"unknown resource GET {plugin.path}/routes/other","httpCode":404}}'),
    ]
    output = plugin.ask("/lastoutput").json()
    assert output == {"logs": [{"c": "route GET /other", "s": "stdout", "ts": output["logs"][0]["ts"]}]}
    assert plugin.ask("/echo", "POST", {"a": 1}).json() == json.dumps({"a": 1})


def test_the_example_of_the_founding_document_runs_as_it_is(run: Callable[..., Any]) -> None:
    answer = run(
        "wrapper = mldb_wrapper.wrap(mldb)\n"
        "dataset = mldb.create_dataset({'id': 'ds', 'type': 'sparse.mutable'})\n"
        "dataset.record_row('row 1', [['ColA', 'A', 0]])\n"
        "dataset.record_row('row 2', [['ColB', 'B', 0]])\n"
        "dataset.commit()\n"
        "res = wrapper.query('SELECT * FROM ds')\n"
        "wrapper.log(res)\n"
        "mldb.script.set_return('success')\n"
    )
    assert answer.json()["result"] == "success"
    logged = answer.json()["logs"][0]
    rows = [["_rowName", "ColB", "ColA"], ["row 2", "B", None], ["row 1", None, "A"]]
    assert (logged["s"], logged["c"]) == ("log", json.dumps(rows, indent=4))


def test_status_fields_of_a_loaded_plugin_come_in_their_order(server: Any, plugin: Plugin) -> None:
    answer = plugin.load(main="print('hello')", routes="request.set_return({'ok': True})", args={"lang": "fr"})
    assert answer.status_code == 201
    assert answer.headers["location"] == plugin.path
    assert answer.headers["entitypath"] == f'["plugins","{plugin.name}"]'
    assert list(answer.json()) == ["id", "state", "type", "config"]
    assert answer.json()["config"]["params"]["args"] == {"lang": "fr"}
    assert plugin.name in server.v1("GET", "/v1/plugins").json()
    assert server.v1("GET", f"{plugin.path}/version").json() == {}
    assert server.v1("DELETE", plugin.path).status_code == 204
    gone = server.v1("GET", plugin.path)
    assert (gone.status_code, gone.json()["error"]) == (404, f"plugin entry '{plugin.name}' doesn't exist")
    assert plugin.ask().json()["error"] == f"plugin entry '{plugin.name}' does not exist or has been deleted"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"type": "python", "params": {}}, "Exception opening plugin: Unsupported URL: "),
        ({"type": "python", "params": {"source": {"main": ""}}}, "Exception opening plugin: Unsupported URL: "),
        (
            {"type": "python", "params": {"address": "file:///x", "source": {"main": "1"}}},
            "Exception opening plugin: Cannot specify both address and source for plugin",
        ),
        ({"type": "python", "params": {"address": "file:///nowhere/at/all"}}, "Exception opening plugin: Source does not exist"),
        ({"type": "python", "params": {"address": "gopher://x"}}, "Exception opening plugin: Unsupported URL: gopher://x"),
        ({"type": "python", "params": {"sauce": 1}}, "sauce"),
        ({"type": "python", "params": {"source": {"mane": "1"}}}, "mane"),
        ({"type": "python", "params": {"source": '{"main": "1"}'}}, "string"),
        ({"type": "snake", "params": {}}, "couldn't find type 'snake' in registry"),
        ({"params": {}}, "Attempt to refer to nonexistant plugin with id x"),
        ({"id": "y", "type": "python", "params": {"source": {"main": "1"}}}, "Ambiguous names between route and config"),
    ],
)
def test_a_plugin_that_cannot_be_made_is_refused_with_the_reason(server: Any, config: Any, text: str) -> None:
    answer = server.v1("PUT", "/v1/plugins/x", config)
    assert (answer.status_code, answer.json()["httpCode"]) == (400, 400)
    assert text in answer.json()["error"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Unsupported URL: "),
        ({"source": "1", "address": "file:///x.py"}, "both"),
        ({"source": "1", "sauce": 2}, "sauce"),
        ({"source": {"main": "1"}}, ""),
        ({"address": "file:///nowhere.py"}, "Source does not exist"),
    ],
)
def test_a_script_request_that_is_wrong_is_refused_with_an_ordinary_error(server: Any, body: Any, text: str) -> None:
    answer = server.v1("POST", RUN, body)
    assert answer.status_code == 400
    assert list(answer.json())[-2:] == ["error", "httpCode"]
    assert text in answer.json()["error"]

"""Plugins: loading, routes, folders, files. Source: python-runtime.md, 2, 5, 15."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.workers.conftest import TinyPod

from datapod_server.errors import DatapodError, Failed, Invalid, NotFound
from datapod_server.messages import Request, Response
from datapod_server.workers.parameters import PythonPluginParams
from datapod_server.workers.plugin import Plugin, load_plugin

Load = Callable[..., Plugin]


@pytest.fixture
def load(pod: TinyPod) -> Iterator[Load]:
    loaded: list[Plugin] = []

    def load(name: str = "p", restored: bool = False, **params: Any) -> Plugin:
        plugin = load_plugin(pod.workers, name, msgspec.convert(params, PythonPluginParams), restored=restored)
        loaded.append(plugin)
        pod.plugins[name] = plugin
        return plugin

    yield load
    for plugin in loaded:
        plugin.close()


def ask(plugin: Plugin, remaining: str, verb: str = "GET", body: bytes = b"", **more: Any) -> Response:
    return plugin.answer(Request(verb, f"/v1/plugins/{plugin.entity_id}/routes{remaining}", body=body, **more), remaining)


def told(response: Response) -> tuple[int, Any]:
    return response.status, json.loads(response.content())


ROUTES = """\
rp = mldb.plugin.rest_params
print("route", rp.verb, rp.remaining)
if (rp.verb, rp.remaining) == ("GET", "/hello"):
    who = dict(rp.rest_params).get("who", "world")
    mldb.plugin.set_return({"hello": who})
elif rp.remaining == "/empty":
    mldb.plugin.set_return([])
elif rp.remaining == "/echo":
    mldb.plugin.set_return(rp.payload)
elif rp.remaining == "/secret":
    mldb.plugin.set_return("withheld", 451)
"""


def test_the_example_of_the_chapter_answers_as_printed(load: Load) -> None:
    plugin = load(source={"routes": ROUTES})
    assert told(ask(plugin, "/hello", query=(("who", "you"),))) == (200, {"hello": "you"})
    assert told(ask(plugin, "/empty")) == (200, [])
    assert told(ask(plugin, "/echo", "POST", b'{"a":1}')) == (200, '{"a":1}')
    assert told(ask(plugin, "/secret")) == (451, "withheld")
    assert told(ask(plugin, "/other")) == (404, {"error": "unknown resource GET /v1/plugins/p/routes/other", "httpCode": 404})
    output = json.loads(plugin.last_output)
    assert [(entry["c"], entry["s"]) for entry in output["logs"]] == [("route GET /other", "stdout")]


@pytest.mark.parametrize(
    ("routes", "answer"),
    [
        ("mldb.plugin.rest_params", (404, {"error": "unknown resource GET /v1/plugins/p/routes/a", "httpCode": 404})),
        ("from mldb import mldb", (500, {"error": "Return value is required for route handlers but not set", "httpCode": 500})),
        ("if request.verb == 'PUT': pass", (500, {"error": "Return value is required for route handlers but not set", "httpCode": 500})),
        ("request = 1\nrequest", (404, {"error": "unknown resource GET /v1/plugins/p/routes/a", "httpCode": 404})),
        ("mldb.plugin.set_return(None)", (404, {"error": "unknown resource GET /v1/plugins/p/routes/a", "httpCode": 404})),
        ("request.set_return(None, 200)", (200, None)),
        ("mldb.set_return({})", (200, {})),
        ("mldb.set_return('')", (200, "")),
        ("mldb.set_return(0)", (200, 0)),
        ("request.set_return('x', 0)", (500, {"error": "Return value is required for route handlers but not set", "httpCode": 500})),
    ],
)
def test_what_a_route_returns_or_does_not(load: Load, routes: str, answer: tuple[int, Any]) -> None:
    assert told(ask(load(source={"routes": routes}), "/a")) == answer


def test_code_zero_raises_in_the_classic_dialect(load: Load) -> None:
    assert ask(load(source={"routes": "mldb.plugin.set_return('x', 0)"}), "/a").status == 400


def test_the_operator_of_a_plugin_may_choose_the_status_of_a_missing_return(load: Load) -> None:
    assert ask(load(source={"routes": "1"}, runtime={"missingReturn": 500}), "/a").status == 500


def test_the_request_object_says_all(load: Load) -> None:
    routes = (
        "r = request\nassert r is mldb.plugin.rest_params or r.verb == mldb.plugin.rest_params.verb\n"
        "r.set_return([r.verb, r.remaining, r.resource, r.rest_params, r.payload, r.headers, r.contentType, r.content_length])"
    )
    plugin = load(source={"routes": routes})
    headers = (("content-type", "text/x"), ("content-length", "2"), ("x-a", "b"))
    request = Request("PUT", "/v1/plugins/p/routes/a%20b", (("x", "1"), ("x", "2")), headers, b"hi")
    assert told(plugin.answer(request, "/a%20b")) == (
        200,
        ["PUT", "/a%20b", "/v1/plugins/p/routes/a%20b", [["x", "1"], ["x", "2"]], "hi", {"x-a": "b"}, "text/x", 2],
    )
    assert told(ask(plugin, ""))[1][1] == ""


def test_answers_may_have_another_type_and_further_headers(load: Load) -> None:
    plugin = load(source={"routes": "request.set_return(b'\\x89PNG', 200, content_type='image/png', headers={'X-A': '1'})"})
    answer = ask(plugin, "/x")
    assert (answer.content(), answer.header("content-type"), answer.header("x-a")) == (b"\x89PNG", "image/png", "1")


def test_main_is_remembered_and_route_names_are_not(load: Load) -> None:
    plugin = load(
        source={"main": "count = [0]\ndef up(): count[0] += 1; return count[0]", "routes": "mine = up()\nrequest.set_return(mine)"}
    )
    assert [told(ask(plugin, "/"))[1] for _ in range(3)] == [1, 2, 3]
    again = load("q", source={"main": "x = 1", "routes": "def f(): return g()\ndef g(): return x\nx = x + 1\nrequest.set_return(f())"})
    assert [told(ask(again, "/"))[1] for _ in range(2)] == [2, 2]


def test_an_exception_in_a_route_is_the_bare_output(load: Load) -> None:
    plugin = load(source={"routes": 'print("in"); raise KeyError("user")'})
    status, body = told(ask(plugin, "/x"))
    assert status == 400
    assert sorted(body) == ["exception", "logs"]
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
    assert json.loads(plugin.last_output) == body


def test_a_main_that_fails_tells_its_output(load: Load) -> None:
    with pytest.raises(Invalid, match="Exception executing Python initialization script") as caught:
        load(source={"main": "print('start')\nundefined_name"})
    details = caught.value.details
    assert details["exception"]["message"] == "name 'undefined_name' is not defined"
    assert details["exception"]["stack"][0]["where"] == 'File "/main.py", line 2, in <module>'
    assert [entry["c"] for entry in details["logs"]] == ["start"]


def test_in_main_there_is_no_request(load: Load) -> None:
    load(
        source={
            "main": "assert mldb.plugin.rest_params is None and mldb.script is None and mldb.plugins.args == {'a': 1}\nmldb.set_return(1)"
        },
        args={"a": 1},
    )
    with pytest.raises(Invalid) as caught:
        load("q", source={"main": "request"})
    assert caught.value.details["exception"]["type"] == "NameError"


def test_outputs_of_plugins_show_prints_before_logs(load: Load) -> None:
    plugin = load(source={"main": "mldb.log('M'); print('N')", "routes": "mldb.log('L'); print('P'); request.set_return(1)"})
    assert [entry["c"] for entry in json.loads(plugin.last_output)["logs"]] == ["N", "M"]
    ask(plugin, "/x")
    output = json.loads(plugin.last_output)
    assert ([entry["c"] for entry in output["logs"]], output["result"]) == (["P", "L"], 1)


def test_a_request_handler_answers_where_there_are_no_routes(load: Load) -> None:
    main = (
        "def answer(mldb, remaining, verb, resource, rest_params, payload, content_type, content_length, headers):\n"
        "    if remaining == '/bad': raise ValueError('no')\n"
        "    if remaining != '/none': return [verb, remaining, rest_params]\n"
        "mldb.plugin.set_request_handler(answer)"
    )
    plugin = load(source={"main": main})
    assert told(ask(plugin, "/a", query=(("x", "1"),))) == (200, ["GET", "/a", [["x", "1"]]])
    assert ask(plugin, "/none").status == 404
    assert told(ask(plugin, "/bad"))[1]["exception"]["type"] == "ValueError"
    with pytest.raises(NotFound, match="unknown resource GET /v1/plugins/q/routes/x"):
        ask(load("q", source={"main": "1"}), "/x")


def test_routes_call_their_own_plugin_to_any_depth(load: Load) -> None:
    routes = (
        "left = int(dict(request.rest_params)['left'])\n"
        "request.set_return(0 if left == 0 else 1 + mldb.get('/v1/plugins/p/routes/x', left=left - 1).json())"
    )
    plugin = load(source={"routes": routes}, runtime={"limits": {"concurrency": 2}})
    assert told(ask(plugin, "/x", query=(("left", "60"),))) == (200, 60)


def test_a_missing_payload_and_an_object_as_routes_see_them(pod: TinyPod, load: Load) -> None:
    load("m", source={"routes": "request.set_return({'payload': request.payload, 'args': request.rest_params})"})
    both = (
        "m = '/v1/plugins/m/routes/m'\n"
        "mldb.set_return([mldb.perform('POST', m, [['b', '5']], {'z': 1, 'a': 2})['response'], mldb.perform('POST', m)['response']])"
    )
    assert pod.result(both) == [
        '{"args":[["b","5"]],"payload":"{\\"a\\":2,\\"z\\":1}\\n"}',
        '{"args":[],"payload":"null\\n"}',
    ]


def test_status_code_gives_the_status(load: Load) -> None:
    assert load(source={"main": "n = 3", "status": "mldb.plugin.set_return({'n': n})"}).status() == {"n": 3}
    failed = load("q", source={"status": "1/0"}).status()
    assert (failed["error"], failed["exception"]["type"]) == ("Exception in Python status call", "ZeroDivisionError")
    assert load("r", source={"main": "1"}).status() is None


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A plugin's source folder."""
    package = tmp_path.parent / f"{tmp_path.name}-package"
    for name, text in {
        "main.py": "import mylib\nmldb.plugin.serve_static_folder('/static/', './web')\nmldb.plugin.serve_documentation_folder('doc')",
        "mylib.py": "value = 5",
        "routes.py": "import mylib\nrequest.set_return([mylib.value, mldb.plugin.get_plugin_dir()])",
        "web/a.html": "<p>{{HTTP_BASE_URL}}x</p>",
        "web/data.json": "{}",
        "web/dot.png": "\x89PNG",
        "web/sub/index.html": "sub",
        "web/bare/x.txt": "x",
        "doc/index.md": "# My page\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n[other](other.md) [out](http://x.y)\n<script>evil()</script>",
        ".git/config": "x",
        "__pycache__/x.pyc": "x",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(text.encode("latin-1"))
    return package


def test_a_directory_is_copied_and_its_files_found(pod: TinyPod, load: Load, package: Path, tmp_path: Path) -> None:
    plugin = load("a/../b", address=f"file://{package}")
    value, directory = told(ask(plugin, "/x"))[1]
    assert (value, Path(directory)) == (5, tmp_path / "plugins" / "a%2F..%2Fb")
    assert not (Path(directory) / ".git").exists() and not (Path(directory) / "__pycache__").exists()
    assert plugin.version == {"address": str(package)}
    plugin.remove()
    assert not Path(directory).exists()
    assert package.exists()


def test_an_installed_routes_file_is_read_at_each_request(load: Load, package: Path) -> None:
    plugin = load(address=f"file://{package}")
    assert ask(plugin, "/x").status == 200
    (plugin.directory / "routes.py").write_text("request.set_return('new')")
    assert told(ask(plugin, "/x")) == (200, "new")


def test_static_folders_are_served(load: Load, package: Path) -> None:
    plugin = load(address=f"file://{package}")

    def get(path: str) -> tuple[int, str, bytes]:
        answer = ask(plugin, path)
        return answer.status, (answer.header("content-type") or "").partition(";")[0], answer.content()

    assert get("/static/a.html") == (200, "text/html", b"<p>x</p>")
    assert get("/static/data.json") == (200, "application/json", b"{}")
    assert get("/static/dot.png") == (200, "image/png", b"\x89PNG")
    assert get("/static/sub/") == (200, "text/html", b"sub")
    assert get("/static/bare/") == (403, "text/plain", b"Directory listing not allowed")
    assert get("/static/none.txt")[:2] == (404, "text/plain")
    assert get("/static/../main.py") == (400, "text/plain", b"not dealing with path with .. in it")
    assert get("/static/%2e%2e/main.py")[0] == 400
    assert (ask(plugin, "/static/sub").status, ask(plugin, "/static/sub").header("location")) == (301, "/v1/plugins/p/routes/static/sub/")
    (plugin.directory / "web" / "out").symlink_to("/etc/hostname")
    assert get("/static/out")[0] == 404


def test_documentation_is_rendered_and_cleaned(load: Load, package: Path) -> None:
    plugin = load(address=f"file://{package}")
    for path in ("/index.md", "/index.md.html", "/"):
        answer = plugin.documentation(path, f"/v1/plugins/p/doc{path}")
        page = answer.content().decode()
        assert (answer.status, (answer.header("content-type") or "").partition(";")[0]) == (200, "text/html")
        assert "<h1>My page</h1>" in page
    assert "<td>1</td>" in page and "<code" in page and 'href="other.md.html"' in page and 'target="_blank"' in page
    assert "evil" not in page
    assert plugin.documentation("", "/v1/plugins/p/doc").header("location") == "/v1/plugins/p/doc/"
    with pytest.raises(NotFound):
        load("q", source={"main": "1"}).documentation("/x", "/v1/plugins/q/doc/x")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("serve_static_folder('', 'web')", "Route and static directory cannot be empty for serving static folder"),
        ("serve_static_folder('x', 'nope')", "Cannot serve static folder for path that does not exist: "),
        ("serve_documentation_folder('')", "Documentation directory cannot be empty"),
        ("serve_documentation_folder('nope')", "Cannot serve documentation folder for path that does not exist: "),
        (
            "serve_static_folder('t', '/tmp'); mldb.plugin.serve_static_folder('/t/', '/usr')",
            "the route 't' already serves a static folder",
        ),
    ],
)
def test_folders_that_cannot_be_served_are_errors_of_the_call(load: Load, call: str, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(source={"main": f"mldb.plugin.{call.replace('/tmp', '/usr')}"})
    assert text in caught.value.details["exception"]["message"]


def test_the_pods_own_files_cannot_be_served(pod: TinyPod, load: Load, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path.parent):
        with pytest.raises(Invalid):
            load(source={"main": f"mldb.plugin.serve_static_folder('x', {str(place)!r})"})


def test_an_old_instance_answers_until_the_new_one_is_loaded(load: Load, package: Path) -> None:
    old = load(address=f"file://{package}")
    (package / "mylib.py").write_text("raise ValueError('broken')")
    with pytest.raises(Invalid):
        load(address=f"file://{package}")
    assert told(ask(old, "/x"))[1][0] == 5
    assert (old.directory / "mylib.py").read_text() == "value = 5"
    (package / "mylib.py").write_text("value = 6")
    new = load(address=f"file://{package}")
    old.close()
    assert told(ask(new, "/x"))[1][0] == 6
    assert [child.name for child in (new.directory.parent).iterdir()] == ["p"]


def test_a_plugin_comes_back_from_what_was_installed(load: Load, package: Path) -> None:
    load(address=f"file://{package}").close()
    package.rename(package.with_name("moved away"))
    again = load(address=f"file://{package}", restored=True)
    assert told(ask(again, "/x"))[1][0] == 5


def test_a_single_file_is_main(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "tool.py"
    file.write_text("x = 1\n1/0")
    with pytest.raises(Invalid) as caught:
        load(address=f"file://{file}")
    assert caught.value.details["exception"]["scriptUri"] == f"file://{file}"


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "Exception opening plugin: Unsupported URL: "),
        ({"source": {"main": ""}}, "Exception opening plugin: Unsupported URL: "),
        ({"source": {"main": "1"}, "address": "file:///x"}, "Exception opening plugin: Cannot specify both address and source for plugin"),
        ({"address": "file:///nowhere"}, "Exception opening plugin: Source does not exist"),
        ({"address": "warp://x"}, "Exception opening plugin: Unsupported URL: warp://x"),
        ({"address": "file:///usr"}, "main.py"),
        ({"source": "print(1)"}, "JSON-encoded into a string by mistake"),
    ],
)
def test_plugins_without_readable_code_are_refused(load: Load, params: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(**params)
    assert text in str(caught.value)


def test_the_autoload_folder_is_no_plugin(load: Load) -> None:
    with pytest.raises(DatapodError, match="autoload"):
        load("autoload", source={"main": "1"})


def test_links_that_lead_outside_are_not_installed(load: Load, package: Path) -> None:
    (package / "leak").symlink_to("/etc/passwd")
    with pytest.raises(Invalid, match="points outside"):
        load(address=f"file://{package}")


@pytest.mark.parametrize(
    "headers",
    [{"X": "a\r\nY: b"}, {"X": "snow \N{SNOWMAN}"}, {"a b": "1"}, {"": "1"}, {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"}],
    ids=["line end", "beyond latin-1", "blank in the name", "no name", "length", "transfer"],
)
def test_headers_that_http_cannot_carry_are_refused_at_the_call(load: Load, headers: dict[str, str]) -> None:
    answer = ask(load(source={"routes": f"mldb.plugin.set_return('x', 200, headers={headers!r})"}), "/x")
    assert answer.status == 400
    assert json.loads(answer.content())["exception"]["type"] == "TypeError"


def test_code_that_speaks_for_itself_sends_no_such_headers_either(load: Load) -> None:
    """The worker's own check can be gone round: it runs in the process of the code."""
    unchecked = "import datapod_server.runtime.answer_headers as checks\nchecks.checked = lambda pairs, kind='': tuple(pairs)\n"
    plugin = load(source={"routes": unchecked + "mldb.plugin.set_return('x', 200, headers={'X': 'a\\r\\nY: b'})"})
    with pytest.raises(Failed, match="HTTP cannot carry"):
        ask(plugin, "/x")


@pytest.mark.parametrize("name", ["%00", "a" * 300, "page.md/x", "loop"], ids=["zero byte", "long", "below a file", "link to itself"])
def test_a_name_that_no_file_can_have_is_a_missing_file(load: Load, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "plugin-data" / "p" / "shown"
    folder.mkdir(parents=True)
    (folder / "page.md").write_text("# Page")
    (folder / "loop").symlink_to("loop")
    plugin = load(source={"main": "mldb.plugin.serve_static_folder('shown', mldb.plugin.get_data_dir() + '/shown')"})
    assert ask(plugin, f"/shown/{name}").status == 404


def test_a_folder_that_becomes_a_link_shows_nothing_of_its_target(load: Load, tmp_path: Path) -> None:
    """The server reads with rights of its own, so the folder is the one that was registered, whatever stands in its place later."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "keys.json").write_text("the keys")
    main = """\
import os
folder = mldb.plugin.get_data_dir() + "/shown"
os.mkdir(folder)
mldb.plugin.serve_static_folder("shown", folder)
"""
    swap = f"os.rmdir(folder); os.symlink({str(tmp_path / 'secret')!r}, folder); mldb.plugin.set_return('swapped')"
    plugin = load(source={"main": main, "routes": swap})
    assert ask(plugin, "/swap").status == 200
    assert ask(plugin, "/shown/keys.json").status == 404
    assert ask(plugin, "/shown/").status == 404


@pytest.mark.parametrize("folder", ["/proc/self", "/"])
def test_other_processes_are_not_shown(load: Load, folder: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(source={"main": f"mldb.plugin.serve_static_folder('all', {folder!r})"})
    assert "code may not read" in refused.value.details["exception"]["message"]


def test_a_long_id_has_a_folder_too(load: Load) -> None:
    plugin = load("é" * 300, source={"main": "open(mldb.plugin.get_data_dir() + '/kept', 'w').close()"})
    assert len(plugin.directory.name) < 255
    assert plugin.directory.name != load("é" * 301, source={"main": "pass"}).directory.name


def test_a_source_folder_that_cannot_be_copied_is_refused(load: Load, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "main.py").write_text("pass")
    (folder / "loop").symlink_to("loop")  # harmless: copied as it is
    assert load(address=f"file://{folder}").is_up
    os.mkfifo(folder / "pipe")
    with pytest.raises(Invalid, match="cannot be copied"):
        load(address=f"file://{folder}")

"""Bad input and faults, from outside: each a clear message with its status, no traceback of the server, and the server answers on."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

RUN = "/v1/types/plugins/python/routes/run"


def is_clear(answer: Any, status: int, text: str = "") -> None:
    """An error object with this status and text, and nothing of the server's inside."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["httpCode"] == status
    assert text in body["error"]
    assert "Traceback" not in answer.text and "datapod_server" not in answer.text and "Internal error" not in answer.text


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("PUT", "/v1/datasets/x"),
        ("POST", "/v1/datasets"),
        ("PUT", "/v1/plugins/x"),
        ("PUT", "/v1/procedures/x"),
        ("PUT", "/v1/functions/x"),
        ("POST", RUN),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"3", b'"text"', b"\xff\xfe", b"null", b'{"type":5}', b"[" * 20000])
def test_a_body_that_is_no_configuration_is_400(server: Any, verb: str, path: str, body: bytes) -> None:
    answer = server.http.request(verb, server.address + path, content=body, auth=(server.owner_key, server.database_key))
    is_clear(answer, 400)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("limits", "scriptSeconds", -1), ("limits", "concurrency", 0), ("limits", "memoryMb", -5), ("restart", "backoffSeconds", -1)],
)
def test_limits_that_make_no_sense_are_400_and_named(server: Any, part: str, name: str, value: int) -> None:
    runtime = {part: {name: value}}
    is_clear(server.v1("POST", RUN, {"source": "mldb.set_return(1)", "runtime": runtime}), 400, f"runtime.{part}.{name}")
    config = {"type": "python", "params": {"source": {"routes": "1"}, "runtime": runtime}}
    is_clear(server.v1("PUT", "/v1/plugins/limited", config), 400, f"runtime.{part}.{name}")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v1/datasets/none"),
        ("GET", "/v1/plugins/none"),
        ("GET", "/v1/plugins/none/routes/x"),
        ("GET", "/v1/plugins/none/doc/x"),
        ("GET", "/v1/procedures/none"),
        ("GET", "/v1/procedures/none/runs/1"),
        ("GET", "/v1/functions/none"),
        ("GET", "/v1/functions/none/application"),
        ("GET", "/v1/types/none"),
        ("GET", "/v1/warp"),
        ("GET", "/v1/types/plugins/python/routes/walk"),
        ("POST", "/v1/datasets/none/rows"),
        ("GET", "/v1/query?q=SELECT+*+FROM+none"),
        ("GET", "/v1/plugins/%00"),
        ("GET", "/v1/plugins/..%2f..%2fetc"),
    ],
)
def test_what_does_not_exist_is_404(server: Any, verb: str, path: str) -> None:
    is_clear(server.v1(verb, path, {"rowName": "r", "columns": []} if verb == "POST" else None), 404)


@pytest.mark.parametrize(
    "payload",
    [
        {"rowName": "r", "columns": [["a"]]},
        {"rowName": "r", "columns": "abc"},
        {"rowName": "r", "columns": [["a", {"x": 1}, 0]]},
        {"rowName": "r", "columns": [["a", 1, "no date"]]},
        {"rowName": {}, "columns": []},
        [],
    ],
)
def test_a_row_of_the_wrong_shape_is_400_and_records_nothing(server: Any, payload: Any) -> None:
    server.v1("PUT", "/v1/datasets/shapes", {"type": "sparse.mutable"})
    is_clear(server.v1("POST", "/v1/datasets/shapes/rows", payload), 400)
    assert server.v1("GET", "/v1/query", params={"q": "SELECT * FROM shapes", "format": "aos"}).json() == []


def test_a_syntax_error_in_a_query_shows_its_place_and_a_caret(server: Any) -> None:
    answer = server.v1("GET", "/v1/query", params={"q": "SELECT a\nFROM t WHERE (b > 1"})
    is_clear(answer, 400)
    assert (answer.json()["details"]["line"], answer.json()["details"]["column"]) == (2, 20)
    lines = answer.json()["error"].split("\n")
    assert [line.strip() for line in lines].count("^") == 1
    assert "FROM t WHERE (b > 1" in answer.json()["error"]


@pytest.mark.parametrize(
    "query", ["", "SELEC 1", "SELECT", "SELECT 1 FROM", "SELECT 'open", "SELECT nonesuch(1)", "SELECT 1; SELECT 2", "(" * 5000]
)
def test_queries_that_cannot_run_are_400(server: Any, query: str) -> None:
    is_clear(server.v1("GET", "/v1/query", {"q": query, "format": "table"}), 400)


def test_a_syntax_error_in_plugin_code_is_told_with_its_place(server: Any) -> None:
    answer = server.v1("PUT", "/v1/plugins/wrong", {"type": "python", "params": {"source": {"main": "def f(:\n  pass"}}})
    is_clear(answer, 400, "Exception executing Python initialization script")
    exception = answer.json()["details"]["exception"]
    assert (exception["type"], exception["lineNumber"], exception["lineContents"]) == ("SyntaxError", 1, "def f(:\n")
    server.v1("PUT", "/v1/plugins/wrong", {"type": "python", "params": {"source": {"routes": "count 7"}}})
    route = server.v1("GET", "/v1/plugins/wrong/routes/x")
    assert (route.status_code, route.json()["exception"]["scriptUri"]) == (400, "/routes.py")


@pytest.mark.parametrize("address", ["file:///no/such/folder", "file://relative.py", "http://127.0.0.1:9/x.py", "main.py"])
def test_an_address_that_leads_nowhere_is_400(server: Any, address: str) -> None:
    is_clear(server.v1("PUT", "/v1/plugins/away", {"type": "python", "params": {"address": address}}), 400, "Exception opening plugin: ")


def test_a_directory_without_main_is_400_and_names_the_file(server: Any, tmp_path: Path) -> None:
    is_clear(server.v1("PUT", "/v1/plugins/away", {"type": "python", "params": {"address": f"file://{tmp_path}"}}), 400, "main.py")


@pytest.mark.parametrize("payload", [None, [], "text", {"type": 5}, {"id": 7, "type": "Person"}, {"type": "Person", "age": {"x": 1}}])
def test_items_of_the_wrong_shape_are_400_on_v4(server: Any, payload: Any) -> None:
    auth = {"type": "ClientAuth", "databaseKey": server.database_key}
    answer = server.http.post(f"{server.address}/v4/{server.owner_key}/create_item", json={"auth": auth, "payload": payload})
    assert answer.status_code == 400, answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"auth":{}}', b'{"payload":{}}', b'{"auth":{"type":"Guess"},"payload":{}}', b'{"auth":' + b"[" * 20000]
)
def test_envelopes_of_the_wrong_shape_are_400_on_v4(server: Any, body: bytes) -> None:
    answer = server.http.post(f"{server.address}/v4/{server.owner_key}/search", content=body)
    assert answer.status_code == 400, answer.text
    assert "Traceback" not in answer.text


def test_a_wrong_key_is_401_on_both_protocols(start_server: Callable[..., Any]) -> None:
    server = start_server()
    server.create_pod()
    assert server.v4("search", {}, database_key="0" * 64).status_code == 401
    answer = server.http.get(f"{server.address}/v1/datasets", auth=(server.owner_key, "0" * 64))
    is_clear(answer, 401)
    assert answer.headers["www-authenticate"] == 'Basic realm="datapod", Bearer'


def test_a_body_above_the_limit_is_413(start_server: Callable[..., Any]) -> None:
    server = start_server("--max-json-mb", "1")
    server.create_pod()
    assert server.v4("create_item", {"type": "Note", "content": "x" * 2_000_000}).status_code == 413
    assert server.v4("search", {}).status_code == 200


@pytest.mark.parametrize(
    ("source", "limits", "status", "kind"),
    [
        ("import os; print('x', flush=True); os._exit(7)", {}, 500, "worker-died"),
        ("import os; os._exit(0)", {}, 500, "worker-died"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", {}, 500, "worker-died"),
        ("while True: pass", {"scriptSeconds": 0.3}, 504, "time-limit"),
        ("while True: pass", {"cpuSeconds": 1}, 504, "time-limit"),
        ("x = []\nwhile True: x.append(bytes(10_000_000))", {"memoryMb": 150}, 500, "memory-limit"),
    ],
)
def test_a_script_that_ends_badly_is_answered_and_the_server_goes_on(
    server: Any, source: str, limits: dict[str, Any], status: int, kind: str
) -> None:
    answer = server.v1("POST", RUN, {"source": source, "runtime": {"limits": limits}})
    is_clear(answer, status)
    assert answer.json()["details"]["kind"] == kind
    assert server.v1("POST", RUN, {"source": "mldb.set_return(1)"}).json() == {"result": 1, "return": 1}


def test_a_route_that_ends_its_worker_is_answered_and_the_plugin_comes_back(server: Any) -> None:
    name = "q" + uuid.uuid4().hex[:6]
    routes = "import os\nif request.remaining == '/crash':\n    print('about to crash')\n    os.abort()\nrequest.set_return('alive')"
    server.v1("PUT", f"/v1/plugins/{name}", {"type": "python", "params": {"source": {"routes": routes}}})
    crash = server.v1("GET", f"/v1/plugins/{name}/routes/crash")
    is_clear(crash, 500, f"The worker of plugin '{name}' died (SIGABRT) while it handled GET /v1/plugins/{name}/routes/crash")
    assert crash.json()["details"]["kind"] == "worker-died"
    assert crash.json()["details"]["logs"][0]["c"] == "about to crash"
    assert server.v1("GET", f"/v1/plugins/{name}/routes/ok").text == '"alive"'


def refused_start(command: list[str], environment: dict[str, str]) -> str:
    """Start a server that must not start; its one line of complaint."""
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_port_in_use_is_told(datapod_command: Any, clean_environment: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = refused_start(
            datapod_command("serve", "--port", str(port), "--data-dir", str(tmp_path / "data")), clean_environment(tmp_path / "home")
        )
    assert str(port) in text


def test_a_data_folder_that_cannot_be_written_is_told(datapod_command: Any, clean_environment: Any, tmp_path: Path) -> None:
    text = refused_start(datapod_command("serve", "--port", "0", "--data-dir", "/proc/none"), clean_environment(tmp_path / "home"))
    assert "/proc/none" in text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB; skips where mounting is not permitted."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_told_nothing_answered_is_lost_and_the_server_goes_on(start_server: Callable[..., Any], small_disk: Path) -> None:
    server = start_server("--data-dir", str(small_disk / "data"))
    server.create_pod()
    server.v4("create_item", {"type": "ItemPropertySchema", "itemType": "Note", "propertyName": "content", "valueType": "Text"})
    kept = server.v4("create_item", {"type": "Note", "content": "kept"})
    assert kept.status_code == 200
    answered = []
    refused = None
    for _ in range(40):
        answer = server.v4("create_item", {"type": "Note", "content": os.urandom(400_000).hex()})
        if answer.status_code != 200:
            refused = answer
            break
        answered.append(answer.json())
    assert refused is not None
    assert refused.status_code in (500, 507)
    assert "Traceback" not in refused.text
    assert "disk" in refused.text.lower()
    assert server.v4("get_item", kept.json()).json()[0]["content"] == "kept"
    found = server.v4("search", {"type": "Note"}).json()
    assert {item["id"] for item in found} == {kept.json(), *answered}


def test_a_start_on_a_full_disk_is_told_in_one_line(
    start_server: Callable[..., Any], small_disk: Path, datapod_command: Any, clean_environment: Any, tmp_path: Path
) -> None:
    server = start_server("--data-dir", str(small_disk / "data"))
    server.create_pod()
    kept = server.v4("create_item", {"type": "Note"}).json()
    assert server.stop() == 0
    (small_disk / "new" / "pods").mkdir(parents=True)
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    again = start_server("--data-dir", str(small_disk / "data"))
    answer = again.v4("get_item", kept)
    assert (answer.status_code, answer.text) == (500, "Failure: The disk is full: nothing of this call was stored")
    assert "Traceback" not in again.log()
    fresh = datapod_command("serve", "--port", "0", "--data-dir", str(small_disk / "new"))
    assert "disk" in refused_start(fresh, clean_environment(tmp_path / "elsewhere")).lower()
    ballast.unlink()
    assert again.v4("get_item", kept).json()[0]["id"] == kept


def test_a_table_that_no_longer_fits_is_told_and_recorded_once_there_is_space(start_server: Callable[..., Any], small_disk: Path) -> None:
    server = start_server("--data-dir", str(small_disk / "data"))
    server.create_pod()
    server.v1("PUT", "/v1/datasets/kept", {"type": "tabular"})
    assert server.v1("POST", "/v1/datasets/kept/multirows", [["r", [["x", 1, 0]]]]).status_code == 200
    assert server.v1("POST", "/v1/datasets/kept/commit", {}).status_code == 200
    server.v1("PUT", "/v1/datasets/big", {"type": "tabular"})
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(7_000_000))
    rows = [[f"r{number}", [["x", os.urandom(500).hex(), 0]]] for number in range(8_000)]
    refused = server.v1("POST", "/v1/datasets/big/multirows", rows)
    is_clear(refused, 500, "the disk is full: nothing of this call was written")
    count = {"q": "SELECT count(*) AS n FROM kept", "format": "table"}
    assert server.v1("GET", "/v1/query", params=count).json()[1][1] == 1
    ballast.unlink()
    assert server.v1("POST", "/v1/datasets/big/multirows", rows[:100]).status_code == 200
    assert server.v1("POST", "/v1/datasets/big/commit", {}).status_code == 200
    assert server.v1("GET", "/v1/query", params={**count, "q": "SELECT count(*) AS n FROM big"}).json()[1][1] == 100


@pytest.mark.parametrize("command", [[], ["serve"], ["run-script"], ["doctor"], ["sql"], ["sql", "explain"], ["mldb-runner"]])
def test_every_command_explains_itself(command: list[str], datapod_command: Any, clean_environment: Any, tmp_path: Path) -> None:
    ended = subprocess.run(
        datapod_command(*command, "--help"), env=clean_environment(tmp_path), capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == (1 if command == ["mldb-runner"] else 0), ended.stderr
    assert "usage" in (ended.stdout + ended.stderr).lower()


def test_explain_shows_the_place_of_a_syntax_error(datapod_command: Any, clean_environment: Any, tmp_path: Path) -> None:
    ended = subprocess.run(
        datapod_command("sql", "explain", "--memory", "SELECT a WHERE (b > 1"),
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "^" in ended.stderr and "Traceback" not in ended.stderr


def test_the_code_of_a_plugin_never_sees_the_credentials_of_a_request(server: Any) -> None:
    server.v1("PUT", "/v1/plugins/curious", {"type": "python", "params": {"source": {"routes": "request.set_return(request.headers)"}}})
    headers = server.v1("GET", "/v1/plugins/curious/routes/x", headers={"X-Kept": "yes"}).json()
    assert headers["x-kept"] == "yes"
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("mldb.read_lines('x')", "RuntimeError", "Cannot accept URI without scheme (if you want a file, add file://): x"),
        ("mldb.ls('foo://x')", "RuntimeError", "no handler found for scheme: foo"),
        ("mldb.create_dataset({'type': 'sparse.mutable'}).record_row('r', [['c', 1, '2015-02-31']])", "TypeError", "2015-02-31"),
        ("mldb.set_return(2**64)", "OverflowError", ""),
        ("mldb.set_return(b'x')", "TypeError", ""),
        ("mldb.set_return(1, -1)", "TypeError", ""),
    ],
)
def test_errors_of_the_runtime_show_only_frames_of_the_script(server: Any, source: str, kind: str, message: str) -> None:
    answer = server.v1("POST", RUN, {"source": source})
    exception = answer.json()["exception"]
    assert (answer.status_code, exception["type"]) == (400, kind)
    assert message in exception["message"]
    assert [frame["scriptUri"] for frame in exception["stack"]] == ["/main.py"]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["run-script"], 2, "the following arguments are required: file"),
        (["run-script", "ok.py", "--nonsense"], 2, "--nonsense"),
        (["run-script", "--mute-final-output", "ok.py"], 0, ""),
        (["run-script", "ok.py", "--plugin-directory", "/plain/folder"], 1, "file://"),
        (["run-script", "ok.py", "--plugin-directory", "file:///no/such/folder"], 0, "/no/such/folder"),
        (["run-script", "ok.py", "--script-args", "{"], 1, "not JSON"),
        (["sql"], 2, "explain"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_wrong_usage_is_one_clear_message(
    arguments: list[str], status: int, text: str, datapod_command: Any, clean_environment: Any, tmp_path: Path
) -> None:
    (tmp_path / "ok.py").write_text("pass")
    ended = subprocess.run(
        datapod_command(*arguments), env=clean_environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == status, ended.stderr
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr

"""`/v1` is guarded, and a worker that ends badly is told as the chapter says (rest-api §15.1-15.3, python-runtime §14)."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

RUN = "/v1/types/plugins/python/routes/run"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address and folder of a small web server."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on standard error."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", folder
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("header", [None, "Bearer x", "Basic !!!", "Basic Og==", "Digest x"])
def test_without_the_keys_no_code_runs(server: Any, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = server.http.post(server.address + RUN, json={"source": "1"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="datapod", Bearer'
    assert list(answer.json()) == ["error", "httpCode"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_web_page_runs_no_code_even_with_the_keys(server: Any, headers: dict[str, str], status: int) -> None:
    assert server.v1("POST", RUN, {"source": "1"}, headers=headers).status_code == status


def test_code_from_an_http_address_is_run_by_plugins_and_scripts(server: Any, web: tuple[str, Path]) -> None:
    address, folder = web
    (folder / "x.py").write_bytes(b"print('fetched')\r\n")
    assert server.v1("PUT", "/v1/plugins/fetched", {"type": "python", "params": {"address": f"{address}/x.py"}}).status_code == 201
    assert server.v1("GET", "/v1/plugins/fetched/routes/lastoutput").json()["logs"][0]["c"] == "fetched"
    assert server.v1("GET", "/v1/plugins/fetched/version").json() == {"address": "/x.py"}
    assert server.v1("POST", RUN, {"address": f"{address}/x.py"}).json()["logs"][0]["c"] == "fetched"
    missing = server.v1("POST", RUN, {"address": f"{address}/none.py"})
    assert (missing.status_code, missing.json()["httpCode"]) == (400, 400)


def test_frames_of_imported_modules_are_shown_with_their_files(server: Any, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import helper\nhelper.fail()\n")
    (tmp_path / "helper.py").write_text("def fail():\n    raise ValueError('deep')\n")
    answer = server.v1("PUT", "/v1/plugins/frames", {"type": "python", "params": {"address": f"file://{tmp_path}"}})
    exception = answer.json()["details"]["exception"]
    assert (answer.status_code, exception["message"], exception["lineContents"]) == (400, "deep", "raise ValueError('deep')")
    assert [frame["functionName"] for frame in exception["stack"]] == ["<module>", "fail"]
    assert exception["stack"][0]["scriptUri"] == f"file://{tmp_path}/main.py"
    assert exception["stack"][1]["scriptUri"].endswith("/frames/helper.py")


@pytest.mark.parametrize(
    ("main", "status", "kind"),
    [("while True: pass", 504, "time-limit"), ("import os; os._exit(3)", 500, "worker-died")],
)
def test_a_main_that_loops_or_exits_fails_to_load(server: Any, main: str, status: int, kind: str) -> None:
    config = {"type": "python", "params": {"source": {"main": main}, "runtime": {"limits": {"loadSeconds": 0.3}}}}
    answer = server.v1("PUT", "/v1/plugins/stuck", config)
    assert (answer.status_code, answer.json()["details"]["kind"]) == (status, kind)
    assert server.v1("GET", "/v1/plugins/stuck").json()["state"] == "error"


def test_a_plugin_that_dies_too_often_is_503_with_a_time_to_come_back(server: Any) -> None:
    runtime = {"restart": {"max": 1, "backoffSeconds": 0.01}}
    server.v1(
        "PUT", "/v1/plugins/dying", {"type": "python", "params": {"source": {"routes": "import os; os._exit(1)"}, "runtime": runtime}}
    )
    answers = [server.v1("GET", "/v1/plugins/dying/routes/x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 503]
    assert answers[2].json()["details"]["kind"] == "restart-limit"
    assert int(answers[2].headers["retry-after"]) > 0
    assert server.v1("GET", "/v1/plugins/dying").json()["state"] == "error"


def test_plugins_come_back_after_a_restart_of_the_server(start_server: Callable[..., Any]) -> None:
    server = start_server()
    server.create_pod()
    server.v1("PUT", "/v1/plugins/kept", {"type": "python", "params": {"source": {"main": "n = 5", "routes": "request.set_return(n)"}}})
    server.stop()
    again = start_server()
    assert again.v1("GET", "/v1/plugins/kept/routes/x").text == "5"

"""Routes run on connections of their own; what is promised of runs holds there too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.workers.conftest import TinyPod

from datapod_server.messages import Request, Response
from datapod_server.workers.parameters import PythonPluginParams
from datapod_server.workers.plugin import Plugin, load_plugin

Load = Callable[..., Plugin]


@pytest.fixture
def load(pod: TinyPod) -> Iterator[Load]:
    def load(**params: Any) -> Plugin:
        pod.plugins["p"] = load_plugin(pod.workers, "p", msgspec.convert(params, PythonPluginParams))
        return pod.plugins["p"]

    yield load
    for plugin in pod.plugins.values():
        plugin.close()


def get(plugin: Plugin, remaining: str = "/x") -> Response:
    return plugin.answer(Request("GET", f"/v1/plugins/p/routes{remaining}"), remaining)


def logs(plugin: Plugin) -> list[str]:
    return [entry.get("c", "") for entry in json.loads(plugin.last_output).get("logs", [])]


def test_each_request_has_its_own_output_and_answer_however_many_run_at_once(load: Load) -> None:
    plugin = load(source={"routes": "print('line of', request.remaining)\nrequest.set_return(request.remaining)"})
    wrong: list[bytes] = []

    def ask(who: int) -> None:
        for turn in range(30):
            content = get(plugin, f"/{who}-{turn}").content()
            if content != f'"/{who}-{turn}"'.encode():
                wrong.append(content)

    threads = [threading.Thread(target=ask, args=(who,)) for who in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    get(plugin, "/last")
    assert logs(plugin) == ["line of /last"]


def test_calls_nest_deeper_than_there_are_connections(load: Load) -> None:
    routes = """\
import json
left = int(request.remaining[1:])
below = json.loads(mldb.perform("GET", f"/v1/plugins/p/routes/{left - 1}")["response"]) if left else 0
print("depth", left)
request.set_return(below + 1)
"""
    plugin = load(source={"routes": routes})
    assert get(plugin, "/100").content() == b"101"
    assert logs(plugin) == ["depth 100"]


def test_threads_that_go_on_after_their_run_may_ask_and_print_without_harm(load: Load, wait_until: Callable[..., Any]) -> None:
    main = """\
import threading
go, heard = threading.Event(), []
def late():
    go.wait()
    for number in range(2000): print("late", number, "x" * 100)
    heard.append(mldb.perform("GET", "/echo")["statusCode"])
"""
    routes = """\
match request.remaining:
    case "/start": threading.Thread(target=late).start()
    case "/go": go.set()
request.set_return(heard)
"""
    plugin = load(source={"main": main, "routes": routes})
    assert get(plugin, "/start").content() == b"[]"
    assert get(plugin, "/go").content() == b"[]"
    wait_until(lambda: get(plugin).content() == b"[200]", what="the answer to the late thread")
    assert logs(plugin) == []


def test_after_a_time_limit_the_next_answers_are_their_own(load: Load) -> None:
    routes = """\
if request.remaining == "/slow":
    print("before")
    while True: pass
request.set_return(request.remaining)
"""
    plugin = load(source={"routes": routes}, runtime={"limits": {"routeSeconds": 0.2}})
    slow = get(plugin, "/slow")
    assert slow.status == 504
    assert [entry["c"] for entry in json.loads(slow.content())["details"]["logs"]] == ["before"]
    assert [get(plugin, f"/{turn}").content() for turn in range(5)] == [f'"/{turn}"'.encode() for turn in range(5)]


def test_waiting_for_a_long_answer_counts_towards_the_time_of_the_run(pod: TinyPod, load: Load) -> None:
    released = threading.Event()
    answer = pod.workers._perform  # the desk of the tests, slowed down for one path

    def perform(request: Request) -> Response:
        if request.path == "/slow":
            released.wait(30)
        return answer(request)

    pod.workers._perform = perform
    routes = 'mldb.perform("GET", "/slow")\nrequest.set_return(1)'
    plugin = load(source={"routes": routes}, runtime={"limits": {"routeSeconds": 0.2}})
    try:
        assert get(plugin).status == 504
    finally:
        released.set()


def test_edited_code_is_compiled_anew_and_shown_in_tracebacks(pod: TinyPod, load: Load, tmp_path: Any) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "main.py").write_text("")
    (folder / "routes.py").write_text("request.set_return(1)")
    plugin = load(address=f"file://{folder}", runtime={"install": "link"})
    assert [get(plugin).content() for _ in range(2)] == [b"1", b"1"]
    (folder / "routes.py").write_text("request.set_return(1 / 0)")
    assert json.loads(get(plugin).content())["exception"]["lineContents"] == "request.set_return(1 / 0)"

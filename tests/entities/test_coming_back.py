"""What is there again after a restart, a crash, and two callers at once. Source: rest-api.md, 3.8, 3.11, 15.5."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from datapod_server.datasets import tabular
from datapod_server.embedded import EmbeddedPod
from datapod_server.embedded import open as open_pod

KEYS = {"key": "5e" * 32, "owner": "b7" * 32}
SPARSE = {"type": "sparse.mutable"}


def ask(pod: EmbeddedPod, verb: str, path: str, payload: Any = None) -> int:
    status: int = pod.perform(verb, path, None, payload)["statusCode"]
    return status


def shown(pod: EmbeddedPod, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(pod.perform("GET", path)["response"])
    return answer


@pytest.fixture
def pods(tmp_path):
    """`pods()` opens the pod of this test, as often as it is closed."""
    opened: list[EmbeddedPod] = []

    def again() -> EmbeddedPod:
        pod = open_pod(tmp_path / "data", **KEYS)
        opened.append(pod)
        return pod

    yield again
    for pod in opened:
        pod.close()


def test_entities_come_back_in_the_order_in_which_they_need_each_other(pods):
    with pods() as pod:
        assert ask(pod, "PUT", "/v1/functions/f", {"type": "sql.query", "params": {"query": "SELECT sum(x) AS s FROM d"}}) == 201
        assert ask(pod, "PUT", "/v1/plugins/p", {"type": "python", "params": {"source": {"main": "mldb.log('up')"}}}) == 201
        assert ask(pod, "PUT", "/v1/datasets/d", SPARSE) == 201
        assert ask(pod, "POST", "/v1/datasets/d/rows", {"rowName": "r", "columns": [["x", 4, 0]]}) == 200
        assert ask(pod, "POST", "/v1/datasets/d/commit", {}) == 200
        transform = {"type": "transform", "params": {"inputData": "select x + 1 as x from d", "outputDataset": "out"}}
        assert ask(pod, "PUT", "/v1/procedures/t", transform) == 201
        before = shown(pod, "/v1/datasets/d")
    with pods() as pod:
        assert shown(pod, "/v1/datasets/d") == before
        assert pod.query("SELECT x FROM out") == [["_rowName", "x"], ["r", 5]]
        assert shown(pod, "/v1/functions/f/application") == {"output": {"s": 4}}
        assert shown(pod, "/v1/plugins/p")["state"] == "ok"
        assert shown(pod, "/v1/procedures/t")["state"] == "ok"
        assert shown(pod, "/v1/procedures/t/runs") == []


def test_transient_and_generated_entities_do_not_come_back(pods):
    with pods() as pod:
        ask(pod, "PUT", "/v1/datasets/passing", {**SPARSE, "persistent": False})
        ask(pod, "POST", "/v1/datasets", SPARSE)
        ask(pod, "POST", "/v1/datasets", {**SPARSE, "persistent": True})
        ask(pod, "PUT", "/v1/datasets/gone", SPARSE)
        ask(pod, "DELETE", "/v1/datasets/gone")
        kept = [name for name in shown(pod, "/v1/datasets") if shown(pod, f"/v1/datasets/{name}")["config"].get("persistent")]
        assert len(shown(pod, "/v1/datasets")) == 3
    with pods() as pod:
        assert shown(pod, "/v1/datasets") == kept


@pytest.mark.parametrize("failure", [RuntimeError("the disk says no"), OSError("the disk says no"), MemoryError()])
def test_one_that_cannot_be_built_is_listed_and_stops_nothing(pods, monkeypatch, caplog, failure):
    with pods() as pod:
        ask(pod, "PUT", "/v1/datasets/a", {"type": "tabular"})
        ask(pod, "PUT", "/v1/datasets/b", SPARSE)

    def fail(*_: Any) -> None:
        raise failure

    with monkeypatch.context() as patched, caplog.at_level(logging.CRITICAL):
        patched.setattr(tabular, "create", fail)
        with pods() as pod:
            assert shown(pod, "/v1/datasets") == ["a", "b"]
            assert shown(pod, "/v1/datasets/a")["state"] == "error"
            assert "the disk says no" not in pod.perform("GET", "/v1/datasets/a")["response"]
            assert shown(pod, "/v1/datasets/b")["state"] == "ok"
    with pods() as pod:
        assert shown(pod, "/v1/datasets/a")["state"] == "ok"


def test_two_callers_at_once_make_one_entity(pods):
    with pods() as pod:
        answers: list[int] = []
        start = threading.Barrier(8)

        def make() -> None:
            start.wait()
            answers.append(ask(pod, "PUT", "/v1/datasets/d", SPARSE))

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(answers) <= {201, 409}
        assert 201 in answers
        assert shown(pod, "/v1/datasets/d")["state"] == "ok"
        assert shown(pod, "/v1/datasets") == ["d"]
    with pods() as pod:
        assert shown(pod, "/v1/datasets/d")["state"] == "ok"


def test_a_failed_run_keeps_the_dataset_that_it_was_to_replace(pods):
    with pods() as pod:
        good = {"type": "transform", "params": {"inputData": "select 1 as x", "outputDataset": "o"}}
        assert ask(pod, "PUT", "/v1/procedures/t", good) == 201
        assert ask(pod, "POST", "/v1/procedures/t/runs", {"params": {"inputData": "select 'a' * 2 as x"}}) == 400
        assert pod.query("SELECT x FROM o") == [["_rowName", "x"], ["result", 1]]
    with pods() as pod:
        assert pod.query("SELECT x FROM o") == [["_rowName", "x"], ["result", 1]]


def test_what_was_answered_before_a_kill_is_there_after_it(start_server: Callable[..., Any], wait_until):
    server = start_server()
    server.create_pod()
    assert server.v1("PUT", "/v1/datasets/d", SPARSE).status_code == 201
    assert server.v1("POST", "/v1/datasets/d/rows", {"rowName": "r", "columns": [["x", 4, 0]]}).status_code == 200
    assert server.v1("POST", "/v1/datasets/d/commit", {}).status_code == 200
    slow = {"type": "mock", "params": {"durationMs": 60_000, "runOnCreation": True}}
    assert server.v1("PUT", "/v1/procedures/slow", slow, headers={"async": "true"}).status_code == 202
    assert server.v1("POST", "/v1/procedures/none/runs", headers={}).status_code == 404
    empty = server.v1("POST", "/v1/procedures/slow/runs")
    assert empty.status_code == 400
    assert "empty payload" in empty.json()["error"]
    killed = server.child_pid()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: server.child_pid() not in (0, killed), seconds=20)

    def answers() -> Any:
        try:
            return server.v1("GET", "/v1/datasets/d").json()
        except httpx.TransportError:
            return None

    assert wait_until(answers, seconds=20)["state"] == "ok"
    answer = server.v1("GET", "/v1/query", params={"q": "select * from d", "format": "table"})
    assert answer.json() == [["_rowName", "x"], ["r", 4]]
    assert answer.headers["content-type"] == "application/json"
    assert server.v1("GET", "/v1/procedures/slow").json()["state"] == "ok"
    assert server.v1("GET", "/v1/procedures/slow/runs").json() == []

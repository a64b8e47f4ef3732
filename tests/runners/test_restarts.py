"""Runs that are started again after their end. Source: pod-protocol.md, 14.7."""

from __future__ import annotations

import pytest
from tests.runners.harbour import Harbour

from datapod_server.runners.fake import FakeBackend
from datapod_server.runners.restarts import Restarts, pause_seconds


def test_pauses_double_up_to_five_minutes_and_begin_anew_after_ten_minutes_of_life():
    pauses = [0.0]
    for _ in range(11):
        pauses.append(pause_seconds(pauses[-1], 3))
    assert pauses[1:] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert pause_seconds(300, 600) == 1


def test_a_run_waits_for_its_pause():
    now = [100.0]
    restarts = Restarts(lambda: now[0])
    restarts.add("run", 3)
    assert (restarts.take_due(), restarts.seconds_to_next(), restarts.waiting()) == ([], 1.0, True)
    now[0] += 1
    assert (restarts.take_due(), restarts.waiting()) == (["run"], True)
    restarts.started("run")
    assert not restarts.waiting()


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr("datapod_server.runners.restarts._FIRST_SECONDS", 0.01)


@pytest.mark.parametrize("policy", ["on-failure", "always"])
def test_a_run_that_fails_is_started_again_with_a_new_box_and_keeps_its_output(house, hasty, policy, wait_until):
    tokens = []

    def behave(run):
        tokens.append(run.launch.variables["POD_AUTH_JSON"])
        run.print(f"start {len(tokens)}\n")
        run.end(1) if len(tokens) < 3 else None

    backend = FakeBackend(behave)
    pod = house(backend)
    pod.create(status="started", pluginRestart=policy)
    wait_until(lambda: len(tokens) == 3)
    assert len(set(tokens)) == 3
    assert pod.status() == ("idle", None)
    assert pod.runners.output("run") == b"start 1\nstart 2\nstart 3\n"
    pod.items.update_run("run", {"status": "aborted"})
    pod.await_end()
    assert (pod.status(), len(tokens)) == (("aborted", None), 3)


def test_success_ends_a_run_that_is_restarted_on_failure_and_not_one_that_always_is(house, hasty, wait_until):
    backend = FakeBackend(lambda run: run.end(0))
    pod = house(backend)
    pod.create(pluginRestart="on-failure")
    pod.await_end()
    assert (pod.status(), len(backend.runs)) == (("done", None), 1)
    pod.create("other", pluginRestart="always")
    wait_until(lambda: len(backend.runs) >= 4)
    pod.items.update_run("other", {"status": "aborted"})
    pod.await_end()
    assert pod.status("other")[0] == "aborted"


def test_a_run_that_is_deleted_while_it_waits_is_not_started_again(house, wait_until):
    backend = FakeBackend(lambda run: run.end(1))
    pod = house(backend)
    pod.create(pluginRestart="always")
    wait_until(lambda: pod.status() == ("idle", "The plugin ended with exit code 1"))
    del pod.items.items["run"]
    pod.await_end()
    assert len(backend.runs) == 1


def test_a_server_that_was_killed_starts_its_runs_again_at_the_next_unlock(house, hasty, wait_until):
    backend = FakeBackend()
    pod = house(backend)
    pod.runners._records.start("run", "boats")
    item = {"id": "run", "status": "started", "containerImage": "boats", "targetItemId": "run", "pluginRestart": "on-failure"}
    pod.items.items["run"] = item
    pod.runners.recover()
    assert pod.status()[0] == "idle"
    wait_until(lambda: backend.runs)
    pod.runners.close()
    assert pod.status() == ("idle", "The server was stopped")
    assert pod.runners._records.waiting() == ["run"]


def test_a_real_run_is_started_again_by_a_real_server_also_after_it_was_stopped(start_server, wait_until, tmp_path):
    harbour = Harbour(start_server, wait_until, tmp_path)
    run_id = harbour.run("Sinks", pluginRestart="on-failure")

    def log() -> str:
        return str(harbour.server.v4("get_pluginrun_log", run_id).json().get("logs"))

    wait_until(lambda: log().count("RuntimeError: hit an iceberg") >= 2, seconds=60, what="the second start")
    harbour.server.stop()
    harbour.start()
    before = log().count("RuntimeError: hit an iceberg")
    wait_until(lambda: log().count("RuntimeError: hit an iceberg") > before, seconds=60, what="a start after the restart of the server")
    harbour.server.v4("update_item", {"id": run_id, "status": "aborted"})
    answer = harbour.server.v4("create_item", {"type": "PluginRun", "containerImage": "none", "pluginRestart": "often"})
    assert answer.status_code == 400

"""Plugin runs from outside: a real server, real plugins, real processes. Source: pod-protocol.md, 3.4, 14 and 23.6."""

from __future__ import annotations

import json
import signal

import psutil
import pytest
from tests.runners.harbour import Harbour, is_gone

STALE = "Failure: Plugin credentials are no longer valid"


@pytest.fixture
def harbour(start_server, wait_until, tmp_path):
    return Harbour(start_server, wait_until, tmp_path)


def test_a_run_reports_its_progress_writes_its_items_and_is_done(harbour):
    run_id = harbour.run("Sails")
    item = harbour.await_status(run_id, "done", "error")
    assert (item["status"], item.get("error"), item["progress"]) == ("done", None, 0.75)
    boats = harbour.server.v4("search", {"type": "Boat"}).json()
    assert sorted(boat["name"] for boat in boats) == ["boat 1", "boat 2", "boat 3"]


def test_a_run_that_fails_says_why_in_the_pod_and_leaves_its_traceback_there(harbour, wait_until):
    run_id = harbour.run("Sinks")
    item = harbour.await_status(run_id, "error")
    assert item["error"] == "RuntimeError: hit an iceberg"

    def log() -> str:
        return harbour.server.v4("get_pluginrun_log", run_id).json()["logs"]

    wait_until(lambda: "RuntimeError: hit an iceberg" in log(), what="the traceback in the run's output")
    assert "Traceback (most recent call last)" in log()
    unknown = harbour.server.v4("get_pluginrun_log", "no-such-run")
    assert (unknown.status_code, unknown.text[:8]) == (404, "Failure:")


def test_a_plugin_that_does_not_exist_is_an_error_of_its_run(harbour):
    item = harbour.await_status(harbour.run("Flies"), "error")
    assert "boats.Flies" in item["error"]


def test_the_token_opens_the_pod_while_its_run_is_alive_and_nothing_afterwards(harbour, wait_until):
    run_id = harbour.run(image="probe")
    told = harbour.environment()
    data = json.loads(told["POD_AUTH_JSON"])["data"]
    assert len(data["nonce"]) == 48
    assert harbour.as_plugin("get_item", run_id, data).json()[0]["id"] == run_id
    harbour.server.v4("delete_item", run_id)
    wait_until(lambda: harbour.as_plugin("search", {}, data).status_code == 421)
    answer = harbour.as_plugin("search", {}, data)
    assert (answer.status_code, answer.text) == (421, STALE)


def test_a_forged_a_tampered_and_a_strangers_token_are_answered_alike(harbour):
    harbour.run(image="probe")
    data = json.loads(harbour.environment()["POD_AUTH_JSON"])["data"]
    box = data["encryptedPermissions"]
    flipped = box[:-1] + ("0" if box[-1] != "0" else "1")
    forged = {"nonce": "ab" * 24, "encryptedPermissions": "cd" * 100}
    for token in (forged, data | {"encryptedPermissions": flipped}, data | {"nonce": "00" * 24}):
        answer = harbour.as_plugin("search", {}, token)
        assert (answer.status_code, answer.text) == (421, STALE)
    malformed = harbour.as_plugin("search", {}, data | {"nonce": "abc"})
    assert malformed.status_code == 400


def test_the_token_works_on_v1_as_bearer_and_not_when_it_is_none(harbour):
    harbour.run(image="probe")
    data = json.loads(harbour.environment()["POD_AUTH_JSON"])["data"]

    def ask(token):
        return harbour.server.http.get(harbour.server.address + "/v1/datasets", headers={"Authorization": f"Bearer {token}"}).status_code

    text = f"{data['nonce']}.{data['encryptedPermissions']}"
    assert (ask(text), ask("ab" * 24 + ".cd"), ask("nonsense")) == (200, 401, 401)


def test_a_run_is_told_what_the_protocol_says_and_no_key(harbour):
    run_id = harbour.run(image="probe")
    told = harbour.environment()
    assert (told["POD_FULL_ADDRESS"], told["POD_OWNER"]) == (f"http://localhost:{harbour.server.port}", harbour.server.owner_key)
    target = json.loads(told["POD_TARGET_ITEM"])
    assert (told["POD_PLUGINRUN_ID"], target["id"], target["type"]) == (run_id, run_id, "PluginRun")
    assert target["webserverPort"] == harbour.item(run_id)["webserverPort"]
    assert harbour.server.database_key.lower() not in harbour.told.read_text().lower()
    assert not [name for name in told if name.startswith("DATAPOD_")]


def test_an_aborted_run_ends_itself_and_stays_aborted(harbour, wait_until):
    run_id = harbour.run("Drifts")
    harbour.await_status(run_id, "started")
    pids = harbour.processes()
    assert pids
    harbour.server.v4("update_item", {"id": run_id, "status": "aborted"})
    wait_until(lambda: all(is_gone(pid) for pid in pids), seconds=15)
    assert harbour.item(run_id)["status"] == "aborted"


def test_a_server_that_is_stopped_ends_its_runs_and_says_so_after_the_next_start(harbour):
    run_id = harbour.run(image="probe")
    harbour.environment()
    pids = harbour.processes()
    assert pids
    assert harbour.server.stop(signal.SIGTERM) == 0
    assert all(is_gone(pid) for pid in pids)
    harbour.start()
    assert (harbour.item(run_id)["status"], harbour.item(run_id)["error"]) == ("error", "The server was stopped")


def test_a_server_that_is_killed_leaves_no_orphan_and_says_so_after_the_next_start(harbour, wait_until):
    run_id = harbour.run(image="probe")
    data = json.loads(harbour.environment()["POD_AUTH_JSON"])["data"]
    pids = harbour.processes()
    assert pids
    family = psutil.Process(harbour.server.process.pid).children()
    harbour.server.process.kill()
    for process in family:
        process.kill()
    wait_until(lambda: all(is_gone(pid) for pid in pids))
    harbour.server.stop(signal.SIGKILL)
    harbour.start()
    assert (harbour.item(run_id)["status"], harbour.item(run_id)["error"]) == ("error", "The server was restarted")
    assert harbour.as_plugin("search", {}, data).status_code == 421


def test_a_run_that_cannot_be_started_stores_nothing(harbour):
    for image, properties, status in (("unknown", {}, 500), ("boats", {"pluginModule": "boats"}, 400)):
        item = {"type": "PluginRun", "id": "refused-run", "targetItemId": "refused-run", "containerImage": image, **properties}
        answer = harbour.server.v4("bulk", {"createItems": [{"type": "Note", "id": "beside-it", "title": "x"}, item]})
        assert answer.status_code == status, answer.text
        assert answer.text.startswith("Failure: ")
        assert harbour.server.v4("search", {"id": "refused-run"}).json() == []
        assert harbour.server.v4("search", {"id": "beside-it"}).json() == []

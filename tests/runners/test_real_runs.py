"""Plugin runs from outside: a real server, real plugins, real processes. Source: pod-protocol.md, 3.4, 14 and 23.6."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import psutil
import pytest

# Strict, so that it reports its own cure: once a server answers /v4, these fail until the mark is taken away.
PLUGINS = """
import time

from datapod import Item, PluginBase


class Boat(Item):
    name: str | None = None


class Sails(PluginBase):
    schema_classes = [Boat]

    def run(self):
        for number in (1, 2, 3):
            assert self.client.create(Boat(name=f"boat {number}"))
            self.set_progress(number / 4)


class Sinks(PluginBase):
    def run(self):
        raise RuntimeError("hit an iceberg")


class Drifts(PluginBase):
    def run(self):
        while True:
            time.sleep(0.05)
"""
STALE = "Failure: Plugin credentials are no longer valid"


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Harbour:
    """A registered account on a server of its own, whose runs of the image `boats` are processes and of `probe` a script."""

    def __init__(self, start_server, wait_until, folder: Path) -> None:
        self.folder = folder / "server"
        self.folder.mkdir(parents=True)
        (self.folder / "boats.py").write_text(PLUGINS)
        self.told = self.folder / "told"
        probe = self.folder / "probe.sh"
        # Tells its environment and its process id, then waits.
        probe.write_text(
            f"#!/bin/sh\nenv -0 > {shlex.quote(str(self.told))}.part\nmv {self.told}.part {self.told}\nwhile :; do sleep 0.05; done\n"
        )
        probe.chmod(0o755)
        self._start_server = start_server
        self._options = ("--plugins-process", "boats", "--insecure-plugin-script", f"probe={probe}")
        self._wait_until = wait_until
        self.start()

    def start(self) -> None:
        self.server = self._start_server(*self._options)
        keys = {"ownerKey": self.server.owner_key, "databaseKey": self.server.database_key}
        assert self.server.http.post(self.server.address + "/v4/account", json=keys).status_code < 500

    def run(self, name: str | None = None, image: str = "boats") -> str:
        """Create a `PluginRun`; returns its id."""
        run_id = "run-" + (name or image)
        plugin = {} if name is None else {"pluginModule": "boats", "pluginName": name}
        item = {"type": "PluginRun", "id": run_id, "targetItemId": run_id, "containerImage": image, **plugin}
        answer = self.server.v4("create_item", item)
        assert (answer.status_code, answer.json()) == (200, run_id), answer.text
        return run_id

    def item(self, run_id: str) -> dict:
        return self.server.v4("get_item", run_id).json()[0]

    def await_status(self, run_id: str, *statuses: str) -> dict:
        self._wait_until(lambda: self.item(run_id).get("status") in statuses, seconds=30, what=f"status {statuses} of {run_id}")
        return self.item(run_id)

    def environment(self) -> dict[str, str]:
        """What the probe was told."""
        self._wait_until(self.told.exists, what="the probe's start")
        return dict(entry.split("=", 1) for entry in self.told.read_text().split("\0") if entry)

    def as_plugin(self, endpoint: str, payload: object, data: dict, owner_key: str | None = None):
        body = {"auth": {"type": "PluginAuth", "data": data}, "payload": payload}
        return self.server.http.post(f"{self.server.address}/v4/{owner_key or self.server.owner_key}/{endpoint}", json=body)

    def processes(self) -> list[int]:
        """The processes of the plugins of this server."""
        family = psutil.Process(self.server.process.pid).children(recursive=True)
        return [process.pid for process in family if str(self.folder) in " ".join(process.cmdline()) or "plugin" in process.cmdline()]


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

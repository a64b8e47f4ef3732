"""Talking to running plugins through a real server. Source: pod-protocol.md, 15.1, 15.2, 15.3, 21.31."""

from __future__ import annotations

import json

import pytest
from tests.conftest import launch, wait_until
from tests.runners.harbour import Harbour


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    started = []
    folder = tmp_path_factory.mktemp("plugins")

    def start(*options):
        started.append(launch(folder / "server", *options))
        return started[-1]

    yield Harbour(start, wait_until, folder)
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def office(harbour):
    """A living run with a web server."""
    run_id = harbour.run("Harbourmaster")
    wait_until(lambda: harbour.state(run_id) == "daemon", seconds=60)
    return run_id


def test_a_run_that_starts_nothing_and_an_unknown_one_are_unreachable(harbour):
    run_id = harbour.run(image="none")
    answer = harbour.server.v4("plugin/status", {"plugins": [run_id, "unknown-run"]})
    assert answer.json() == {"plugins": {run_id: {"status": "unreachable"}, "unknown-run": {"status": "unreachable"}}}


def test_a_living_plugin_tells_its_state_what_it_offers_and_answers_calls(harbour, office):
    offers = harbour.server.v4("plugin/api", {"id": office}).json()
    assert offers["/v1/moor"] == {"method": "POST", "args": {"name": "str", "metres": "float", "crew": "dict"}}
    call = {"id": office, "method": "POST", "endpoint": "/v1/moor", "query": {"name": "Æ & 2", "metres": 12.5}, "jsonBody": {"mate": [1]}}
    answer = harbour.server.v4("plugin/api/call", call)
    assert (answer.status_code, answer.json()) == (200, {"name": "Æ & 2", "metres": 12.5, "crew": {"mate": [1]}}), answer.text
    call = {"id": office, "method": "get", "endpoint": "/v1/berths", "query": {"free": True}, "jsonBody": None}
    assert harbour.server.v4("plugin/api/call", call).json() == [1, 2]


def test_a_plugin_without_a_web_server_has_its_stored_status_while_it_is_alive(harbour):
    run_id = harbour.run("Drifts")
    harbour.await_status(run_id, "started")
    assert harbour.state(run_id) == "started"
    harbour.server.v4("update_item", {"id": run_id, "status": "aborted"})
    wait_until(lambda: harbour.state(run_id) == "unreachable", seconds=30)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"id": "unknown-run"}, 404, "Failure: There is no plugin run unknown-run"),
        ({"id": "run-none"}, 502, "Failure: The plugin run run-none is not alive on this server"),
        ({"endpoint": "v1/moor"}, 400, "Failure: An endpoint of a plugin is a path that begins with /, not 'v1/moor'"),
        ({"endpoint": "http://example.org/v1/moor"}, 400, "Failure: An endpoint"),
        ({"method": "GET / HTTP/1.1\r\nHost: evil\r\n\r\nPOST"}, 400, "Failure: A plugin cannot be called with the method"),
        ({"query": {"name": {"a": 1}}}, 400, "Failure: The query parameter name of a call must be"),
        ({"endpoint": "/v1/nothing"}, 404, 'Failure: {"detail":"Not Found"}'),
        ({"endpoint": "//example.org/v1/moor"}, 404, 'Failure: {"detail":"Not Found"}'),
        ({"endpoint": "/v1/moor\r\nX: y"}, 404, 'Failure: {"detail":"Not Found"}'),
        ({"method": "GET"}, 405, 'Failure: {"detail":"Method Not Allowed"}'),
        ({"query": None}, 422, "Failure: {"),
    ],
)
def test_a_call_that_cannot_be_made_says_why(harbour, office, changes, status, text):
    harbour.run(image="none") if changes.get("id") == "run-none" and not harbour.server.v4("get_item", "run-none").json() else None
    call = {"id": office, "method": "POST", "endpoint": "/v1/moor", "query": {"name": "a", "metres": 1}, "jsonBody": {}} | changes
    answer = harbour.server.v4("plugin/api/call", call)
    assert (answer.status_code, answer.text[: len(text)]) == (status, text)


@pytest.mark.parametrize("items", [{"item_ids": ["one", "two"]}, {"item_id": "one"}])
@pytest.mark.parametrize("status", ["OK", "Error while handling the trigger t, reason secret words"])
def test_a_trigger_status_is_taken_in_both_spellings_and_logged_without_its_text(harbour, items, status):
    answer = harbour.server.v4("trigger/status", {"trigger_id": "unknown", "status": status, **items})
    assert (answer.status_code, answer.json()) == (200, {})
    assert "secret words" not in harbour.server.log()


def test_a_malformed_payload_is_400_and_names_the_place(harbour):
    answer = harbour.server.v4("plugin/status", {"plugins": "x"})
    assert (answer.status_code, json.dumps(answer.text)[:50]) == (400, '"Failure: JSON deserialization error payload.plugi')


def test_the_list_of_runs_tells_the_owner_what_was_started_and_what_is_due(harbour, office):
    permissions = json.dumps({"runs": True})
    run_id = harbour.run("Sails", pluginSchedule='{"every": "6h"}', config="{}")
    harbour.await_status(run_id, "done")
    wait_until(lambda: "ended" in harbour.listed(run_id)[0], seconds=30)
    (listed,) = harbour.listed(run_id)
    assert listed["next"] == listed["started"] + 6 * 3_600_000
    assert listed["ended"] >= listed["started"]
    times = ("next", "started", "ended")
    assert {name: value for name, value in listed.items() if name not in times} == {
        "id": run_id,
        "plugin": "boats.Sails",
        "containerImage": "boats",
        "status": "done",
        "permissions": "unrestricted",
        "exitCode": 0,
        "schedule": {"every": "6h"},
        "last": run_id,
        "missed": 0,
        "failed": 0,
    }
    everything = harbour.listed()
    assert [run["started"] for run in everything] == sorted((run["started"] for run in everything), reverse=True)
    assert next(run for run in everything if run["id"] == office).keys().isdisjoint({"ended", "schedule", "next"})
    sinking = harbour.run("Sinks", pluginPermissions=permissions)
    harbour.await_status(sinking, "error")
    (listed,) = harbour.listed(sinking)
    assert (listed["permissions"], listed["error"]) == ({"runs": True}, "RuntimeError: hit an iceberg")


def test_a_plugin_may_not_list_runs(harbour):
    harbour.run(image="probe")
    data = json.loads(harbour.environment()["POD_AUTH_JSON"])["data"]
    assert harbour.as_plugin("plugin/runs", {}, data).status_code == 403

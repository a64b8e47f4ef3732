"""Plugins that are called when items appear. Source: pod-protocol.md, 15.3."""

from __future__ import annotations

import socket

import pytest
from tests.runners.harbour import Harbour


@pytest.fixture
def harbour(start_server, wait_until, tmp_path):
    return Harbour(start_server, wait_until, tmp_path)


def test_a_living_plugin_is_called_for_new_items_that_pass_the_filter_and_not_for_its_own(harbour, wait_until):
    run_id = harbour.run("Lighthouse")
    wait_until(lambda: harbour.state(run_id) == "daemon", seconds=60)
    create = {"type": "Trigger", "triggerOn": "Boat", "pluginRunId": run_id, "action": "look"}
    for changes in (
        {"id": "trigger-one"},
        {"id": "trigger-old", "filterCreatedAfter": 1000, "filterCreatedAfterPropertyName": "dateModified"},
        {"id": "trigger-late", "filterCreatedAfter": 4_000_000_000_000},
        {"id": "trigger-else", "triggerOn": "Buoy"},
        {"id": "trigger-dead", "pluginRunId": "nobody"},
    ):
        answer = harbour.server.v4("create_item", {**create, **changes})
        assert answer.status_code == 200, answer.text
    harbour.server.v4("create_item", {"type": "Boat", "id": "boat-one", "name": "Avalon"})
    harbour.server.v4("update_item", {"id": "boat-one", "name": "Bounty"})

    def seen() -> list[str]:
        return sorted(boat["name"] for boat in harbour.server.v4("search", {"type": "Boat"}).json() if "saw" in boat["name"])

    expected = ["trigger-old saw boat-one ['boat-one']", "trigger-one saw boat-one ['boat-one']"]
    wait_until(lambda: seen() == expected, seconds=30, what="both calls")
    harbour.server.v4("delete_item", "trigger-old")
    harbour.server.v4("create_item", {"type": "Boat", "id": "boat-two", "name": "Crémant"})
    wait_until(lambda: len(seen()) > 2, seconds=30, what="the call after a trigger was deleted")
    assert seen() == sorted([*expected, "trigger-one saw boat-two ['boat-two']"])


def test_a_plugin_is_not_called_for_items_that_it_may_not_read(harbour, wait_until):
    harbour.server.v4("create_item", {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": "name", "valueType": "Text"})
    run_id = harbour.run("Lighthouse", pluginPermissions='{"read": {"Boat": "*"}, "write": {"Boat": "*"}, "network": "outbound"}')
    wait_until(lambda: harbour.state(run_id) == "daemon", seconds=60)
    for item_type in ("Buoy", "Boat"):
        trigger = {"type": "Trigger", "id": f"trigger-{item_type}", "triggerOn": item_type, "pluginRunId": run_id}
        assert harbour.server.v4("create_item", trigger).status_code == 200
    harbour.server.v4("create_item", {"type": "Buoy", "id": "buoy-one", "name": "hidden"})
    harbour.server.v4("create_item", {"type": "Boat", "id": "boat-one", "name": "Avalon"})

    def names() -> set[str]:
        return {boat["name"] for boat in harbour.server.v4("search", {"type": "Boat"}).json()}

    wait_until(lambda: len(names()) > 1, seconds=30, what="the call for the boat")
    assert names() == {"Avalon", "trigger-Boat saw boat-one ['boat-one']"}


def test_a_plugin_that_does_not_answer_keeps_nobody_else_waiting(harbour, wait_until):
    deaf = harbour.run("Drifts")
    harbour.await_status(deaf, "started")
    heard = harbour.run("Lighthouse")
    wait_until(lambda: harbour.state(heard) == "daemon", seconds=60)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls, never answers, and each takes five seconds
        harbour.server.v4("update_item", {"id": deaf, "webserverPort": silent.getsockname()[1]})
        for run_id in (deaf, heard):
            trigger = {"type": "Trigger", "id": f"trigger-{run_id}", "triggerOn": "Buoy", "pluginRunId": run_id}
            assert harbour.server.v4("create_item", trigger).status_code == 200
        numbers = [f"{number:03}" for number in range(20)]
        bulk = {"createItems": [{"type": "Buoy", "id": f"buoy-{number}", "name": number} for number in numbers]}
        assert harbour.server.v4("bulk", bulk).status_code == 200
        wait_until(lambda: len(harbour.server.v4("search", {"type": "Boat"}).json()) == 20, seconds=30, what="twenty calls")

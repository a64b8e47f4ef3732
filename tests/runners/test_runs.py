"""From a new `PluginRun` item to a start: what is checked inside the transaction, and what a run is told. Source: pod-protocol.md, 14."""

from __future__ import annotations

import json
import sys

import pytest

from datapod_server.errors import Failed, Forbidden, Invalid, StaleToken
from datapod_server.principal import OWNER, plugin_run
from datapod_server.runners import ContainerSettings
from datapod_server.runners.fake import FakeBackend
from datapod_server.storage.keys import DatabaseKey

PLUGIN = {"pluginModule": "boats.imports", "pluginName": "LogbookPlugin"}


@pytest.mark.parametrize("image", ["", "none"])
def test_an_image_that_names_nothing_starts_nothing(house, image):
    pod = house(FakeBackend())
    assert pod.create(containerImage=image) is None
    assert not pod.runners.busy()


@pytest.mark.parametrize("name", ["containerImage", "targetItemId"])
def test_a_run_without_a_needed_property_is_refused(house, name):
    with pytest.raises(Invalid, match=name):
        house(FakeBackend()).create(**{name: None})


def test_a_run_against_an_unknown_item_is_refused(house):
    with pytest.raises(Invalid, match="Failed to find target item harbour to run a plugin against"):
        house(FakeBackend()).create(targetItemId="harbour")


def test_the_target_may_be_any_item_and_goes_to_the_plugin_as_it_was_at_the_commit(house):
    backend = FakeBackend(lambda run: run.end(0))
    pod = house(backend)
    pod.items.items["harbour"] = {"id": "harbour", "type": "Place", "name": "Crémant"}
    token = pod.create(targetItemId="harbour")
    pod.await_end()
    variables = backend.runs[0].launch.variables
    assert set(variables) == {"POD_FULL_ADDRESS", "POD_TARGET_ITEM", "POD_PLUGINRUN_ID", "POD_OWNER", "POD_AUTH_JSON"}
    assert json.loads(variables["POD_TARGET_ITEM"]) == {"id": "harbour", "type": "Place", "name": "Crémant"}
    assert (variables["POD_PLUGINRUN_ID"], variables["POD_OWNER"]) == ("run", "f" * 64)
    data = json.loads(variables["POD_AUTH_JSON"])["data"]
    assert f"{data['nonce']}.{data['encryptedPermissions']}" == token
    assert pod.key.text() not in str(variables)


def test_a_token_of_a_run_opens_the_pod_until_the_run_has_ended(house):
    backend = FakeBackend()
    pod = house(backend)
    token = pod.create()
    opened = pod.tokens.open_text(token)
    assert (opened.owner_key, opened.database_key, opened.run_id) == ("f" * 64, pod.key, "run")
    pod.runners.close()
    with pytest.raises(StaleToken):
        pod.tokens.open_text(token)


def test_a_rolled_back_transaction_leaves_no_token(house):
    pod = house(FakeBackend())
    item = {"containerImage": "boats", "targetItemId": "run"}
    prepared = pod.runners.before_run("run", item, {"run": item}.get, None, OWNER)
    prepared.abandon()
    with pytest.raises(StaleToken):
        pod.tokens.open_text(prepared.token.text())
    assert not pod.runners.busy()


def test_a_process_gets_a_free_port_unless_its_run_has_one(house):
    pod = house(None, processes={"boats": sys.executable})
    item = {"containerImage": "boats", "targetItemId": "run", **PLUGIN}
    assert 1024 < pod.runners.before_run("run", item, {"run": item}.get, None, OWNER).properties["webserverPort"] < 65536
    item["webserverPort"] = 8080
    assert pod.runners.before_run("run", item, {"run": item}.get, None, OWNER).properties == {}


@pytest.mark.parametrize(
    ("settings", "program"),
    [
        ({"containers": ContainerSettings(engine="/no/such/engine")}, "/no/such/engine"),
        ({"scripts": {"boats": "/no/such/file"}}, "/no/such/file"),
        ({"processes": {"*": "/no/such/python"}}, "/no/such/python"),
    ],
)
def test_a_program_that_cannot_be_executed_is_named_and_nothing_is_started(house, settings, program):
    pod = house(None, **settings)
    with pytest.raises(Failed, match=f"Failed to execute {program}, a plugin container triggered by item run, "):
        pod.create(**PLUGIN)
    assert not pod.runners.busy()


def test_a_script_for_exactly_this_image_comes_before_a_process_for_all(house, tmp_path):
    marker = tmp_path / "ran"
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\necho $POD_PLUGINRUN_ID > {marker}\n")
    script.chmod(0o755)
    pod = house(None, scripts={"boats": str(script)}, processes={"*": "/no/such/python"})
    pod.create()
    pod.await_end()
    assert (marker.read_text(), pod.status()) == ("run\n", ("done", None))


def test_a_database_key_that_is_no_hex_cannot_be_handed_on(house):
    pod = house(FakeBackend())
    pod.runners._preparation._database_key = DatabaseKey.parse("correcthorse")
    with pytest.raises(Invalid, match="hex digits"):
        pod.create()


def test_an_operator_may_forbid_unrestricted_runs_but_not_those_that_start_nothing(house):
    pod = house(FakeBackend(), unrestricted="deny")
    with pytest.raises(Forbidden, match="Unrestricted plugin runs are not allowed on this server"):
        pod.create()
    assert pod.create(containerImage="none") is None


def test_how_a_run_is_started_again_is_checked_when_it_is_written(house):
    pod = house(FakeBackend())
    with pytest.raises(Invalid, match="pluginRestart must be one of never, on-failure, always"):
        pod.create(pluginRestart="sometimes")
    with pytest.raises(Invalid, match="pluginRestart"):
        pod.runners.before_change({"pluginRestart": 3})


def test_an_owner_may_say_that_a_run_is_not_restarted(house):
    pod = house(FakeBackend(lambda run: run.end(0)))
    assert pod.create(pluginRestart="never") is not None
    pod.await_end()


def test_a_plugin_may_start_another_run(house):
    backend = FakeBackend(lambda run: run.end(0))
    pod = house(backend)
    assert pod.create(principal=plugin_run("other")) is not None
    pod.await_end()


def test_runs_of_a_server_that_was_killed_are_given_their_last_state_at_the_next_unlock(house):
    pod = house(FakeBackend())
    pod.runners._records.start("run", "boats")
    pod.runners._records.start("finished", "boats")
    pod.items.items |= {"run": {"status": "started"}, "finished": {"status": "done"}}
    pod.runners.recover()
    assert pod.status() == ("error", "The server was restarted")
    assert pod.status("finished") == ("done", None)
    pod.items.items["run"]["status"] = "started"
    pod.runners.recover()
    assert pod.status()[0] == "started"

"""A run from its id to its end, in this process and as a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from datapod import Item, PluginBase, PluginError, PluginRun, PodClient, run_plugin, simulate_run_plugin_from_frontend
from datapod.driver import fit_config, get_plugin_cls, parse_config, run_plugin_from_run_id
from datapod.examples.plugins import MyItem, MySimplePlugin
from datapod.plugin import declared_classes
from datapod.testing import run_for_test

EXAMPLE = "datapod.examples.plugins"


class Author(Item):
    name: str | None = None


class Novel(Item):
    title: str | None = None
    pages: int | None = None
    written_by: list[Author] = []


class Library(PluginBase):
    def __init__(self, shelf: str = "all", count: int = 1, loud: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.shelf, self.count, self.loud = shelf, count, loud

    def run(self):
        for number in range(self.count):
            self.client.create(Novel(title=f"{self.shelf} {number}"))


class Positional(PluginBase):
    def run(self):
        pass


class Broken(PluginBase):
    torn_down = False

    def run(self):
        raise KeyError("gone")

    def teardown(self):
        type(self).torn_down = True
        super().teardown()


def write_description(folder, **values):
    path = folder / "run.json"
    path.write_text(json.dumps({"pluginModule": __name__, "pluginName": "Library", **values}))
    return str(path)


def test_changes_of_found_items_are_written_back(client, pod):
    client.add_to_schema(MyItem("my name", 10))
    client.bulk_action(create_items=[MyItem("old", 30), MyItem("young", 10)])
    run_for_test(MySimplePlugin, client=PodClient(api=pod))
    assert sorted(item["name"] for item in pod.items.values() if item["type"] == "MyItem") == ["new name", "young"]


def test_a_plugin_without_schema_code_registers_what_its_module_declares():
    assert {cls.__name__ for cls in declared_classes(Library)} == {"Author", "Novel"}
    plugin = run_for_test(Library, {"count": "2"})
    kinds = {entry.get("propertyName"): entry.get("valueType") for entry in plugin.client.api.requests[1][1]["createItems"]}
    assert (kinds["title"], kinds["pages"]) == ("Text", "Integer")
    assert len(plugin.client.search({"type": "Novel"})) == 2


def test_configuration_text_becomes_the_annotated_type():
    assert fit_config(Library, {"count": "3", "loud": "yes", "other": "x"}) == {"count": 3, "loud": True, "other": "x"}
    with pytest.raises(ValueError, match="count"):
        fit_config(Library, {"count": "three"})
    with pytest.raises(ValueError, match="expected a dict, got a list"):
        parse_config("[]")


def test_client_and_run_are_told_apart_whatever_their_order(client):
    run = PluginRun("none", "a", "B")
    for plugin in (Positional(run, client), Positional(client, run), Library(client=client, pluginRun=run)):
        assert plugin.client is client and plugin.pluginRun is run
    with pytest.raises(ValueError, match=r"Plugins need a `client: PodClient` as kwarg to run"):
        Library(pluginRun=run)
    with pytest.warns(RuntimeWarning):
        Library(client=client, repository="r").set_run_status("done")


def test_a_plugin_that_does_not_exist_is_unknown_and_its_own_import_errors_are_not(tmp_path, monkeypatch):
    for module, name in ((f"{__name__}", "Nope"), ("nowhere.at.all", "X"), (None, None)):
        with pytest.raises(ImportError, match=f"Unknown plugin: {module}.{name}"):
            get_plugin_cls(module, name)
    (tmp_path / "needy_plugin.py").write_text("import something_that_is_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="No module named 'something_that_is_not_installed'"):
        get_plugin_cls("needy_plugin", "X")


def test_a_described_run_asks_the_pod_in_this_order(wire, stored_keys, tmp_path, capsys, home):
    path = write_description(tmp_path, pluginModule=EXAMPLE, pluginName="MyPasswordPlugin", account={"identifier": "me", "secret": "pw"})
    assert run_plugin(pod_full_address=wire.address, config_file=path) is None
    asked = wire.names()
    assert asked[:6] == ["GET /", "GET /version", "POST /v4/account", "bulk", "get_item", "get_edges"]
    assert asked[6:11] == ["update_item", "bulk", "update_item", "create_item", "create_item"]
    statuses = [payload["status"] for name, payload in wire.asked if name == "update_item" and "status" in payload]
    assert statuses == ["initialized", "started", "done"]
    first = wire.asked[3][1]
    assert [entry["type"] for entry in first["createItems"]] == ["Account", "PluginRun"] and len(first["createEdges"]) == 1
    assert first["createItems"][1]["containerImage"] == "none"
    schema = [(entry["itemType"], entry["propertyName"], entry["valueType"]) for entry in wire.asked[7][1]["createItems"]]
    assert schema == [("MyItem", "name", "Text"), ("MyItem", "age", "Integer")]
    keys = home / "pod_keys" / "keys.json"
    assert capsys.readouterr().out == (
        f"reading database_key from {keys}\nreading owner_key from {keys}\npod_full_address={wire.address}\n"
        f"owner_key={stored_keys.owner_key}\n\nrunning\nlogging in with account me and password pw\n"
    )


def test_a_failed_run_says_so_and_its_traceback_is_printed(wire, tmp_path, capsys):
    path = write_description(tmp_path, pluginName="Broken")
    with pytest.raises(PluginError, match=r"The plugin quit unexpectedly."):
        run_plugin(wire.address, database_key="d", owner_key="owner", metadata=path)
    (run,) = [item for item in wire.pods["owner"].items.values() if item["type"] == "PluginRun"]
    assert (run["status"], run["error"]) == ("error", "KeyError: 'gone'")
    assert "Traceback" in capsys.readouterr().out and Broken.torn_down


@pytest.mark.parametrize("arguments", [(), (0,)])
def test_a_plugin_that_exits_with_success_is_done(client, pod, arguments):
    class Leaving(PluginBase):
        def run(self):
            self.client.search({"type": "MyItem"})[0].name = "changed"
            sys.exit(*arguments)

    client.create(MyItem("my name", 10))
    plugin = run_for_test(Leaving, client=client)
    assert pod.items[plugin.pluginRun.id]["status"] == "done"
    assert [item["name"] for item in pod.items.values() if item["type"] == "MyItem"] == ["changed"]


def test_an_aborted_run_stays_aborted(client, pod):
    class Aborted(PluginBase):
        def run(self):
            self.client.api.update_item({"id": self.pluginRun.id, "status": "aborted"})

    assert pod.items[run_for_test(Aborted, client=client).pluginRun.id]["status"] == "aborted"


def test_a_run_that_does_not_exist_is_a_value_error(client):
    with pytest.raises(ValueError, match="Item with id nowhere does not exist"):
        run_plugin_from_run_id("nowhere", client)


def started_run(wire, **values):
    client = PodClient(wire.address, database_key="d", owner_key="owner")
    run = PluginRun(**{"containerImage": "none", "pluginModule": EXAMPLE, "pluginName": "MySimplePlugin", **values})
    assert client.create(run)
    variables = {
        "POD_FULL_ADDRESS": wire.address,
        "POD_OWNER": "owner",
        "POD_PLUGINRUN_ID": run.id,
        "POD_TARGET_ITEM": json.dumps({"id": run.id, "type": "PluginRun"}),
        "POD_AUTH_JSON": json.dumps({"data": {"nonce": "00", "encryptedPermissions": "00"}}),
    }
    return client, run, variables


def test_the_command_that_a_pod_starts_takes_everything_from_the_environment(wire, command):
    client, run, variables = started_run(wire)
    done = command("plugin", "run", "--read-args-from-env", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "Reading `run_plugin()` parameters from environment variables"
    assert client.refresh(run).status == "done"


def test_in_a_started_process_a_bare_call_is_enough_and_credentials_are_hidden(wire, monkeypatch):
    client, run, variables = started_run(wire, pluginModule=__name__, pluginName="Spy")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run_plugin()
    assert Spy.seen == [False] and client.refresh(run).status == "done"


class Spy(PluginBase):
    seen: list[bool] = []

    def run(self):
        self.seen.append("POD_AUTH_JSON" in os.environ)


def test_passed_arguments_win_over_the_environment(wire, command):
    client, run, variables = started_run(wire)
    wrong = {**variables, "POD_FULL_ADDRESS": "http://localhost:1", "POD_PLUGINRUN_ID": "nowhere"}
    done = command("plugin", "run", "--read_args_from_env", "True", f"--pod-full-address={wire.address}", "--plugin_run", run.id, **wrong)
    assert done.returncode == 0 and client.refresh(run).status == "done"


@pytest.mark.parametrize(
    ("missing", "message"), [("POD_OWNER", "Missing parameter: 'POD_OWNER'"), ("POD_AUTH_JSON", "Missing parameter: 'POD_AUTH_JSON'")]
)
def test_a_missing_variable_is_named(wire, command, missing, message):
    _, _, variables = started_run(wire)
    done = command("plugin", "run", "--read_args_from_env", **{name: value for name, value in variables.items() if name != missing})
    assert (done.returncode, done.stderr.strip()) == (1, message)


def test_a_failed_command_ends_with_one_and_a_line(wire, command, stored_keys):
    client, run, _ = started_run(wire, pluginModule="datapod.nowhere")
    done = command(
        "plugin", "run", "--pod_full_address", wire.address, "--plugin_run_id", run.id, "--database_key", "d", "--owner_key", "owner"
    )
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (1, "The plugin quit unexpectedly.")
    assert "ImportError: Unknown plugin: datapod.nowhere.MySimplePlugin" in done.stdout
    assert client.refresh(run).error == "ImportError: Unknown plugin: datapod.nowhere.MySimplePlugin"


def test_nothing_to_run_is_wrong_usage(command):
    assert command("plugin", "run").returncode == 2
    assert command("plugin", "run", "--nonsense").returncode == 2
    assert command("plugin", "run", "--read_args_from_env", "perhaps").returncode == 2


def test_an_abort_from_the_front_end_interrupts_the_process(wire, tmp_path):
    (tmp_path / "waiting.py").write_text(
        "from datapod import PluginBase\nimport datapod.listeners, threading\n"
        "class Waiting(PluginBase):\n    def run(self):\n        print('up', flush=True)\n        threading.Event().wait(30)\n"
        "    def teardown(self):\n        print('down', flush=True)\n        super().teardown()\n"
    )
    client, run, variables = started_run(wire, pluginModule="waiting", pluginName="Waiting")
    process = subprocess.Popen(
        [sys.executable, "-m", "datapod", "plugin", "run"],
        cwd=tmp_path,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as for everything below a shell's background job
    )
    try:
        while "up" not in process.stdout.readline():
            pass
        run.status = "aborted"
        client.update_item(run)
        assert process.wait(60) == 130
        assert process.stdout.read() == "Status aborted, killing plugin...\ndown\n"
        assert client.refresh(run).status == "aborted"
    finally:
        process.stdout.close()
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_a_daemon_stays_and_answers_until_it_takes_the_word_back(wire, command, tmp_path):
    (tmp_path / "serving.py").write_text(
        "import threading, time, httpx\nfrom datapod import PluginBase\n"
        "class Serving(PluginBase):\n    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n        self.daemon = True\n"
        "    def run(self):\n        threading.Thread(target=self.look, daemon=True).start()\n"
        "    def look(self):\n        health = ''\n        while 'daemon' not in health:\n            time.sleep(0.05)\n"
        "            health = httpx.get(f'http://127.0.0.1:{self._webserver.port}/v1/health').text\n"
        "        print(health, flush=True)\n        self.daemon = False\n"
    )
    _, run, variables = started_run(wire, pluginModule="serving", pluginName="Serving", webserverPort=0)
    done = command("plugin", "run", **variables)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, '"daemon"')
    assert wire.pods["owner"].items[run.id]["status"] == "done"


def test_a_failed_plugin_ends_at_once_although_a_thread_of_its_own_is_alive(wire, command, tmp_path):
    (tmp_path / "leaving.py").write_text(
        "import threading\nfrom datapod import PluginBase\nclass Leaving(PluginBase):\n    def run(self):\n"
        "        threading.Thread(target=threading.Event().wait).start()\n        raise ValueError('gone')\n"
    )
    _, run, variables = started_run(wire, pluginModule="leaving", pluginName="Leaving")
    done = command("plugin", "run", **variables)  # would wait for the thread for ever
    assert (done.returncode, done.stderr) == (1, "The plugin quit unexpectedly.\n")
    assert "ValueError: gone" in done.stdout and wire.pods["owner"].items[run.id]["error"] == "ValueError: gone"


def test_an_error_text_that_no_encoding_takes_is_noted_with_escapes(wire, command, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from datapod import PluginBase\nclass Odd(PluginBase):\n    def run(self):\n        raise ValueError('file \\udcff.txt')\n"
    )
    _, run, variables = started_run(wire, pluginModule="odd", pluginName="Odd")
    done = command("plugin", "run", **variables)
    assert (done.returncode, done.stderr) == (1, "The plugin quit unexpectedly.\n")
    item = wire.pods["owner"].items[run.id]
    assert (item["status"], item["error"]) == ("error", "ValueError: file \\udcff.txt")


def test_starting_from_the_front_end_creates_account_run_and_edge_at_once(wire, stored_keys, tmp_path, capsys, home):
    path = write_description(tmp_path, containerImage="img", account={"service": "s"}, settings={"shelf": "new"})
    run = simulate_run_plugin_from_frontend(wire.address, config_file=path)
    (bulk,) = [payload for name, payload in wire.asked if name == "bulk"]
    assert [entry["type"] for entry in bulk["createItems"]] == ["Account", "PluginRun"] and len(bulk["createEdges"]) == 1
    assert json.loads(bulk["createItems"][1]["config"]) == {"shelf": "new"} and bulk["createItems"][1]["containerImage"] == "img"
    assert capsys.readouterr().out.splitlines()[2:] == [
        f"pod_full_address={wire.address}",
        f"owner_key={stored_keys.owner_key}",
        "",
        f"calling the `create` api on {wire.address} to make your Pod start a plugin with id {run.id}.",
        "*Check the pod log/console for debug output.*",
    ]
    assert json.loads((home / "plugins" / "img" / "current_run.json").read_text()) == {"id": run.id}


def test_starting_by_path_infers_the_container_and_links_an_account(wire, capsys):
    client = PodClient(wire.address, database_key="d", owner_key="owner")
    from datapod import Account

    account = Account(service="s")
    client.create(account)
    run = simulate_run_plugin_from_frontend(
        wire.address, database_key="d", owner_key="owner", plugin_path="boats.plugin.BoatPlugin", account_id=account.id
    )
    assert (run.containerImage, run.pluginModule, run.pluginName) == ("boats", "boats.plugin", "BoatPlugin")
    out = capsys.readouterr().out
    assert "Inferred 'boats' as plugin container name\n" in out and f"Using existing Account (#{account.id})\n" in out
    assert client.get(run.id).account[0].id == account.id


def test_a_traceback_is_printed_even_when_the_pod_is_gone(wire, client, capsys, monkeypatch):
    from datapod.driver import mark_failed
    from datapod.errors import PodConnectionError

    def gone(*arguments):
        raise PodConnectionError("http://gone", "refused")

    monkeypatch.setattr(client.api, "get_item", gone)
    try:
        raise ValueError("why")
    except ValueError as error:
        mark_failed(client, "run", error)
    assert "ValueError: why" in capsys.readouterr().out


def test_helper_threads_never_keep_the_process_alive(client):
    run = PluginRun("none", __name__, "Library")
    client.create(run)
    plugin = Library(client=client, pluginRun=run)
    plugin.setup()
    assert all(thread.daemon for thread in threading.enumerate() if "Listener" in thread.name)
    plugin.teardown()

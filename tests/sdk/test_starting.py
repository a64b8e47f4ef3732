"""Starting a plugin from the command line: what it asks for is shown, and granted by the owner or not."""

from __future__ import annotations

import json

import pytest

from datapod.cli.start import rights_in_words

PLUGIN = """
from datapod import PluginBase
class Logbook(PluginBase):
    permissions = {"read": {"Note": ["title"]}, "write": {"Landing": "*"}, "network": ["boats.example:443"]}
    def __init__(self, port: str, tonnes_at_least: float = 0.5, all: bool = False, _hidden: int = 1, bare=1, names: list = (), **kwargs):
        super().__init__(**kwargs)
    def run(self): pass
"""


@pytest.fixture
def start(command, wire, stored_keys, tmp_path):
    (tmp_path / "boats.py").write_text(PLUGIN)

    def run(*options, typed=""):
        return command("plugin", "start", "--pod_full_address", wire.address, "--plugin_path", "boats.Logbook", *options, typed=typed)

    return run


def runs(wire):
    return [item for pod in wire.pods.values() for item in pod.items.values() if item["type"] == "PluginRun"]


def test_rights_are_shown_in_words_and_granted_by_a_yes(start, wire):
    done = start(typed="y\n")
    assert done.returncode == 0, done.stderr
    assert "boats.Logbook asks for the right to" in done.stderr
    for words in ("read Note (title)", "write Landing", "connect to boats.example:443"):
        assert f"  {words}\n" in done.stderr
    (run,) = runs(wire)
    assert json.loads(run["pluginPermissions"])["write"] == {"Landing": "*"}
    assert done.stdout.splitlines()[-1] == "*Check the pod log/console for debug output.*" and "asks" not in done.stdout


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_started(start, wire, typed):
    done = start(typed=typed)
    assert (done.returncode, runs(wire)) == (1, [])
    assert "Not started" in done.stderr and "Traceback" not in done.stderr


def test_yes_and_unrestricted_ask_nothing_but_show_it(start, wire):
    done = start("--unrestricted", "--yes")
    assert done.returncode == 0 and "everything: it is unrestricted" in done.stderr
    assert "pluginPermissions" not in runs(wire)[0]


def test_a_declaration_that_is_passed_wins_over_that_of_the_class(start, wire, tmp_path):
    (tmp_path / "rights.json").write_text('{"read": {"Boat": "*"}}')
    assert start("--permissions", "rights.json", "--yes").returncode == 0
    assert json.loads(runs(wire)[0]["pluginPermissions"]) == {"read": {"Boat": "*"}}
    for wrong, reason in (("{", "not JSON"), ('["a"]', "No such file"), ("none.json", "No such file")):
        done = start("--permissions", wrong, "--yes")
        assert (done.returncode, reason in done.stderr) == (1, True), done.stderr
    assert start("--permissions", "rights.json", "--unrestricted").returncode == 2


def test_the_founding_command_asks_nothing(wire, stored_keys, tmp_path, monkeypatch, capsys):
    from datapod import simulate_run_plugin_from_frontend

    (tmp_path / "harbour_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = simulate_run_plugin_from_frontend(wire.address, plugin_path="harbour_plugin.Logbook")
    assert json.loads(run.pluginPermissions)["read"] == {"Note": ["title"]}
    assert capsys.readouterr().err == ""


def test_every_member_of_a_declaration_has_words():
    declaration = {
        "read": {"*": "*"},
        "write": {"Note": ["title", "content"]},
        "edges": {"label": "write", "*": "read"},
        "files": "write",
        "email": ["*@example.org"],
        "network": "outbound",
        "datasets": {"read": ["tides"]},
        "runs": True,
        "platforms": ["twitter"],
    }
    assert rights_in_words(declaration) == [
        "read items of every type",
        "write Note (title, content)",
        "read and write the edge label",
        "read every edge",
        "read and write files",
        "send mail to *@example.org",
        "connect to every place in the network",
        "read the datasets tides",
        "start further plugin runs",
        "use the logins at twitter",
    ]
    assert rights_in_words({}) == ["nothing but its own run"]


def test_the_form_of_a_plugin_is_written_from_its_constructor(command, tmp_path):
    (tmp_path / "boats.py").write_text("from __future__ import annotations\n" + PLUGIN)
    (tmp_path / "metadata.json").write_text('{"pluginModule": "boats", "pluginName": "Logbook"}')
    done = command("plugin", "config", "--tgt-file", "form.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Skipping unannotated parameter bare\nConfig saved to form.json\n"
    fields = json.loads((tmp_path / "form.json").read_text())
    assert [(field["name"], field["data_type"], field["optional"], field["default"]) for field in fields] == [
        ("port", "Text", False, None),
        ("tonnes_at_least", "Real", True, 0.5),
        ("all", "Bool", True, False),
    ]
    assert (fields[1]["display"], fields[1]["type"]) == ("Tonnes At Least", "textbox")
    assert json.loads((tmp_path / "schema.json").read_text()) == []
    (tmp_path / "metadata.json").write_text('{"pluginModule": "boats"}')
    refused = command("plugin", "config")
    assert (refused.returncode, refused.stderr) == (1, "Missing metadata: pluginName\n")

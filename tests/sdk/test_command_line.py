"""The `datapod` program: what it loads, what it says, how it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

import datapod
from datapod.cli import main as program
from datapod.cli.runs import abort_run, enter_code, list_runs
from datapod.schema import Account, PluginRun


def test_help_lists_commands_of_both_sides(command):
    done = command("--help")
    assert done.returncode == 0
    for name in ("serve", "run-script", "plugin", "keys", "schema", "version"):
        assert name in done.stdout


def test_the_version_is_printed(command):
    assert command("version").stdout == f"{datapod.__version__}\n"


def test_an_unknown_command_is_wrong_usage(command):
    done = command("nonsense")
    assert done.returncode == 2 and "nonsense" in done.stderr and "Traceback" not in done.stderr


def test_server_commands_are_sent_on_without_loading_anything_else(tmp_path):
    code = (
        "import sys, types\nserver = types.ModuleType('datapod_server.cli.main')\nserver.run = lambda argv: print(argv) or 7\n"
        "sys.modules['datapod_server.cli.main'] = server\nfrom datapod.cli.main import main\nassert main(['run-script', 'x.py']) == 7\n"
        "print([name for name in ('typer', 'rich', 'httpx', 'msgspec', 'logging') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.stdout == "['run-script', 'x.py']\n[]\n", done.stderr


def test_a_missing_server_is_one_line_with_the_way_out(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")

    monkeypatch.setattr("importlib.import_module", missing)
    assert program.main(["serve"]) == 1
    assert capsys.readouterr().err == (
        "datapod serve needs the server, which is not installed here (no module 'duckdb'). Install it: pip install 'datapod[server]'\n"
    )


def test_schemas_are_shown_and_checked(command, tmp_path):
    assert '"weight": "Real"' in command("schema", "show", "datapod.examples.example_schema:Dog").stdout
    (tmp_path / "two_types.py").write_text(
        "from datapod import Item\nclass A(Item):\n    size: int | None = None\nclass B(Item):\n    Size: str | None = None\n"
    )
    done = command("schema", "check", "two_types")
    assert done.returncode == 1 and "A.size is Integer and B.Size is Text" in done.stderr


@pytest.fixture
def run(client):
    run, account = PluginRun("none", "a", "B", status="started"), Account()
    client.bulk_action(create_items=[run, account], create_edges=[run.add_edge("account", account)])
    return run


def test_a_code_is_brought_back_account_first(client, pod, run):
    enter_code(client, run.id, "c")
    assert [payload for name, payload in pod.requests if name == "update_item"] == [
        {"id": run.account[0].id, "code": "c"},
        {"id": run.id, "status": "ready"},
    ]


def test_a_run_is_aborted_and_listed(client, run):
    assert abort_run(client, run.id) == "aborted"
    assert list_runs(client, []) == [run] and list_runs(client, ["nowhere"]) == []

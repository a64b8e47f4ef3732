"""Looking after real runs of a real server from the command line. Source: plugin-sdk.md, 16.2."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.conftest import datapod_command, launch, wait_until
from tests.runners.harbour import Harbour, is_gone


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


@pytest.fixture
def datapod(harbour):
    """Carry out `datapod plugin ...` against this server."""

    def carry_out(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = harbour.server.environment | {"POD_ADDRESS": harbour.server.address}
        command = datapod_command("plugin", *arguments)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False, cwd=harbour.folder)

    return carry_out


def test_a_run_is_started_with_a_schedule_waited_for_listed_and_its_schedule_ended(harbour, datapod):
    words = ("--plugin-path", "boats.Sails", "--permissions", "unrestricted", "--yes", "--every", "6h", "--restart", "on-failure", "--wait")
    started = datapod("start", *words, "--pod-full-address", harbour.server.address)
    assert started.returncode == 0, started.stderr
    (listed,) = [run for run in harbour.listed() if run.get("schedule") == {"every": "6h"}]
    assert harbour.item(listed["id"])["pluginRestart"] == "on-failure"
    shown = json.loads(datapod("status", "--json", listed["id"]).stdout)
    assert [run["id"] for run in shown] == [listed["id"]]
    table = datapod("status").stdout
    assert listed["id"] in table
    assert "boats.Sails" in table
    aborted = datapod("abort", listed["id"])
    assert (aborted.returncode, aborted.stdout.strip(), aborted.stderr) == (0, "aborted", "")
    assert "next" not in harbour.listed(listed["id"])[0]


def test_a_run_that_fails_is_waited_for_with_exit_status_1(harbour, datapod):
    started = datapod("start", "--plugin-path", "boats.Sinks", "--yes", "--wait", "--pod-full-address", harbour.server.address)
    assert started.returncode == 1
    assert "Traceback" not in started.stderr


def test_a_schedule_that_cannot_be_carried_out_is_refused_in_the_words_of_the_pod(harbour, datapod):
    words = ("--plugin-path", "boats.Sails", "--yes", "--pod-full-address", harbour.server.address)
    unattended = datapod("start", *words, "--cron", "15 3 * * *", "--timezone", "Europe/Amsterdam", "--unattended")
    assert (unattended.returncode, "unattended must be false" in unattended.stderr) == (1, True)
    started = datapod("start", "--plugin-path", "boats.Sails", "--yes", "--every", "3s", "--pod-full-address", harbour.server.address)
    assert started.returncode == 1
    assert "every must be from 10s to 3650d" in started.stderr


def test_a_living_run_is_followed_until_it_is_aborted(harbour, datapod):
    run_id = harbour.run("Drifts")
    harbour.await_status(run_id, "started")
    pids = harbour.processes()
    environment = harbour.server.environment | {"POD_ADDRESS": harbour.server.address}
    follower = subprocess.Popen(datapod_command("plugin", "logs", "-f", run_id), env=environment, stdout=subprocess.PIPE, text=True)
    try:
        aborted = datapod("abort", run_id)
        assert (aborted.returncode, aborted.stdout.strip(), aborted.stderr) == (0, "aborted", "")
        assert all(is_gone(pid) for pid in pids)
        printed, _ = follower.communicate(timeout=60)
    finally:
        follower.kill()
        follower.wait()
    assert follower.returncode == 0
    assert "Status aborted, killing plugin..." in printed


def test_an_unknown_run_is_told_in_one_line(datapod):
    for command in ("abort", "logs"):
        answer = datapod(command, "unknown-run")
        assert answer.returncode == 1
        assert len(answer.stderr.strip().splitlines()) == 1
        assert "unknown-run" in answer.stderr

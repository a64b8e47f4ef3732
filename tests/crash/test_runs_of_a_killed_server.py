"""Runs and schedules of a server that is killed, and of a pod that is locked. Source: pod-protocol.md, 14.7, 14.8; design, section 6."""

from __future__ import annotations

import shlex
import time

import psutil
import pytest
from tests.runners.harbour import Harbour, is_gone

FAMILY = """#!/bin/sh
sh -c 'sleep 1000 & echo $! >> {pids}; exec sleep 1000' &
echo $! >> {pids}
echo $$ >> {pids}
mv {pids} {pids}.done
wait
"""


@pytest.fixture
def harbour(start_server, wait_until, tmp_path):
    def make(*options: str) -> Harbour:
        script = tmp_path / "family.sh"
        script.write_text(FAMILY.format(pids=shlex.quote(str(tmp_path / "pids"))))
        script.chmod(0o755)
        return Harbour(start_server, wait_until, tmp_path, "--insecure-plugin-script", f"family={script}", *options)

    return make


def kill(harbour: Harbour) -> None:
    """Supervisor and server, without a word."""
    family = psutil.Process(harbour.server.process.pid).children()
    for process in (harbour.server.process, *family):
        process.kill()
    harbour.server.stop()


def made_by(harbour: Harbour, pattern: str) -> list[dict]:
    return harbour.server.v4("search", {"type": "PluginRun", "scheduledBy": pattern}).json()


def test_children_and_grandchildren_of_a_run_die_with_a_killed_server(harbour, tmp_path, wait_until):
    port = harbour()
    port.run(image="family")
    wait_until((tmp_path / "pids.done").exists, seconds=30)
    pids = [int(line) for line in (tmp_path / "pids.done").read_text().split()]
    assert len(pids) >= 2
    family = [*pids, *(child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True))]
    kill(port)
    wait_until(lambda: all(is_gone(pid) for pid in family), seconds=30)


def test_a_schedule_outlives_a_killed_server_and_makes_up_once_for_what_it_missed(harbour, wait_until):
    port = harbour()
    pattern = port.run("Sails", pluginSchedule='{"every": "10s"}')
    started = port.listed(pattern)[0]["started"]
    port.await_status(pattern, "done")
    kill(port)
    # Downtime that two runs fall due in; it cannot be shorter than the shortest period.
    wait_until(lambda: time.time() * 1000 > started + 21_000, seconds=60, what="the second missed run")
    port.start()
    wait_until(lambda: made_by(port, pattern), seconds=30, what="the run that makes up")
    (made,) = made_by(port, pattern)
    (listed,) = port.listed(pattern)
    assert listed["last"] == made["id"]
    assert listed["next"] == port.listed(made["id"])[0]["started"] + 10_000
    assert port.await_status(made["id"], "done", "error")["status"] == "done"


def test_a_schedule_does_not_keep_a_pod_unlocked_and_makes_one_run_at_the_next_unlock(harbour, wait_until):
    port = harbour("--lock-after", "1")
    pattern = port.run("Sails", pluginSchedule='{"every": "10s"}')
    started = port.listed(pattern)[0]["started"]
    port.await_status(pattern, "done")
    wait_until(lambda: "locked the pod" in port.server.log(), seconds=60, what="the lock")
    wait_until(lambda: time.time() * 1000 > started + 10_500, seconds=60, what="the missed run")
    assert port.server.log().count("starting plugin run") == 1
    wait_until(lambda: made_by(port, pattern), seconds=30, what="the run at the unlock")
    assert len(made_by(port, pattern)) == 1


def test_a_run_that_was_stored_but_never_started_gets_its_end_at_the_next_start(harbour, wait_until):
    """Killed at the moment after the commit: as often as it takes to hit a run in its first milliseconds, no run stays without an end."""
    port = harbour()
    for number in range(3):
        run_id = f"early-{number}"
        port.server.v4("create_item", {"type": "PluginRun", "id": run_id, "targetItemId": run_id, "containerImage": "family"})
        kill(port)
        port.start()
        assert (port.item(run_id)["status"], port.item(run_id)["error"]) == ("error", "The server was restarted")

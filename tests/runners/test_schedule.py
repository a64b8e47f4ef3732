"""When a run is due again, and the runs that a schedule makes. Source: pod-protocol.md, 14.8."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import psutil
import pytest
from tests.runners.harbour import Harbour

from datapod_server.errors import Invalid
from datapod_server.runners.fake import FakeBackend
from datapod_server.runners.schedule import moments_until, next_due, parse_schedule
from datapod_server.runners.ticker import Ticker

HOUR_MS = 3_600_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[", "no valid JSON"),
        ([], "must be an object"),
        ({}, "exactly one of every, cron, on"),
        ({"every": "6h", "cron": "* * * * *"}, "exactly one of every, cron, on"),
        ({"every": "9s"}, "from 10s to 3650d"),
        ({"every": "6 h"}, "a whole number and one of s, m, h, d"),
        ({"every": 6}, "a whole number and one of s, m, h, d"),
        ({"every": "6h", "at": "noon"}, "unknown member 'at'"),
        ({"every": "6h", "timezone": "UTC"}, "timezone goes with cron only"),
        ({"cron": "* * * * * *"}, "five fields"),
        ({"cron": "61 * * * *"}, "cron '61"),
        ({"cron": "0 0 31 2 *"}, "never due"),
        ({"cron": "* * * * *", "timezone": "Mars/Olympus"}, "unknown timezone"),
        ({"on": "Boat"}, "must be an object"),
        ({"on": {"type": "Boat", "_limit": 1}}, "without _limit"),
        ({"on": {"type": ["Boat"]}}, "expected a scalar"),
        ({"every": "6h", "unattended": True}, "cannot unlock a pod without its owner"),
        ({"every": "6h", "unattended": 1}, "true or false"),
    ],
)
def test_a_schedule_that_cannot_be_carried_out_is_refused_when_it_is_written(house, content, complaint):
    pod = house(FakeBackend())
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(Invalid, match="Invalid pluginSchedule: ") as caught:
        pod.runners.before_change({"pluginSchedule": text})
    assert complaint in str(caught.value)


def test_every_counts_from_the_start_of_the_run_before():
    every = parse_schedule('{"every": "6h"}')
    assert next_due(every, 1000, 2000) == 1000 + 6 * HOUR_MS
    assert [moments_until(every, 0, hours * HOUR_MS) for hours in (5, 6, 13)] == [0, 1, 2]


def test_cron_is_in_its_time_zone_also_when_summer_time_begins_and_ends():
    nightly = parse_schedule('{"cron": "30 2 * * *", "timezone": "Europe/Amsterdam"}')
    winter = ms("2024-01-10T12:00")
    assert next_due(nightly, winter, winter) == ms("2024-01-11T01:30")
    autumn = ms("2024-10-26T12:00")
    assert moments_until(nightly, autumn, ms("2024-10-27T12:00")) == 1
    working_days = parse_schedule('{"cron": "15 3 * * 1-5"}')
    assert next_due(working_days, ms("2024-01-12T04:00"), ms("2024-01-12T04:00")) == ms("2024-01-15T03:15")


def test_a_clock_that_was_set_back_does_not_stop_a_schedule():
    assert next_due(parse_schedule('{"every": "6h"}'), 1000 * HOUR_MS, 10 * HOUR_MS) == 16 * HOUR_MS


class Clock:
    """Time that passes for a pod: what it noted is moved into the past."""

    def __init__(self, pod) -> None:
        self._pod = pod

    def pass_unseen(self, hours: float) -> None:
        with self._pod.database.write() as connection:
            connection.execute("UPDATE plugin_runs SET started_ms = started_ms - ?", (int(hours * HOUR_MS),))

    def add(self, hours: float) -> None:
        self.pass_unseen(hours)
        self._pod.runners._look_at_schedules()


@pytest.fixture
def hourly(house):
    """A pod with the run `pattern`, due every hour, whose backend is told what becomes of its runs."""

    def make(backend, **properties):
        pod = house(backend)
        pod.create("pattern", pluginSchedule='{"every": "1h"}', **properties)
        pod.runners._look_at_schedules()
        return pod, Clock(pod)

    return make


def made(pod):
    return [item for item in list(pod.items.items.values()) if item.get("scheduledBy") == "pattern"]


def test_a_due_run_is_a_copy_with_an_id_of_its_own(hourly, wait_until):
    pod, clock = hourly(FakeBackend(lambda run: run.end(0)), config='{"a": 1}', pluginModule="boats", pluginName="Sails")
    wait_until(lambda: pod.status("pattern")[0] == "done")
    assert made(pod) == []
    clock.add(1)
    wait_until(lambda: [run.get("status") for run in made(pod)] == ["done"])
    (run,) = made(pod)
    assert run["targetItemId"] == run["id"] != "pattern"
    assert (run["config"], run["pluginModule"], run["pluginName"], run["containerImage"]) == ('{"a": 1}', "boats", "Sails", "boats")
    assert "pluginSchedule" not in run
    assert pod.runners._records.find(run["id"]).pattern == "pattern"


def test_what_was_missed_while_a_run_is_alive_is_made_up_for_by_one_run_after_its_end(hourly, wait_until):
    backend = FakeBackend()
    pod, clock = hourly(backend)
    wait_until(lambda: backend.runs)
    clock.add(3.5)
    (listed,) = pod.runners.listing([])
    assert (listed["missed"], made(pod)) == (3, [])
    backend.runs[0].end(0)
    wait_until(lambda: len(backend.runs) == 2)
    assert len(made(pod)) == 1


@pytest.mark.parametrize("change", [{"pluginSchedule": None}, {"status": "aborted"}])
def test_a_schedule_ends_when_it_is_erased_or_its_run_is_aborted(hourly, change, wait_until):
    pod, clock = hourly(FakeBackend(lambda run: run.end(0)))
    pod.await_end()
    pod.items.update_run("pattern", change)
    clock.add(2)
    assert pod.runners._scheduler.tick() is None
    assert made(pod) == []


def test_a_pod_that_was_locked_makes_one_run_at_the_next_unlock(hourly, house, wait_until):
    backend = FakeBackend(lambda run: run.end(0))
    pod, clock = hourly(backend)
    pod.await_end()
    pod.runners._ticker.close()
    clock.pass_unseen(5)
    pod.runners._ticker = Ticker(pod.runners._tick)
    pod.runners.recover()
    wait_until(lambda: len(made(pod)) == 1)


@pytest.fixture
def harbour(start_server, wait_until, tmp_path):
    return Harbour(start_server, wait_until, tmp_path)


def test_a_real_server_makes_runs_on_time_and_when_items_begin_to_match(harbour, wait_until):
    every = harbour.run("Sails", pluginSchedule='{"every": "10s"}')
    harbour.server.v4("create_item", {"type": "ItemPropertySchema", "itemType": "Buoy", "propertyName": "colour", "valueType": "Text"})
    schedule = json.dumps({"on": {"type": "Buoy", "colour": "red"}, "wait": "0s"})
    harbour.server.v4("create_item", {"type": "Account", "id": "the-account", "service": "x"})
    item = {"type": "PluginRun", "id": "run-on", "targetItemId": "run-on", "containerImage": "probe", "pluginSchedule": schedule}
    edge = {"_source": "run-on", "_target": "the-account", "_name": "account"}
    answer = harbour.server.v4("bulk", {"createItems": [item], "createEdges": [edge]})
    assert answer.status_code == 200, answer.text
    harbour.environment()
    harbour.server.v4("update_item", {"id": "run-on", "pluginModule": "boats"})

    def made_by(pattern: str) -> list[dict]:
        return harbour.server.v4("search", {"type": "PluginRun", "scheduledBy": pattern}).json()

    harbour.server.v4("create_item", {"type": "Buoy", "id": "buoy-one", "colour": "green"})
    harbour.server.v4("update_item", {"id": "buoy-one", "colour": "red"})
    by_id = {run["id"]: run for run in harbour.listed()}
    assert by_id["run-on"]["missed"] == 1
    for pid in harbour.processes():
        kill_probe(pid)
    wait_until(lambda: made_by("run-on"), seconds=30, what="the run that makes up")
    edges = harbour.server.v4("get_edges", {"item": made_by("run-on")[0]["id"], "direction": "Outgoing", "expandItems": False}).json()
    assert [(edge["name"], edge["item"]["id"]) for edge in edges] == [("account", "the-account")]
    wait_until(lambda: [run.get("status") for run in made_by(every)][:1] == ["done"], seconds=60, what="the run after ten seconds")
    assert harbour.server.v4("update_item", {"id": every, "pluginSchedule": '{"every": "1s"}'}).status_code == 400


def kill_probe(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        if "probe" in " ".join(psutil.Process(pid).cmdline()):
            psutil.Process(pid).kill()

"""Schedules on a computer whose clock is set back: nothing stops, nothing runs twice at once. Source: pod-protocol.md, 14.8."""

from __future__ import annotations

import pytest

from datapod_server.runners.fake import FakeBackend

HOUR_MS = 3_600_000


class Clock:
    """What a pod takes for the time: the real one, moved by some hours."""

    def __init__(self, pod, monkeypatch) -> None:
        scheduler = pod.runners._scheduler
        real = scheduler._now_ms
        self._moved_ms = 0
        self._pod = pod
        monkeypatch.setattr(scheduler, "_now_ms", lambda: real() + self._moved_ms)
        monkeypatch.setattr("datapod_server.runners.records._now_ms", lambda: real() + self._moved_ms)

    def move(self, hours: float) -> None:
        self._moved_ms += int(hours * HOUR_MS)
        self._pod.runners._look_at_schedules()


def made(pod) -> list[dict]:
    return [item for item in pod.items.items.values() if item.get("scheduledBy") == "pattern"]


@pytest.mark.parametrize("schedule", ['{"every": "1h"}', '{"cron": "0 * * * *"}'])
def test_the_next_run_is_made_one_period_after_the_clock_was_set_back(house, monkeypatch, wait_until, schedule):
    pod = house(FakeBackend(lambda run: run.end(0)))
    clock = Clock(pod, monkeypatch)
    pod.create("pattern", pluginSchedule=schedule)
    pod.await_end()
    pod.runners._look_at_schedules()
    clock.move(-100)
    assert made(pod) == []
    assert pod.runners.listing([])[0]["next"] <= pod.runners._scheduler._now_ms() + HOUR_MS
    clock.move(1.01)
    wait_until(lambda: len(made(pod)) == 1)
    pod.await_end()
    clock.move(1.01)
    wait_until(lambda: len(made(pod)) == 2)


def test_a_run_that_is_alive_is_not_joined_by_another_after_the_clock_was_set_back(house, monkeypatch, wait_until):
    backend = FakeBackend()
    pod = house(backend)
    clock = Clock(pod, monkeypatch)
    pod.create("pattern", pluginSchedule='{"every": "1h"}')
    wait_until(lambda: backend.runs)
    backend.runs[0].end(0)
    clock.move(1.01)
    wait_until(lambda: len(backend.runs) == 2)
    clock.move(-50)
    pod.runners._scheduler.tick()  # the look at which this is noticed
    clock.move(1.01)  # due again on the new clock, while the run that started "in the future" is alive
    assert pod.runners._scheduler.tick() is None
    assert len(backend.runs) == 2
    backend.runs[1].end(0)
    wait_until(lambda: len(backend.runs) == 3)

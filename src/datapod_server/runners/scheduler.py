"""The schedules of one pod: which runs carry one, and making the runs that are due. Source: pod-protocol.md, 14.8.

Nothing is counted and kept: what is due, and what was missed, follows from the start of the latest run, which the records know. So a
server that was down, or a pod that was locked, makes up with one run for all that was missed, like a run that took too long.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from datapod_server.errors import DatapodError, Invalid
from datapod_server.items.changes import Changes
from datapod_server.items.runs import PLUGIN_RUN
from datapod_server.runners.items import PodItems
from datapod_server.runners.records import RunRecord, RunRecords
from datapod_server.runners.schedule import SET_BACK_MS, On, Schedule, moments_until, next_due, parse_schedule
from datapod_server.runners.states import ABORTED, STARTS_NOTHING

log = logging.getLogger("datapod.runners")

_COPIED = ("containerImage", "pluginModule", "pluginName", "config", "pluginPermissions")
_COPIED_LINKS = ("account", "plugin", "view")
_DECIDING = frozenset({"status", "deleted", "containerImage"})
_AFTER_A_FAILURE_MS = 60_000


class Pattern(Struct, frozen=True):
    """A run that carries a schedule."""

    run_id: str
    schedule: Schedule


class Scheduler:
    """Used by the ticker's thread; the methods that others call say so."""

    def __init__(
        self, items: PodItems, records: RunRecords, is_alive: Callable[[str], bool], now_ms: Callable[[], int] | None = None
    ) -> None:
        """`is_alive`: whether a run is alive, or about to be started again."""
        self._items = items
        self._records = records
        self._is_alive = is_alive
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)
        self._reading = threading.Lock()
        self._patterns: Mapping[str, Pattern] = {}
        self._made: dict[str, str] = {}
        self._since: dict[tuple[str, int], int] = {}
        self._not_before: dict[str, int] = {}

    def reload(self) -> None:
        """Read which runs carry a schedule. From any thread that is not writing."""
        with self._reading:  # what is read later is not older
            found = {}
            for item in self._items.scheduled_runs():
                pattern, run_id = find_pattern(item), str(item["id"])
                record = self._records.find(run_id)
                if record is not None and record.schedule_ended:
                    continue
                if pattern is not None:
                    found[run_id] = pattern
                elif item.get("status") == ABORTED and record is not None:
                    # For good: a plugin that ends at this moment may still write another state.
                    self._records.end_schedule(run_id)
            self._patterns = found

    def written(self, changes: Changes) -> None:
        """A schedule that is written anew goes on, inside the transaction that does it. From any thread."""
        for (item_type, run_id), names in changes.watched_items.items():
            if item_type == PLUGIN_RUN and "pluginSchedule" in names:
                self._records.end_schedule(run_id, ended=False)

    def pattern_of(self, run_id: str) -> str | None:
        """The run whose schedule is making this one now. From any thread."""
        return self._made.get(run_id)

    def is_changed_by(self, changes: Changes) -> bool:
        """Whether a transaction may begin, change or end a schedule. From any thread."""
        return any(
            item_type == PLUGIN_RUN and ("pluginSchedule" in names or (run_id in self._patterns and not names.isdisjoint(_DECIDING)))
            for (item_type, run_id), names in changes.watched_items.items()
        )

    def note(self, changes: Changes) -> bool:
        """Gather what concerns a schedule of the kind `on`, inside the transaction that does; whether anything was. From any thread.

        What runs of a schedule write themselves does not make it due again: it would never come to rest.
        """
        concerned = [
            pattern.run_id
            for pattern in self._patterns.values()
            if isinstance(pattern.schedule, On)
            and not self._is_own(changes.principal.run_id, pattern.run_id)
            and _gains(changes, pattern.schedule)
        ]
        for run_id in concerned:
            self._records.gather(run_id)
        return bool(concerned)

    def tick(self) -> float | None:
        """Make the runs that are due; in how many seconds the next one is."""
        moments = []
        for pattern in list(self._patterns.values()):
            latest = self._records.latest_of(pattern.run_id)
            due = self.due(pattern, latest)
            if due is None or self._is_alive(pattern.run_id) or (latest is not None and self._is_alive(latest.run_id)):
                continue  # looked at again when something is gathered, or when the run that is alive has ended
            due = max(due, self._not_before.get(pattern.run_id, 0))
            now = self._now_ms()
            if due <= now:
                self._make(pattern)
            moments.append(due if due > now else now)
        return (min(moments) - self._now_ms()) / 1000 if moments else None

    def due(self, pattern: Pattern, latest: RunRecord | None) -> int | None:
        """When the next run is due, in milliseconds; None: when something is gathered. May lie in the past. From any thread."""
        now = self._now_ms()
        if isinstance(pattern.schedule, On):
            first = self._records.gatherings().get(pattern.run_id)
            return None if first is None else min(first, now) + pattern.schedule.wait_ms
        return next_due(pattern.schedule, self._latest_start(pattern, latest, now), now)

    def next(self, pattern: Pattern, latest: RunRecord | None) -> int | None:
        """`due`, but never in the past: what is overdue runs as soon as the run that is alive has ended. From any thread."""
        due = self.due(pattern, latest)
        return None if due is None else max(due, self._now_ms())

    def missed(self, pattern: Pattern, latest: RunRecord | None) -> int:
        """How often it was due since its latest run started. From any thread."""
        now = self._now_ms()
        if isinstance(pattern.schedule, On):
            due = self.due(pattern, latest)
            return int(due is not None and due <= now)
        return moments_until(pattern.schedule, self._latest_start(pattern, latest, now), now)

    def making(self, run_id: str) -> None:
        """A run is being made, inside the transaction that does it: if by a schedule, then for all that was gathered so far."""
        pattern = self._made.get(run_id)
        if pattern is not None:
            self._records.gathered(pattern)

    def _latest_start(self, pattern: Pattern, latest: RunRecord | None, now: int) -> int:
        started = 0 if latest is None else latest.started_ms
        if latest is not None and started <= now + SET_BACK_MS:
            return started
        # The clock was set back, or the run never started here: counted from the first time that this was seen.
        return self._since.setdefault((pattern.run_id, started), now)

    def _is_own(self, run_id: str | None, pattern: str) -> bool:
        if run_id is None:
            return False
        record = self._records.find(run_id) if run_id != pattern else None
        return run_id == pattern or self._made.get(run_id) == pattern or (record is not None and record.pattern == pattern)

    def _make(self, pattern: Pattern) -> None:
        item = self._items.find_run(pattern.run_id)
        if item is None or find_pattern(item) is None:
            return  # it ended a moment ago
        run_id = secrets.token_hex(16)
        target = item.get("targetItemId")
        copied = {name: item[name] for name in _COPIED if item.get(name) is not None}
        new = {"id": run_id, "type": PLUGIN_RUN, "targetItemId": run_id if target == pattern.run_id else target, **copied}
        self._made[run_id] = pattern.run_id
        try:
            self._items.create_run({**new, "scheduledBy": pattern.run_id}, self._items.links(pattern.run_id, _COPIED_LINKS))
        except DatapodError as error:
            log.warning("a run of the schedule of %s could not be made, it is tried again in a minute: %s", pattern.run_id, error)
            self._not_before[pattern.run_id] = self._now_ms() + _AFTER_A_FAILURE_MS
        finally:
            self._made.pop(run_id, None)


def find_pattern(item: Mapping[str, Any]) -> Pattern | None:
    """The schedule that a run carries, if it has one that goes on."""
    text = item.get("pluginSchedule")
    if text is None or item.get("status") == ABORTED or item.get("containerImage") in STARTS_NOTHING:
        return None
    try:
        return Pattern(str(item["id"]), parse_schedule(text))
    except Invalid as error:
        log.warning("the schedule of the run %s is not carried out: %s", item["id"], error)
        return None


def family(pattern: str, records: Mapping[str, RunRecord]) -> list[str]:
    """The run that carries a schedule, and those that were made by it; newest first."""
    found = [record for record in records.values() if pattern in (record.run_id, record.pattern)]
    return [record.run_id for record in sorted(found, key=lambda record: record.sequence, reverse=True)]


def _gains(changes: Changes, schedule: On) -> bool:
    try:
        return changes.gains(schedule.search)
    except Invalid:
        return False  # it names a property that the schema does not know, or knows otherwise: nothing matches

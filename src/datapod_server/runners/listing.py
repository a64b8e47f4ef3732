"""The list of runs, as `plugin/runs` shows it to the owner. Source: pod-protocol.md, 14.8."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from datapod_server.runners.items import PodItems
from datapod_server.runners.records import RunRecord, RunRecords
from datapod_server.runners.scheduler import Scheduler, family, find_pattern
from datapod_server.runners.states import ERROR, WAITS_FOR_ITS_OWNER

UNRESTRICTED = "unrestricted"


class Listing:
    """The runs of one pod at one moment."""

    def __init__(self, items: PodItems, records: RunRecords, scheduler: Scheduler, is_alive: Callable[[str], bool]) -> None:
        self._items = {str(item["id"]): item for item in items.runs()}
        self._records = records.all()
        self._scheduler = scheduler
        self._is_alive = is_alive

    def describe(self, run_ids: Collection[str] = ()) -> list[dict[str, Any]]:
        """One object per run that was started here or carries a schedule, newest first; only those of `run_ids` if there are any."""
        known = [run_id for run_id, item in self._items.items() if run_id in self._records or find_pattern(item) is not None]
        known.sort(key=lambda run_id: self._records[run_id].started_ms if run_id in self._records else 0, reverse=True)
        return [self._describe(run_id, self._items[run_id]) for run_id in known if not run_ids or run_id in run_ids]

    def _describe(self, run_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
        record = self._records.get(run_id)
        module, name = item.get("pluginModule"), item.get("pluginName")
        described = {
            "id": run_id,
            "plugin": f"{module}.{name}" if module and name else None,
            "containerImage": item.get("containerImage"),
            "status": item.get("status"),
            "error": item.get("error"),
            "permissions": _permissions(item, record),
            "started": None if record is None else record.started_ms,
            "ended": None if record is None or self._is_alive(run_id) else record.ended_ms,
            "exitCode": None if record is None else record.exit_code,
            "scheduledBy": item.get("scheduledBy"),
            **self._schedule(run_id, item),
        }
        described.setdefault("needsLogin", self._needs_login([run_id]))
        return {name: value for name, value in described.items() if value is not None}

    def _schedule(self, run_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
        pattern = find_pattern(item)
        if pattern is None:
            return {}
        runs = family(run_id, self._records)
        latest = self._records[runs[0]] if runs else None
        goes_on = run_id not in self._records or not self._records[run_id].schedule_ended
        return {
            "schedule": msgspec.json.decode(item["pluginSchedule"]),
            "next": self._scheduler.next(pattern, latest) if goes_on else None,
            "last": runs[0] if runs else None,
            "missed": self._scheduler.missed(pattern, latest) if goes_on else 0,
            "failed": self._failed(runs),
            "needsLogin": self._needs_login(runs),
        }

    def _failed(self, runs: list[str]) -> int:
        """How many of the latest runs in a row ended in an error."""
        ended = [run_id for run_id in runs if not self._is_alive(run_id)]
        successes = (count for count, run_id in enumerate(ended) if self._items.get(run_id, {}).get("status") != ERROR)
        return next(successes, len(ended))

    def _needs_login(self, runs: list[str]) -> bool | None:
        latest = runs[0] if runs else ""
        record = self._records.get(latest)
        waits = self._items.get(latest, {}).get("status") == WAITS_FOR_ITS_OWNER
        return True if waits or (record is not None and record.wanted_login) else None


def _permissions(item: Mapping[str, Any], record: RunRecord | None) -> Any:
    text = item.get("pluginPermissions")
    if text is not None:
        return msgspec.json.decode(text)
    return {} if record is not None and record.restricted else UNRESTRICTED

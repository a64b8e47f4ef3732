"""Calling living plugins about new items: `Trigger` items, and the calls they lead to. Source: pod-protocol.md, 15.3."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from datapod_server.errors import DatapodError
from datapod_server.items.changes import Changes
from datapod_server.items.runs import TRIGGER
from datapod_server.runners.calls import make_call
from datapod_server.runners.items import PodItems
from datapod_server.runners.reach import Reach
from datapod_server.runners.records import RunRecords

log = logging.getLogger("datapod.runners")

_MOST_WAITING = 100_000
_DEFAULT_DATE = "dateCreated"

Trigger = Mapping[str, Any]


class Triggers:
    """The triggers of one pod. Each plugin is called in the order in which the items were created; none waits for another, slow one."""

    def __init__(self, items: PodItems, records: RunRecords, reach: Reach, is_alive: Callable[[str], bool]) -> None:
        self._items = items
        self._records = records
        self._reach = reach
        self._is_alive = is_alive
        self._reading = threading.Lock()
        self._by_type: Mapping[str, list[Trigger]] = {}
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[tuple[Trigger, str]]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False

    def reload(self) -> None:
        """Read the triggers. From any thread that is not writing."""
        with self._reading:  # what is read later is not older
            by_type: dict[str, list[Trigger]] = {}
            for trigger in self._items.triggers():
                by_type.setdefault(str(trigger.get("triggerOn")), []).append(trigger)
            self._by_type = by_type

    def committing(self, changes: Changes) -> Callable[[], None] | None:
        """Called inside a transaction; what it returns, after the commit. A trigger is not called for items of its own transaction."""
        maker = changes.principal.run_id
        heard = {
            item_type: concerned
            for item_type, triggers in self._by_type.items()
            if (concerned := [trigger for trigger in triggers if _run_of(trigger) != maker and self._is_alive(_run_of(trigger))])
        }
        new = changes.created(heard.keys())
        reload = any(item_type == TRIGGER for item_type, _ in changes.watched_items)
        if not new and not reload:
            return None

        def after() -> None:
            if reload:
                self.reload()
            for item_id, item_type in new:
                for trigger in heard[item_type]:
                    self._add(trigger, item_id)

        return after

    def close(self) -> None:
        """Drop what waits; return when the calls that are under way are over."""
        with self._lock:
            self._closed = True
            for waiting in self._waiting.values():
                waiting.clear()
            threads = list(self._threads.values())
        for thread in threads:
            thread.join()

    def _add(self, trigger: Trigger, item_id: str) -> None:
        run_id = _run_of(trigger)
        with self._lock:
            if self._closed:
                return
            waiting = self._waiting.setdefault(run_id, deque())
            if len(waiting) == _MOST_WAITING:
                log.warning("more than %d calls wait for the plugin of the trigger %s: one is dropped", _MOST_WAITING, trigger["id"])
                return
            waiting.append((trigger, item_id))
            if run_id not in self._threads:
                self._threads[run_id] = threading.Thread(target=self._work, args=(run_id,), name="triggers", daemon=True)
                self._threads[run_id].start()

    def _work(self, run_id: str) -> None:
        """Make the calls that wait for one plugin; the thread ends with the last one."""
        while True:
            with self._lock:
                waiting = self._waiting[run_id]
                if not waiting:
                    del self._waiting[run_id], self._threads[run_id]
                    return
                trigger, item_id = waiting.popleft()
            try:
                self._call(trigger, run_id, item_id)
            except Exception as error:  # noqa: BLE001 - one failed call must not keep others from being made
                kind = str(error) if isinstance(error, DatapodError) else repr(error)
                log.warning("the plugin of the trigger %s could not be called: %s", trigger["id"], kind)

    def _call(self, trigger: Trigger, run_id: str, item_id: str) -> None:
        record = self._records.find(run_id)
        if record is None or not self._is_alive(run_id):
            return
        item = self._items.find_item(item_id, self._items.principal(run_id, restricted=record.restricted))
        if item is None or not _is_late_enough(item, trigger):
            return
        body = {"trigger_id": trigger["id"], "item_id": item_id, "item_ids": [item_id]}
        answer = self._reach.call(run_id, make_call("POST", "/v1/item/trigger", json_body=body))
        if answer.status >= 300:
            log.warning("the plugin of the trigger %s answered with the status %d", trigger["id"], answer.status)


def _run_of(trigger: Trigger) -> str:
    return str(trigger.get("pluginRunId"))


def _is_late_enough(item: Mapping[str, Any], trigger: Trigger) -> bool:
    after = trigger.get("filterCreatedAfter")
    if after is None:
        return True
    date = item.get(trigger.get("filterCreatedAfterPropertyName") or _DEFAULT_DATE)
    return isinstance(date, int) and not isinstance(date, bool) and date > after

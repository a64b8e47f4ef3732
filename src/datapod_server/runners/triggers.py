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

_MOST_WAITING = 10_000
_DEFAULT_DATE = "dateCreated"

NewItem = tuple[str, str, str | None]
"""Id and type of a new item, and the run that made it."""


class Triggers:
    """The triggers of one pod. Calls are made one after another, in the order in which the items were created, by one thread."""

    def __init__(self, items: PodItems, records: RunRecords, reach: Reach, is_alive: Callable[[str], bool]) -> None:
        self._items = items
        self._records = records
        self._reach = reach
        self._is_alive = is_alive
        self._by_type: Mapping[str, list[Mapping[str, Any]]] = {}
        self._changed = threading.Condition()
        self._waiting: deque[NewItem] = deque()
        self._closed = False
        self._thread: threading.Thread | None = None

    def reload(self) -> None:
        """Read the triggers. From any thread that is not writing."""
        by_type: dict[str, list[Mapping[str, Any]]] = {}
        for trigger in self._items.triggers():
            by_type.setdefault(str(trigger.get("triggerOn")), []).append(trigger)
        self._by_type = by_type

    def committing(self, changes: Changes) -> Callable[[], None] | None:
        """Called inside a transaction; what it returns, after the commit. A trigger is not called for items of its own transaction."""
        new = changes.created(self._by_type.keys())
        reload = any(item_type == TRIGGER for item_type, _ in changes.watched_items)
        if not new and not reload:
            return None
        maker = changes.principal.run_id

        def after() -> None:
            if reload:
                self.reload()
            self._add([(item_id, item_type, maker) for item_id, item_type in new])

        return after

    def close(self) -> None:
        """Drop what waits; return when a call that is under way is over."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _add(self, new: list[NewItem]) -> None:
        with self._changed:
            if not new or self._closed:
                return
            room = _MOST_WAITING - len(self._waiting)
            if len(new) > room:
                log.warning("%d new items are more than plugins can be called about: they are dropped", len(new) - room)
            self._waiting.extend(new[:room])
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="triggers", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                item_id, item_type, maker = self._waiting.popleft()
            for trigger in self._by_type.get(item_type, []):
                try:
                    self._call(trigger, item_id, maker)
                except Exception as error:  # noqa: BLE001 - one plugin must not keep others from being called
                    kind = str(error) if isinstance(error, DatapodError) else repr(error)
                    log.warning("the plugin of the trigger %s could not be called: %s", trigger["id"], kind)

    def _call(self, trigger: Mapping[str, Any], item_id: str, maker: str | None) -> None:
        run_id = str(trigger.get("pluginRunId"))
        record = self._records.find(run_id)
        if run_id == maker or record is None or not self._is_alive(run_id):
            return
        item = self._items.find_item(item_id, self._items.principal(run_id, restricted=record.restricted))
        if item is None or not _is_late_enough(item, trigger):
            return
        body = {"trigger_id": trigger["id"], "item_id": item_id, "item_ids": [item_id]}
        answer = self._reach.call(run_id, make_call("POST", "/v1/item/trigger", json_body=body))
        if answer.status >= 300:
            log.warning("the plugin of the trigger %s answered with the status %d", trigger["id"], answer.status)


def _is_late_enough(item: Mapping[str, Any], trigger: Mapping[str, Any]) -> bool:
    after = trigger.get("filterCreatedAfter")
    if after is None:
        return True
    date = item.get(trigger.get("filterCreatedAfterPropertyName") or _DEFAULT_DATE)
    return isinstance(date, int) and not isinstance(date, bool) and date > after

"""Writing batches: each request holds whole records, and the one that ends a batch holds the cursor that accounts for it.

The pod takes a request whole or not at all. So whenever a run is killed, the cursor stands at or before what is there; records that are
read again have the ids of the first time, and nothing is doubled.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from datapod.bulk import MAX_BATCH_BYTES
from datapod.client import PodClient
from datapod.connectors import plan, uploads
from datapod.connectors.cursor import Cursor
from datapod.connectors.errors import RetriableError
from datapod.connectors.identity import record_id
from datapod.connectors.pod_view import PodView
from datapod.connectors.record import BrokenRecord, Record, Removed
from datapod.connectors.retrying import Retry
from datapod.errors import PodConnectionError, PodError

logger = logging.getLogger("datapod.connectors")

Json = dict[str, Any]

BATCH_RECORDS = 200
BATCH_SECONDS = 5.0
"""A batch is written at the next checkpoint after so many records, or so much time."""
MAX_WAITING_BYTES = 8_000_000
"""Contents of files that wait to be uploaded; above it records are written without waiting for a checkpoint."""
_REQUEST_BYTES = MAX_BATCH_BYTES - 10_000  # leaves room for the envelope of the request

Writable = Record | Removed | BrokenRecord


class Writer:
    """Collects what a stream yields and writes it. `counts` says what became of it."""

    def __init__(
        self, client: PodClient, cursor: Cursor, scope: str, *, retry: Retry | None = None, batch_records: int = BATCH_RECORDS
    ) -> None:
        self.client = client
        self.cursor = cursor
        self.scope = scope
        self.counts: Counter[str] = Counter()
        """`created`, `updated`, `unchanged`, `removed`, `broken`: records."""
        self._retry = retry or Retry()
        self._batch_records = batch_records
        self._waiting: list[Writable] = []
        self._waiting_bytes = 0
        self._state: Mapping[str, Any] = cursor.state
        self._written_at = time.monotonic()

    def put(self, entry: Writable) -> None:
        """Take one entry. What waits is written without a cursor when it grows too large before the next checkpoint."""
        self._waiting.append(entry)
        if isinstance(entry, Record):
            self._waiting_bytes += sum(len(content) for content in entry.contents.values())
        if len(self._waiting) >= 2 * self._batch_records or self._waiting_bytes > MAX_WAITING_BYTES:
            self._write(None)

    def checkpoint(self, state: Mapping[str, Any]) -> bool:
        """All entries so far are accounted for by `state`; True if that made a batch full and it was written."""
        self._state = dict(state)
        due = len(self._waiting) >= self._batch_records or time.monotonic() - self._written_at > BATCH_SECONDS
        if due:
            self._write(lambda: self.cursor.json(self._state))
        return due

    def finish(self) -> None:
        """The stream was read to its end: write what waits, and the cursor of the last checkpoint with the time of this import."""
        self._write(lambda: self.cursor.json(self._state, finished=True))

    def fail(self, reason: str) -> None:
        """Reading ended early: write what waits and note the reason; the cursor stays at the last checkpoint."""
        self._write(lambda: self.cursor.json(self._state, error=reason))

    def _write(self, cursor_json: Callable[[], Json] | None) -> None:
        entries = self._waiting
        counts = self._retry.call(lambda: self._attempt(entries, cursor_json), "writing to the pod")
        self.counts.update(counts)
        self._waiting, self._waiting_bytes, self._written_at = [], 0, time.monotonic()
        if cursor_json is not None:
            self.cursor.exists = True
            self.cursor.state = dict(self._state)

    def _attempt(self, entries: list[Writable], cursor_json: Callable[[], Json] | None) -> Counter[str]:
        """Look at the pod, plan and write. Repeated as a whole: what came through the first time is no change the second time."""
        try:
            return self._write_once(entries, cursor_json() if cursor_json else None)
        except PodError as error:
            # Another run, or an attempt whose answer was lost, may have been faster.
            if not (isinstance(error, PodConnectionError) or "UNIQUE constraint" in (error.message or "")):
                raise
            raise RetriableError(str(error)) from error

    def _write_once(self, entries: list[Writable], cursor_json: Json | None) -> Counter[str]:
        view = self._view(entries)
        problems = set(self.cursor.problems)
        uploads.upload([entry for entry in entries if isinstance(entry, Record)], view)
        counts: Counter[str] = Counter()
        changes: list[plan.Change] = []
        for entry in entries:
            change, word = self._planned(entry, view, problems)
            counts[word] += 1
            changes.append(change)
        for edge in (edge for change in changes for edge in change.lost_edges):
            _delete_edge(self.client, edge)
        if cursor_json is not None:
            changes.append(self._end(cursor_json))
        for parts in requests(changes):
            self.client.api.bulk(**parts)
        self.cursor.problems = problems
        return counts

    def _end(self, cursor_json: Json) -> plan.Change:
        if self.cursor.exists or self.cursor.look():
            return plan.Change(update_items=[cursor_json])
        return plan.Change(create_items=[self.cursor.new(cursor_json)])

    def _view(self, entries: Iterable[Writable]) -> PodView:
        view = PodView(self.client)
        records = [entry for entry in entries if isinstance(entry, Record)]
        for record in records:
            plan.give_ids(record, self.scope)
        whole_ids = [str(record.item.id) for record in records]
        removed = [record_id(self.scope, entry.external_id) for entry in entries if isinstance(entry, Removed)]
        view.revive(whole_ids)
        view.load([*whole_ids, *removed], edges=True)
        # A new record has no parts yet, but for files, whose items are written before their content.
        known = [record for record in records if record.contents or str(record.item.id) in view.items]
        parts = [str(part.item.id) for record in known for part in record.parts]
        shared = [str(entry.item.id) for record in records for entry in record.shared]
        if view.revive([*parts, *shared]):
            view.forget()
            view.load([*whole_ids, *removed], edges=True)
        view.load(parts, edges=True)
        view.load(shared, edges=False)
        view.load_parts_of([*whole_ids, *removed])
        ends = [plan.end_of_link(end, self.scope) for record in records for link in record.links for end in (link.source, link.target)]
        view.load([end for end in ends if end not in view.items], edges=False)
        return view

    def _planned(self, entry: Writable, view: PodView, problems: set[str]) -> tuple[plan.Change, str]:
        problem_id = self.cursor.problem_id(entry.external_id)
        if isinstance(entry, BrokenRecord):
            return self._problem(entry, problem_id, view, problems), "broken"
        if isinstance(entry, Removed):
            change = plan.plan_removal(record_id(self.scope, entry.external_id), view)
            word = "unchanged" if change.is_empty else "removed"
        else:
            is_new = str(entry.item.id) not in view.items
            change = plan.plan_record(entry, self.scope, view)
            word = "created" if is_new else "unchanged" if change.is_empty else "updated"
        if problem_id in problems:
            problems.discard(problem_id)
            change.update_items.append({"id": problem_id, "deleted": True})
        return change, word

    def _problem(self, entry: BrokenRecord, problem_id: str, view: PodView, problems: set[str]) -> plan.Change:
        logger.warning("%s: left out %s: %s", self.cursor.stream_name, entry.external_id, entry.reason)
        json = {"id": problem_id, "externalId": entry.external_id, "reason": entry.reason, "streamName": self.cursor.stream_name}
        if problem_id not in problems:
            view.revive([problem_id])
            view.load([problem_id], edges=False)
            problems.add(problem_id)
            if problem_id not in view.items:
                return plan.Change(create_items=[{**json, "type": "ImportProblem"}])
        return plan.Change(update_items=[{**json, "deleted": False}])


def requests(changes: Iterable[plan.Change]) -> Iterable[dict[str, list[msgspec.Raw]]]:
    """Arguments for `PodAPI.bulk`, in order. A change is never spread over two: the pod takes a request whole or not at all."""
    parts: dict[str, list[msgspec.Raw]] = {}
    size = 0
    for change in changes:
        encoded = {
            name: [msgspec.Raw(msgspec.json.encode(json)) for json in getattr(change, name)]
            for name in ("create_items", "update_items", "create_edges")
        }
        weight = sum(len(raw) + 1 for raws in encoded.values() for raw in raws)
        if parts and size + weight > _REQUEST_BYTES:
            yield parts
            parts, size = {}, 0
        for name, raws in encoded.items():
            if raws:
                parts.setdefault(name, []).extend(raws)
        size += weight
    if parts:
        yield parts


def _delete_edge(client: PodClient, edge: Json) -> None:
    try:
        client.api.delete_edge(edge)
    except PodError as error:
        if error.status != 404:  # an earlier attempt removed it
            raise

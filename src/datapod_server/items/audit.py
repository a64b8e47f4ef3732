"""What plugin runs were granted, what they touched, what they were refused: names, counts and times, never values.

Writes are recorded in the transaction that makes them; reads and refusals are gathered and written within a second, since a read must not
wait for the disk. Source: pod-protocol.md, 23.9.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import apsw
import msgspec

from datapod_server.errors import Forbidden
from datapod_server.principal import Principal
from datapod_server.storage.sqlite import Database

log = logging.getLogger("datapod.items")

AUDIT_TABLES = """
CREATE TABLE audit_granted (run TEXT NOT NULL, time INTEGER NOT NULL, by TEXT NOT NULL, permissions TEXT NOT NULL);
CREATE INDEX audit_granted_by_run ON audit_granted (run);
CREATE TABLE audit_touched (run TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, direction TEXT NOT NULL, properties TEXT NOT NULL,
    calls INTEGER NOT NULL, count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (run, kind, name, direction)) WITHOUT ROWID;
CREATE TABLE audit_refused (run TEXT NOT NULL, permission TEXT NOT NULL, calls INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (run, permission)) WITHOUT ROWID;
"""
UNRESTRICTED = "unrestricted"
_WITHIN_SECONDS = 0.5
_KNOWN = "SELECT properties FROM audit_touched WHERE run = ? AND kind = ? AND name = ? AND direction = ?"
_TOUCH = """
INSERT INTO audit_touched VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?7) ON CONFLICT DO UPDATE SET
properties = excluded.properties, calls = calls + 1, count = count + excluded.count, last = excluded.last
"""
_REFUSE = "INSERT INTO audit_refused VALUES (?1, ?2, 1, ?3) ON CONFLICT DO UPDATE SET calls = calls + 1, last = excluded.last"

What = tuple[str, str, str]
"""Kind (`item`, `edge`, `file`, `email`, `dataset`, `run`, `platform`), name, and `read` or `write`."""


class Touched:
    """What one call touched so far."""

    def __init__(self) -> None:
        self._found: dict[What, tuple[set[str], int]] = {}

    def add(self, kind: str, name: str, direction: str, properties: Iterable[str] = (), count: int = 1) -> None:
        names, before = self._found.get((kind, name, direction), (set(), 0))
        names.update(properties)
        self._found[kind, name, direction] = (names, before + count)

    def __bool__(self) -> bool:
        return bool(self._found)

    def entries(self) -> Iterable[tuple[What, set[str], int]]:
        return ((what, names, count) for what, (names, count) in self._found.items())


class Audit:
    """The audit record of one pod. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, Touched | str, int]] = []
        self._timer: threading.Timer | None = None
        self._closed = False

    def granted(self, connection: apsw.Connection, run_id: str, by: str, permissions: str) -> None:
        """Within the transaction that grants; `permissions` is a declaration as JSON text, or `unrestricted`."""
        connection.execute("INSERT INTO audit_granted VALUES (?, ?, ?, ?)", (run_id, _now_ms(), by, permissions))

    def wrote(self, connection: apsw.Connection, run_id: str, touched: Touched) -> None:
        """Within the transaction that writes."""
        _add(connection, run_id, touched, _now_ms())

    def read(self, run_id: str, touched: Touched) -> None:
        """Recorded within a second."""
        self._add_later(run_id, touched)

    def note(self, principal: Principal, kind: str, name: str, direction: str) -> None:
        """Recorded within a second, if a run asks: one thing of another kind than items and edges."""
        if principal.run_id is not None:
            touched = Touched()
            touched.add(kind, name, direction)
            self._add_later(principal.run_id, touched)

    def note_refusal(self, principal: Principal, error: Exception) -> None:
        """Recorded within a second, if a run was refused for a missing right; the transaction that was refused is rolled back."""
        if principal.run_id is not None and isinstance(error, Forbidden) and "right" in error.details:
            self._add_later(principal.run_id, str(error.details["right"]))

    def report(self, run_id: str) -> dict[str, Any]:
        """Everything about one run, as `plugin/audit` answers it."""
        self._write_waiting()
        with self._database.read() as connection:
            granted = connection.execute("SELECT time, by, permissions FROM audit_granted WHERE run = ? ORDER BY rowid", (run_id,))
            grants = [{"time": time, "by": by, "permissions": _permissions(text)} for time, by, text in granted]
            found = connection.execute("SELECT * FROM audit_touched WHERE run = ? ORDER BY first, kind, name", (run_id,))
            touched = [_touched_entry(row) for row in found]
            refusals = connection.execute("SELECT permission, calls, last FROM audit_refused WHERE run = ? ORDER BY last", (run_id,))
            refused = [{"right": right, "calls": calls, "last": last} for right, calls, last in refusals]
        return {"id": run_id, "granted": grants, "touched": touched, "refused": refused}

    def close(self) -> None:
        """Write what waits."""
        with self._lock:
            self._closed = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._write_waiting()

    def _add_later(self, run_id: str, what: Touched | str) -> None:
        with self._lock:
            self._waiting.append((run_id, what, _now_ms()))
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(_WITHIN_SECONDS, self._write_waiting)
                self._timer.daemon = True
                self._timer.start()

    def _write_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._timer = None
        if not waiting:
            return
        try:
            with self._database.write() as connection:
                for run_id, what, now in waiting:
                    if isinstance(what, Touched):
                        _add(connection, run_id, what, now)
                    else:
                        connection.execute(_REFUSE, (run_id, what, now))
        except apsw.Error:
            # A full disk must not lose the record: it is tried again with what comes next.
            log.exception("the audit record could not be written")
            with self._lock:
                self._waiting[:0] = waiting


def _add(connection: apsw.Connection, run_id: str, touched: Touched, now: int) -> None:
    for what, names, count in touched.entries():
        for (known,) in connection.execute(_KNOWN, (run_id, *what)):
            names = names | set(msgspec.json.decode(known))
        connection.execute(_TOUCH, (run_id, *what, msgspec.json.encode(sorted(names)).decode(), count, now))


def _permissions(text: str) -> Any:
    return text if text == UNRESTRICTED else msgspec.json.decode(text)


def _touched_entry(row: tuple[Any, ...]) -> Mapping[str, Any]:
    _, kind, name, direction, properties, calls, count, first, last = row
    return {
        "kind": kind,
        "name": name,
        "direction": direction,
        "properties": msgspec.json.decode(properties),
        "calls": calls,
        "count": count,
        "first": first,
        "last": last,
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

"""Which runs the server started, how they ended and what they printed. Tables of their own in the pod's encrypted database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from msgspec import Struct

from datapod_server.runners.backend import Exit

_TABLE = """
CREATE TABLE IF NOT EXISTS plugin_runs (
    run_id TEXT PRIMARY KEY,
    image TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    exit_code INTEGER,
    output BLOB
) WITHOUT ROWID
"""
_GATHERING = "CREATE TABLE IF NOT EXISTS plugin_gatherings (pattern TEXT PRIMARY KEY, first_ms INTEGER NOT NULL) WITHOUT ROWID"
_LATER_COLUMNS = {
    "again": "INTEGER NOT NULL DEFAULT 0",
    "wanted_login": "INTEGER NOT NULL DEFAULT 0",
    "restricted": "INTEGER NOT NULL DEFAULT 0",
    "pattern": "TEXT",
}
_RECORD = "run_id, started_ms, ended_ms, exit_code, again, wanted_login, restricted, pattern"


class Connection(Protocol):
    """What the records need of a connection to SQLite."""

    def execute(self, statements: str, bindings: Sequence[Any] = (), /) -> Iterable[Any]: ...


class RecordDatabase(Protocol):
    """What the records need of the pod's encrypted database: one writer at a time, committed or rolled back at the end.

    A write within a write of the same thread belongs to the outer one.
    """

    def write(self) -> AbstractContextManager[Connection]: ...

    def read(self) -> AbstractContextManager[Connection]: ...


class RunRecord(Struct, frozen=True):
    """What is known of one run.

    Attributes:
        ended_ms: None while it is alive, or if the server was killed meanwhile.
        again: It has ended and is to be started again.
        wanted_login: It ended while it waited for its owner.
        restricted: It was started with a declaration of permissions.
        pattern: The run whose schedule made this one.
    """

    run_id: str
    started_ms: int
    ended_ms: int | None
    exit_code: int | None
    again: bool
    wanted_login: bool
    restricted: bool
    pattern: str | None


class RunRecords:
    """What outlives the processes: a run without an end is one whose server was killed."""

    def __init__(self, database: RecordDatabase) -> None:
        self._database = database
        with database.write() as connection:
            connection.execute(_TABLE)
            connection.execute(_GATHERING)
            existing = {row[1] for row in connection.execute("PRAGMA table_info(plugin_runs)")}
            for name, kind in _LATER_COLUMNS.items():
                if name not in existing:
                    connection.execute(f"ALTER TABLE plugin_runs ADD COLUMN {name} {kind}")

    def start(self, run_id: str, image: str, *, restricted: bool = False, pattern: str | None = None) -> None:
        """Note that this run is being started, for the first time or again; what it printed before is kept.

        Args:
            pattern: The run whose schedule made this one; kept when it is started again.
        """
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO plugin_runs (run_id, image, started_ms, restricted, pattern) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run_id)"
                " DO UPDATE SET started_ms = ?3, ended_ms = NULL, exit_code = NULL, again = 0, wanted_login = 0",
                (run_id, image, _now_ms(), restricted, pattern),
            )

    def end(self, run_id: str, end: Exit | None, output: bytes, *, again: bool = False, wanted_login: bool = False) -> None:
        """Note how it ended; `end` is None for a run that could not be started, or whose end nobody saw."""
        code = None if end is None else end.code
        with self._database.write() as connection:
            connection.execute(
                "UPDATE plugin_runs SET ended_ms = ?, exit_code = ?, output = ?, again = ?, wanted_login = ? WHERE run_id = ?",
                (_now_ms(), code, output, again, wanted_login, run_id),
            )

    def give_up(self, run_id: str) -> None:
        """It is not started again after all."""
        with self._database.write() as connection:
            connection.execute("UPDATE plugin_runs SET again = 0 WHERE run_id = ?", (run_id,))

    def gather(self, pattern: str) -> None:
        """A commit concerns the schedule of this run; the time of the first one counts until `gathered` is told."""
        with self._database.write() as connection:
            connection.execute("INSERT OR IGNORE INTO plugin_gatherings VALUES (?, ?)", (pattern, _now_ms()))

    def gathered(self, pattern: str) -> None:
        """A run is made for what was gathered."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM plugin_gatherings WHERE pattern = ?", (pattern,))

    def gatherings(self) -> dict[str, int]:
        """Since when is gathered, by the id of the run that carries the schedule; milliseconds."""
        with self._database.read() as connection:
            return dict(connection.execute("SELECT pattern, first_ms FROM plugin_gatherings"))

    def unfinished(self) -> list[str]:
        """Ids of the runs that were started and have no end."""
        with self._database.read() as connection:
            return [run_id for (run_id,) in connection.execute("SELECT run_id FROM plugin_runs WHERE ended_ms IS NULL")]

    def waiting(self) -> list[str]:
        """Ids of the runs that have ended and are to be started again."""
        with self._database.read() as connection:
            return [run_id for (run_id,) in connection.execute("SELECT run_id FROM plugin_runs WHERE again = 1 AND ended_ms IS NOT NULL")]

    def all(self) -> dict[str, RunRecord]:
        """Every run that was ever started here, by its id."""
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT {_RECORD} FROM plugin_runs")  # noqa: S608 - column names
            return {row[0]: _record(*row) for row in rows}

    def find(self, run_id: str) -> RunRecord | None:
        with self._database.read() as connection:
            for row in connection.execute(f"SELECT {_RECORD} FROM plugin_runs WHERE run_id = ?", (run_id,)):  # noqa: S608 - column names
                return _record(*row)
        return None

    def find_output(self, run_id: str) -> bytes | None:
        """What an ended run printed, or a living one before its latest start; None for a run that is unknown or printed nothing yet."""
        with self._database.read() as connection:
            for (output,) in connection.execute("SELECT output FROM plugin_runs WHERE run_id = ?", (run_id,)):
                return None if output is None else bytes(output)
        return None


def _record(
    run_id: str,
    started_ms: int,
    ended_ms: int | None,
    exit_code: int | None,
    again: int,
    wanted_login: int,
    restricted: int,
    pattern: str | None,
) -> RunRecord:
    return RunRecord(run_id, started_ms, ended_ms, exit_code, bool(again), bool(wanted_login), bool(restricted), pattern)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

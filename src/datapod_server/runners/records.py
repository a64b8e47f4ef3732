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
# Apart, because reading a record would otherwise lead through megabytes of output.
_OUTPUTS = "CREATE TABLE IF NOT EXISTS plugin_run_outputs (run_id TEXT PRIMARY KEY, output BLOB NOT NULL)"
_MOVE_OUTPUTS = """
INSERT OR IGNORE INTO plugin_run_outputs SELECT run_id, output FROM plugin_runs WHERE output IS NOT NULL;
UPDATE plugin_runs SET output = NULL WHERE output IS NOT NULL;
"""
_BY_PATTERN = "CREATE INDEX IF NOT EXISTS plugin_runs_by_pattern ON plugin_runs (pattern, sequence)"
_GATHERING = "CREATE TABLE IF NOT EXISTS plugin_gatherings (pattern TEXT PRIMARY KEY, first_ms INTEGER NOT NULL) WITHOUT ROWID"
_LATER_COLUMNS = {
    "again": "INTEGER NOT NULL DEFAULT 0",
    "wanted_login": "INTEGER NOT NULL DEFAULT 0",
    "restricted": "INTEGER NOT NULL DEFAULT 0",
    "pattern": "TEXT",
    "sequence": "INTEGER NOT NULL DEFAULT 0",
    "schedule_ended": "INTEGER NOT NULL DEFAULT 0",
}
_RECORD = "run_id, started_ms, ended_ms, exit_code, again, wanted_login, restricted, pattern, sequence, schedule_ended"


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
        sequence: Grows with each run that is started, whatever the clock shows.
        schedule_ended: Its schedule does not go on, until another one is written.
    """

    run_id: str
    started_ms: int
    ended_ms: int | None
    exit_code: int | None
    again: bool
    wanted_login: bool
    restricted: bool
    pattern: str | None
    sequence: int
    schedule_ended: bool


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
            for statement in (_OUTPUTS, _MOVE_OUTPUTS, _BY_PATTERN):
                connection.execute(statement)

    def start(self, run_id: str, image: str, *, restricted: bool = False, pattern: str | None = None) -> None:
        """Note that this run is being started, for the first time or again; what it printed before is kept.

        Args:
            pattern: The run whose schedule made this one; kept when it is started again.
        """
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO plugin_runs (run_id, image, started_ms, restricted, pattern, sequence)"
                " SELECT ?1, ?2, ?3, ?4, ?5, coalesce(max(sequence), 0) + 1 FROM plugin_runs WHERE true ON CONFLICT (run_id)"
                " DO UPDATE SET started_ms = ?3, ended_ms = NULL, exit_code = NULL, again = 0, wanted_login = 0",
                (run_id, image, _now_ms(), restricted, pattern),
            )

    def end(self, run_id: str, end: Exit | None, output: bytes, *, again: bool = False, wanted_login: bool = False) -> None:
        """Note how it ended; `end` is None for a run that could not be started, or whose end nobody saw."""
        code = None if end is None else end.code
        with self._database.write() as connection:
            connection.execute(
                "UPDATE plugin_runs SET ended_ms = ?, exit_code = ?, again = ?, wanted_login = ? WHERE run_id = ?",
                (_now_ms(), code, again, wanted_login, run_id),
            )
            connection.execute("INSERT OR REPLACE INTO plugin_run_outputs VALUES (?, ?)", (run_id, output))

    def give_up(self, run_id: str) -> None:
        """It is not started again after all."""
        with self._database.write() as connection:
            connection.execute("UPDATE plugin_runs SET again = 0 WHERE run_id = ?", (run_id,))

    def end_schedule(self, run_id: str, *, ended: bool = True) -> None:
        """Its schedule does not go on, or, after another one was written, does."""
        with self._database.write() as connection:
            connection.execute("UPDATE plugin_runs SET schedule_ended = ? WHERE run_id = ?", (ended, run_id))

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

    def latest_of(self, pattern: str) -> RunRecord | None:
        """The latest of the run that carries a schedule and those that were made by it."""
        with self._database.read() as connection:
            made = f"SELECT {_RECORD} FROM plugin_runs WHERE pattern = ? ORDER BY sequence DESC LIMIT 1"  # noqa: S608 - column names
            for row in connection.execute(made, (pattern,)):
                return _record(*row)
        return self.find(pattern)

    def find_output(self, run_id: str) -> bytes | None:
        """What an ended run printed, or a living one before its latest start; None for a run that is unknown or printed nothing yet."""
        with self._database.read() as connection:
            for (output,) in connection.execute("SELECT output FROM plugin_run_outputs WHERE run_id = ?", (run_id,)):
                return bytes(output)
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
    sequence: int,
    schedule_ended: int,
) -> RunRecord:
    return RunRecord(
        run_id, started_ms, ended_ms, exit_code, bool(again), bool(wanted_login), bool(restricted), pattern, sequence, bool(schedule_ended)
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

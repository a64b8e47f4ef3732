"""Which runs the server started, how they ended and what they printed. A table of its own in the pod's encrypted database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

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


class Connection(Protocol):
    """What the records need of a connection to SQLite."""

    def execute(self, statements: str, bindings: Sequence[Any] = (), /) -> Iterable[Any]: ...


class RecordDatabase(Protocol):
    """What the records need of the pod's encrypted database: one writer at a time, committed or rolled back at the end."""

    def write(self) -> AbstractContextManager[Connection]: ...

    def read(self) -> AbstractContextManager[Connection]: ...


class RunRecords:
    """What outlives the processes: a run without an end is one whose server was killed."""

    def __init__(self, database: RecordDatabase) -> None:
        self._database = database
        with database.write() as connection:
            connection.execute(_TABLE)

    def start(self, run_id: str, image: str) -> None:
        """Note that this run is being started; what was kept of an earlier run of this id is forgotten."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO plugin_runs (run_id, image, started_ms) VALUES (?, ?, ?)",
                (run_id, image, _now_ms()),
            )

    def end(self, run_id: str, end: Exit | None, output: bytes) -> None:
        """Note how it ended; `end` is None for a run that could not be started, or whose end nobody saw."""
        code = None if end is None else end.code
        with self._database.write() as connection:
            connection.execute(
                "UPDATE plugin_runs SET ended_ms = ?, exit_code = ?, output = ? WHERE run_id = ?",
                (_now_ms(), code, output, run_id),
            )

    def unfinished(self) -> list[str]:
        """Ids of the runs that were started and have no end."""
        with self._database.read() as connection:
            return [run_id for (run_id,) in connection.execute("SELECT run_id FROM plugin_runs WHERE ended_ms IS NULL")]

    def find_output(self, run_id: str) -> bytes | None:
        """What an ended run printed; None for a run that is unknown or has not ended."""
        with self._database.read() as connection:
            for (output,) in connection.execute("SELECT output FROM plugin_runs WHERE run_id = ?", (run_id,)):
                return None if output is None else bytes(output)
        return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

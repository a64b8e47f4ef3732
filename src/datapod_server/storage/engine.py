"""The table engine: one encrypted DuckDB file behind a narrow interface. Expression trees and parameters in, Arrow batches out.

Guarantees that the code below keeps:

- Nothing readable reaches the disk: the database file, its log and whatever spills are encrypted with keys that live in memory only.
- What a transaction wrote is there after `kill -9` once `transaction()` has ended well; before that, nothing of it is.
- The engine reads and writes no other file: after the database is attached, its file system is shut and its settings are locked.
- One writer at a time; any number of readers beside it, each on the state of its start.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import pathlib
import threading
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import duckdb
import pyarrow
from msgspec import Struct
from sqlglot import exp

from datapod_server.errors import DatapodError, Failed, Unauthorized
from datapod_server.messages import Cancellation, Cancelled
from datapod_server.storage.keys import SubKey
from datapod_server.values.path import Path

BATCH_ROWS = 65_536
ROW_GROUP_ROWS = 122_880  # DuckDB's own; in pieces of this size arriving rows are compressed by all threads (2 to 3 times faster here)
_SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
    "enable_external_file_cache": False,
}


class ColumnKind(StrEnum):
    """How a stored column holds its values. Missing values (and, in tables that keep no nulls, nulls) are NULL in every kind."""

    INTEGER = "integer"  # BIGINT
    NUMBER = "number"  # DOUBLE; a whole number in it is an integer (sql-language.md, 2.2)
    TEXT = "text"  # VARCHAR
    TIMESTAMP = "timestamp"  # DOUBLE, seconds since 1970
    MIXED = "mixed"  # values that fit `base` in `column`, all others tagged (datasets/tagged.py) in `overflow`


class RelationColumn(Struct, frozen=True):
    """One column of a dataset as stored.

    Attributes:
        path: Its name in the dataset.
        column: The engine's name of the column.
        kind: MIXED as soon as one stored value does not fit `base`.
        base: The type of `column`, one of the first four kinds.
        overflow: The VARCHAR column with the values that do not fit; None unless `kind` is MIXED. At most one of the two is not NULL.
    """

    path: Path
    column: str
    kind: ColumnKind
    base: ColumnKind
    overflow: str | None = None


class Relation(Struct, frozen=True):
    """A stored table as the SQL compiler sees it: one engine row per dataset row.

    Attributes:
        table: The engine's name of a table or view that holds the committed rows.
        name_column: VARCHAR, the printed row path; unique.
        order_column: BIGINT, ascending in recording order.
        time_column: DOUBLE, the time of all cells of the row in seconds (-inf, inf and nan are legal).
        columns: In the dataset's own order.
    """

    table: str
    name_column: str
    order_column: str
    time_column: str
    columns: tuple[RelationColumn, ...]


class Transaction:
    """One open transaction. Made by `Engine.transaction`, valid inside its `with`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def execute(self, tree: exp.Expression, parameters: Sequence[object] = ()) -> None:
        """Run one statement whose result nobody wants."""
        self._cursor.execute(tree.sql(dialect="duckdb"), list(parameters))

    def fetch(self, tree: exp.Expression, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        rows: list[tuple[Any, ...]] = self._cursor.execute(tree.sql(dialect="duckdb"), list(parameters)).fetchall()
        return rows

    def append(self, table: str, batch: pyarrow.Table) -> None:
        """Append rows; columns are matched by name, those of the table that the batch lacks become NULL."""
        self.insert(table, exp.select(*(exp.column(name, quoted=True) for name in batch.schema.names)).from_("arriving"), batch)

    def insert(self, table: str, select: exp.Select, arriving: pyarrow.Table | pyarrow.RecordBatchReader) -> None:
        """Append what `select` makes of `arriving`, its table of that name; columns are matched by name."""
        if isinstance(arriving, pyarrow.Table):
            arriving = pyarrow.Table.from_batches(arriving.to_batches(max_chunksize=ROW_GROUP_ROWS), arriving.schema)
        self._cursor.register("arriving", arriving)
        try:
            target = exp.to_identifier(table, quoted=True).sql(dialect="duckdb")
            self._cursor.execute(f"INSERT INTO {target} BY NAME {select.sql(dialect='duckdb')}")
        finally:
            self._cursor.unregister("arriving")


class Engine:
    """An open tables file. Safe to use from several threads."""

    def __init__(self, path: pathlib.Path | None, key: SubKey | None, memory_limit_bytes: int | None, threads: int | None) -> None:
        self._path, self._key = path, key
        self._memory_limit_bytes, self._threads = memory_limit_bytes, threads
        self._writing = threading.RLock()
        self._guard = threading.Lock()
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._closed = False
        self._root: duckdb.DuckDBPyConnection | None = self._connect()

    @staticmethod
    def open(
        path: pathlib.Path | None, key: SubKey | None = None, *, memory_limit_bytes: int | None = None, threads: int | None = None
    ) -> Engine:
        """Open or create the file; `None` keeps everything in memory and never spills.

        Raises:
            Unauthorized: The file was written with another key; nothing was created or changed.
            Failed: The file is damaged, in use, or the disk refused.
        """
        if path is not None and key is None:
            raise ValueError("a tables file needs its key")
        return Engine(path, key, memory_limit_bytes, threads)

    def run(
        self, tree: exp.Expression, parameters: Sequence[object] = (), *, cancellation: Cancellation | None = None
    ) -> pyarrow.RecordBatchReader:
        """Run a query; batches are computed while they are read.

        Raises:
            Cancelled: Also later, from the reader.
            Failed: The engine refused; its own text is the cause and not part of the message.
        """
        cursor = self._borrow()
        stop = _interrupter(cursor, cancellation)
        try:
            with self._translated(cancellation):
                reader = cursor.execute(tree.sql(dialect="duckdb"), list(parameters)).to_arrow_reader(BATCH_ROWS)
        except BaseException:
            stop()
            cursor.close()
            raise
        return pyarrow.RecordBatchReader.from_batches(reader.schema, self._batches(cursor, reader, stop, cancellation))

    def fetch(self, tree: exp.Expression, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small result as tuples."""
        cursor = self._borrow()
        with self._translated(None):
            rows: list[tuple[Any, ...]] = cursor.execute(tree.sql(dialect="duckdb"), list(parameters)).fetchall()
        self._give_back(cursor)
        return rows

    def execute(self, tree: exp.Expression, parameters: Sequence[object] = (), *, cancellation: Cancellation | None = None) -> None:
        """Run one writing statement in a transaction of its own; durable on return."""
        with self.transaction(cancellation=cancellation) as transaction:
            transaction.execute(tree, parameters)

    def append(self, table: str, batch: pyarrow.Table, *, cancellation: Cancellation | None = None) -> None:
        """Append rows in a transaction of its own; durable on return. Columns are matched by name."""
        with self.transaction(cancellation=cancellation) as transaction:
            transaction.append(table, batch)

    @contextlib.contextmanager
    def transaction(self, *, cancellation: Cancellation | None = None, exclusive: bool = True) -> Iterator[Transaction]:
        """Everything inside the `with` happens, durably, or nothing of it. Waits for the writer before.

        `exclusive=False` does not wait: only for tables that nobody else knows yet, such as those of an import that may take minutes.

        Raises:
            Cancelled: The transaction was rolled back.
            Failed: Disk full, or the engine refused; rolled back.
        """
        with self._writing if exclusive else contextlib.nullcontext(), self._translated(cancellation):
            cursor = self._borrow()
            stop = _interrupter(cursor, cancellation)
            try:
                cursor.execute("BEGIN")
                yield Transaction(cursor)
                if cancellation is not None:
                    cancellation.check()  # a wish that came while the engine was idle
                cursor.execute("COMMIT")
            except BaseException:
                stop()
                cursor.close()  # rolls back
                raise
            stop()
            self._give_back(cursor)

    def close(self) -> None:
        """Write the log into the database file and close. Closing twice is fine."""
        with self._writing, self._guard:
            self._closed = True
            root, self._root = self._root, None
            idle, self._idle = self._idle, []
            for cursor in idle:
                cursor.close()
            if root is None:
                return
            # A reader that is still open, or a full disk, forbids the checkpoint; the log holds the same and is read at the next start.
            with contextlib.suppress(duckdb.Error):
                root.execute("CHECKPOINT data")
            root.close()

    def _batches(
        self, cursor: duckdb.DuckDBPyConnection, reader: pyarrow.RecordBatchReader, stop: _Stop, cancellation: Cancellation | None
    ) -> Iterator[pyarrow.RecordBatch]:
        finished = False
        try:
            with self._translated(cancellation):
                yield from reader
            finished = True
        finally:
            stop()
            if finished:
                self._give_back(cursor)
            else:
                cursor.close()

    def _borrow(self) -> duckdb.DuckDBPyConnection:
        with self._guard:
            if self._closed:
                raise Failed("the tables file is closed")
            if self._root is None:  # it could not be started again after a failed write; by now there may be space
                self._root = self._connect()
            if self._idle:
                return self._idle.pop()
            cursor = self._root.cursor()
        cursor.execute("USE data")
        return cursor

    def _give_back(self, cursor: duckdb.DuckDBPyConnection) -> None:
        with self._guard:
            if self._root is not None and len(self._idle) < 8:
                self._idle.append(cursor)
                return
        cursor.close()

    @contextlib.contextmanager
    def _translated(self, cancellation: Cancellation | None) -> Iterator[None]:
        """Turn the engine's errors into those of the house; start the engine again if a failed write has invalidated it."""
        try:
            yield
        except duckdb.InterruptException as error:
            if cancellation is not None and cancellation.requested:
                raise Cancelled from error
            raise Failed("the table engine was interrupted") from error
        except duckdb.Error as error:
            if isinstance(error, duckdb.FatalException) or "invalidated" in str(error):
                self._restart()
            raise _failure(error) from error

    def _restart(self) -> None:
        """After a fatal error (a log that could not be written) DuckDB refuses every further call; the file itself is sound."""
        with self._guard:
            if self._root is None:
                return
            for cursor in self._idle:
                cursor.close()
            self._idle = []
            self._root.close()
            self._root = None
            self._root = self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        settings = dict(_SETTINGS)
        if self._memory_limit_bytes is not None:
            settings["memory_limit"] = f"{self._memory_limit_bytes}B"
        if self._threads is not None:
            settings["threads"] = self._threads
        # What spills is encrypted with a key of the process; an ephemeral pod writes nothing at all.
        settings["temp_directory"] = "" if self._path is None else str(self._path.with_name(self._path.name + ".spill"))
        settings["temp_file_encryption"] = True
        root = duckdb.connect(":memory:", config=settings)
        try:
            self._attach(root)
            root.execute("SET enable_external_access = false")
            root.execute("SET lock_configuration = true")
        except BaseException:
            root.close()
            raise
        return root

    def _attach(self, root: duckdb.DuckDBPyConnection) -> None:
        if self._path is None or self._key is None:
            root.execute("ATTACH ':memory:' AS data")
            return
        root.execute(f"LOAD {_literal(str(crypto_extension()))}")
        key = base64.b64encode(self._key.reveal()).decode()
        try:
            root.execute(f"ATTACH {_literal(str(self._path))} AS data (ENCRYPTION_KEY {_literal(key)})")
        except duckdb.Error as error:
            if "Wrong encryption key" in str(error):
                raise Unauthorized("Failed to open the database file") from None
            # The statement holds the key: neither its text nor the engine's error travels on.
            reason = type(error).__name__
        else:
            return
        raise Failed(f"the tables file cannot be opened ({reason}): it is damaged, in use by another process, or the disk refused")


class _Stop:
    """Called when the work of a cursor is over: from then on a late wish to stop does not touch the cursor's next work."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self) -> None:
        self.over.set()


def _interrupter(cursor: duckdb.DuckDBPyConnection, cancellation: Cancellation | None) -> _Stop:
    stop = _Stop()

    def interrupt() -> None:
        if not stop.over.is_set():
            cursor.interrupt()

    if cancellation is not None:
        cancellation.check()
        cancellation.on_request(interrupt)
    return stop


def _failure(error: duckdb.Error) -> DatapodError:
    text = str(error)
    if "No space left" in text or "File too large" in text or "disk quota" in text.lower():
        return Failed("the disk is full: nothing of this call was written; free some space and repeat it")
    if isinstance(error, duckdb.OutOfMemoryException):
        return Failed("the table engine ran out of memory: narrow the query")
    if isinstance(error, duckdb.IOException | duckdb.FatalException):
        return Failed("the disk refused to read or write the tables file: nothing of this call was written")
    return Failed(f"the table engine refused ({type(error).__name__})")


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="duckdb")


def crypto_extension() -> pathlib.Path:
    """The file of the `httpfs` extension in its wheel: DuckDB writes encrypted files only with the OpenSSL that it brings along."""
    found = importlib.util.find_spec("duckdb_extension_httpfs")
    if found is None or not found.submodule_search_locations:
        raise Failed("encrypted tables need the package duckdb-extension-httpfs: pip install 'datapod[server]'")
    return pathlib.Path(found.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"

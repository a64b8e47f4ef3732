"""An encrypted SQLite file: one writer, readers beside it, durable when a write has ended.

SQLite3 Multiple Ciphers with AEGIS and a raw key (no derivation per opening: 1 ms; with a passphrase 20 to 40 ms). WAL with
`synchronous=FULL`: what was committed survives `kill -9` and power loss. The journal is encrypted like the file; temporary data stays in
memory.
"""

from __future__ import annotations

import contextlib
import pathlib
import queue
import threading
from collections.abc import Iterator
from urllib.parse import quote

import apsw

from datapod_server.errors import DatapodError, Failed, Unauthorized, Unavailable
from datapod_server.storage.keys import SubKey

_CIPHER = "aegis"
_BUSY_MS = 10_000
_MOST_IDLE_READERS = 16
_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI


class Database:
    """One open file. Safe to use from several threads; see `open`."""

    def __init__(self, path: pathlib.Path | None, key: SubKey) -> None:
        self._path = path
        self._key = key
        self._writing = threading.RLock()
        self._readers: queue.LifoQueue[apsw.Connection] = queue.LifoQueue(_MOST_IDLE_READERS)
        self._open: set[apsw.Connection] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._writer = self._connect()
        self._depth = 0

    @staticmethod
    def open(path: pathlib.Path | None, key: SubKey) -> Database:
        """Open a file, or make it; None keeps everything in memory.

        Raises:
            Unauthorized: The key does not open the file; nothing was created or changed.
            Failed: The file cannot be opened or made.
        """
        if path is not None and path.exists():
            _check_key(path, key)
        with _translated():
            return Database(path, key)

    @contextlib.contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """A transaction of the one writer: committed when the block ends well, rolled back when it raises.

        A block inside a block of the same thread is part of the outer transaction. Raises `Failed` for a full or broken disk.
        """
        with self._writing, _translated():
            if self._depth:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    @contextlib.contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """A connection for reading: all statements of the block see one state, that of its first. Not for a thread that is writing."""
        if self._path is None:
            with self._writing, _translated():
                yield self._writer
            return
        with _translated():
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            finally:
                self._give_back(connection)

    def close(self) -> None:
        """Write everything into the file and forget the key. May be called twice; waits for a write that is under way.

        A read that is under way in another thread is broken off (`Unavailable`), and its connection closed by that thread: SQLite lets
        nobody else do it.
        """
        with self._writing:
            with self._lock:
                self._closed = True
                idle = self._idle_readers()
                if self._writer in self._open:
                    idle.append(self._writer)  # the last one moves the journal into the file, unless somebody still reads
                self._open.difference_update(idle)
                for reading in self._open:
                    reading.interrupt()
            for connection in idle:
                connection.close()
            self._key.wipe()

    def _idle_readers(self) -> list[apsw.Connection]:
        readers = []
        with contextlib.suppress(queue.Empty):
            while True:
                readers.append(self._readers.get_nowait())
        return readers

    def _borrow(self) -> apsw.Connection:
        try:
            return self._readers.get_nowait()
        except queue.Empty:
            return self._connect()

    def _give_back(self, connection: apsw.Connection) -> None:
        # A cursor that was not read to its end keeps its old state even after ROLLBACK; whoever got this connection next would see it.
        unused = connection.txn_state() == apsw.SQLITE_TXN_NONE
        with self._lock:
            if unused and not self._closed:
                with contextlib.suppress(queue.Full):
                    self._readers.put_nowait(connection)
                    return
            self._open.discard(connection)
        connection.close(True)

    def _connect(self) -> apsw.Connection:
        with self._lock:
            if self._closed:
                raise Unavailable("this pod was locked; ask again")
            if self._path is None:
                connection = apsw.Connection(":memory:")
            else:
                connection = apsw.Connection(str(self._path), flags=_FLAGS)
                _unlock(connection, self._key)
            self._open.add(connection)
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF"
        )
        return connection


def _unlock(connection: apsw.Connection, key: SubKey) -> None:
    connection.pragma("cipher", _CIPHER)
    connection.execute(f"PRAGMA key='raw:{key.hex()}'")


def _check_key(path: pathlib.Path, key: SubKey) -> None:
    """Try the key on the first page without locks, journal or shared memory: a wrong key must leave no trace, not even a touched file."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with _translated(), contextlib.closing(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)) as connection:
        _unlock(connection, key)
        # Of the first page only, and whatever else is wrong: after a kill in the middle of a checkpoint the file makes sense together
        # with its journal alone. A page that was decrypted and authenticated proves the key; otherwise it is `NotADBError`.
        with contextlib.suppress(apsw.CorruptError):
            connection.execute("PRAGMA user_version").fetchall()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """SQLite's failures in domain terms; its words, never its statements."""
    try:
        yield
    except DatapodError:
        raise
    except apsw.NotADBError as error:
        raise Unauthorized("Failed to open the database file") from error
    except apsw.FullError as error:
        raise Failed("The disk is full: nothing of this call was stored") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise Failed("The database is busy") from error
    except apsw.InterruptError as error:
        raise Unavailable("this pod was locked; ask again") from error
    except apsw.IOError as error:
        # No room for the index of the journal, which reading needs too.
        if getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE:
            raise Failed("The disk is full: nothing of this call was stored") from error
        raise Failed("The database file cannot be used: IO") from error
    except (apsw.CantOpenError, apsw.CorruptError, apsw.ReadOnlyError) as error:
        raise Failed(f"The database file cannot be used: {type(error).__name__.removesuffix('Error')}") from error

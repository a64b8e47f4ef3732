"""Full-text search over all string properties: an FTS5 index in the pod's own encrypted file, brought up to date behind the writers.

A writer only notes what changed, which costs next to nothing; the index follows within seconds in the background, and a query that is
faster than that waits for it: so answers are exact. New items need no note at all: they have the largest row numbers. Secret properties
and the schema are not indexed. Source of the query syntax: https://www.sqlite.org/fts5.html, of which users see words, "phrases", prefixes*
and -exclusions only.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apsw

from datapod_server.errors import Invalid
from datapod_server.items.reading import rows_as_json
from datapod_server.items.schema import DEFINING_KEYS, Schema
from datapod_server.items.view import View
from datapod_server.secret_properties import is_secret
from datapod_server.storage.sqlite import Database

log = logging.getLogger("datapod.items")

WORDS_TABLES = """
CREATE VIRTUAL TABLE words USING fts5(text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');
CREATE TABLE words_pending (item INTEGER PRIMARY KEY);
INSERT INTO settings VALUES ('words indexed up to row', '0');
"""
_UNINDEXED = frozenset({*DEFINING_KEYS, "Edge"})
_BATCH = 2000
_PAUSE_SECONDS = 1.0
_BETWEEN = "\n\ue000\n"
"""A word that nobody can ask for stands between two properties, so that no phrase reaches from one into the next."""
_PART = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')

_CHANGED = "SELECT row, type FROM items WHERE row IN (SELECT item FROM words_pending LIMIT ?)"
_NEW = "SELECT row, type FROM items WHERE row > ? ORDER BY row LIMIT ?"
_WAITING = "SELECT EXISTS (SELECT 1 FROM words_pending) OR EXISTS (SELECT 1 FROM items WHERE row > ?)"
_UPTO = "SELECT value FROM settings WHERE key = 'words indexed up to row'"
_SET_UPTO = "UPDATE settings SET value = ? WHERE key = 'words indexed up to row'"
_TEXTS = "SELECT item, name, value FROM strings WHERE item IN (SELECT value FROM json_each(?)) ORDER BY item, name"
_TYPES = "SELECT row, type FROM items WHERE row IN (SELECT value FROM json_each(?))"


def text_query(text: str) -> str:
    """What a person typed, as an expression of FTS5.

    >>> text_query('summer "open sea" boat* -storm')
    '("summer" AND "open sea" AND "boat" *) NOT ("storm")'

    Raises:
        Invalid: There is no word to look for.
    """
    wanted: list[str] = []
    excluded: list[str] = []
    for minus, phrase, word in _PART.findall(text):
        prefix = word.endswith("*")
        content = (phrase or word.strip("*")).replace('"', " ").replace("\0", " ")
        if any(character.isalnum() for character in content):
            (excluded if minus else wanted).append(f'"{content}"' + (" *" if prefix else ""))
    if not wanted:
        raise Invalid("A text search needs at least one word to look for")
    # One NOT over all: FTS5 refuses a chain of 256, but takes any number of words side by side.
    return f"({' AND '.join(wanted)}) NOT ({' OR '.join(excluded)})" if excluded else " AND ".join(wanted)


def note_changed(connection: apsw.Connection, row: int) -> None:
    """Within the transaction that changes an item: the index has to follow."""
    connection.execute("INSERT OR IGNORE INTO words_pending VALUES (?)", (row,))


def index_pending(connection: apsw.Connection, schema: Schema) -> bool:
    """Index the next batch, within a write transaction. Whether there was anything to do."""
    upto = next(int(value) for (value,) in connection.execute(_UPTO))
    new = dict(connection.execute(_NEW, (upto, _BATCH)))
    types = new | dict(connection.execute(_CHANGED, (_BATCH,)))
    if not types:
        return False
    rows = rows_as_json(types)
    texts = _texts(connection, schema, types, lambda row, name: not is_secret(types[row], name))
    connection.execute("DELETE FROM words WHERE rowid IN (SELECT value FROM json_each(?))", (rows,))
    connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", list(texts))
    connection.execute("DELETE FROM words_pending WHERE item IN (SELECT value FROM json_each(?))", (rows,))
    if new:
        connection.execute(_SET_UPTO, (str(max(new)),))
    return True


def matching_rows(connection: apsw.Connection, schema: Schema, view: View, expression: str) -> list[int]:
    """The items that contain the words in what may be read of them, the best first; the index must be up to date."""
    found = [row for (row,) in connection.execute("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank", (expression,))]
    if view.rights is None:
        return found
    kept: set[int] = set()
    for start in range(0, len(found), _BATCH):
        kept.update(_readable_matches(connection, schema, view, expression, found[start : start + _BATCH]))
    return [row for row in found if row in kept]


def _readable_matches(connection: apsw.Connection, schema: Schema, view: View, expression: str, rows: Sequence[int]) -> list[int]:
    """The words may stand in a property that the asker may not read: so they are looked for again, in what he may."""
    types = {row: item_type for row, item_type in connection.execute(_TYPES, (rows_as_json(rows),)) if view.sees(row, item_type)}

    def readable(row: int, name: str) -> bool:
        return not is_secret(types[row], name) and view.names(row, types[row]).allow(types[row], name)

    scratch = apsw.Connection(":memory:")  # nothing of it is ever written to a disk
    try:
        scratch.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'unicode61 remove_diacritics 2')")
        scratch.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", list(_texts(connection, schema, types, readable)))
        return [row for (row,) in scratch.execute("SELECT rowid FROM words WHERE words MATCH ?", (expression,))]
    finally:
        scratch.close()


def _texts(
    connection: apsw.Connection, schema: Schema, types: dict[int, str], wanted: Callable[[int, str], bool]
) -> Iterator[tuple[int, str]]:
    gathered: dict[int, list[str]] = {}
    rows = [row for row, item_type in types.items() if item_type not in _UNINDEXED]
    for row, number, value in connection.execute(_TEXTS, (rows_as_json(rows),)):
        known = schema.names.get(number)
        if known is not None and known[1] is str and isinstance(value, str) and wanted(row, known[0]):
            gathered.setdefault(row, []).append(value)
    return ((row, _BETWEEN.join(parts)) for row, parts in gathered.items())


class Words:
    """Keeps the index of one pod up to date. Safe to use from several threads.

    Args:
        writing: The lock that the writers of the pod take.
    """

    def __init__(self, database: Database, schema: Callable[[], Schema], writing: Any) -> None:
        self._database = database
        self._schema = schema
        self._writing = writing
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def wake(self) -> None:
        """Something was written: the index follows soon."""
        with self._lock:
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(_PAUSE_SECONDS, self._follow)
                self._timer.daemon = True
                self._timer.start()

    def catch_up(self) -> None:
        """Return when the index has everything that was committed before."""
        while self._index_batch():
            pass

    def close(self) -> None:
        """Stop following; what is missing is indexed after the next opening."""
        with self._lock:
            self._closed = True
            timer = self._timer
        if timer is not None:
            timer.cancel()
            timer.join()

    def _follow(self) -> None:
        with self._lock:
            self._timer = None
        try:
            while not self._closed and self._index_batch():
                pass
        except Exception:
            # A full disk must not end more than this attempt: the next query tries again, and its asker learns of it.
            log.exception("the text index could not be brought up to date")

    def _index_batch(self) -> bool:
        with self._database.read() as connection:
            upto = next(int(value) for (value,) in connection.execute(_UPTO))
            waiting = next(waiting for (waiting,) in connection.execute(_WAITING, (upto,)))
        if not waiting:
            return False
        with self._writing, self._database.write() as connection:
            return index_pending(connection, self._schema())

"""Files by their SHA-256: the content lies in `Blobs`, its key and nonce are properties of the items that name it.

Source: pod-protocol.md, 11. A hash is compared as text: the same one in other letters is another name.

A file and its key come and go together: the key is committed first, then the file gets its name, both under one lock per pod. A server
that is killed in between leaves a key without a file, or after a deletion a file without a key. Either counts as not stored, and the same
upload works again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator

import apsw

from datapod_server.errors import Conflict, Invalid, NotFound
from datapod_server.items.view import EVERYWHERE, View
from datapod_server.principal import OWNER, Principal
from datapod_server.rights import Level, Rights
from datapod_server.storage.blobs import Blobs, FileKey
from datapod_server.storage.sqlite import Database

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_NAMED = "SELECT strings.item FROM strings WHERE name = (SELECT number FROM names WHERE name = 'sha256') AND value = ?1"
_KEY_OF = """
SELECT key.value, nonce.value FROM strings AS sha256
JOIN strings AS key ON key.item = sha256.item AND key.name = (SELECT number FROM names WHERE name = 'key')
JOIN strings AS nonce ON nonce.item = sha256.item AND nonce.name = (SELECT number FROM names WHERE name = 'nonce')
JOIN items ON items.row = sha256.item
WHERE sha256.name = (SELECT number FROM names WHERE name = 'sha256') AND sha256.value = ?1 AND {seen} LIMIT 1
"""
_FILE_ITEM = """
SELECT items.row, sha256.value, key.value, nonce.value FROM items
LEFT JOIN strings AS sha256 ON sha256.item = items.row AND sha256.name = (SELECT number FROM names WHERE name = 'sha256')
LEFT JOIN strings AS key ON key.item = items.row AND key.name = (SELECT number FROM names WHERE name = 'key')
LEFT JOIN strings AS nonce ON nonce.item = items.row AND nonce.name = (SELECT number FROM names WHERE name = 'nonce')
WHERE items.id = ?1 AND {seen}
"""
_SET = "INSERT OR REPLACE INTO strings SELECT ?1, number, ?3 FROM names WHERE name = ?2"
_ERASE = "DELETE FROM strings WHERE item = ?1 AND name IN (SELECT number FROM names WHERE name IN ('key', 'nonce'))"
_TOUCH = "UPDATE items SET dateServerModified = ?2 WHERE row = ?1"
_DELETE = "UPDATE items SET deleted = 1, dateModified = ?2, dateServerModified = ?2 WHERE row = ?1"
_LIVE_ITEMS_OF = f"SELECT row FROM items WHERE NOT deleted AND row IN ({_NAMED})"  # noqa: S608 - both parts stand above
_FILES_NAMED = f"SELECT 1 FROM items WHERE type = 'File' AND NOT deleted AND row IN ({_NAMED})"  # noqa: S608 - as above
_HAS_KEY = "SELECT 1 FROM strings WHERE item = ?1 AND name = (SELECT number FROM names WHERE name = 'key')"


class FileStore:
    """The files of one pod. Safe to use from several threads.

    Args:
        clock: The server's time in ms, as items get it; called inside the write transaction.
    """

    def __init__(self, database: Database, blobs: Blobs, clock: Callable[[], int]) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._settling = threading.Lock()

    def store(self, sha256: str, chunks: Iterable[bytes], principal: Principal) -> None:
        """Take in the content of a file that at least one item names.

        Content that is stored, but under no item that the asker sees, is checked like new content, and his items get its key: so he does
        not learn that it was there.

        Raises:
            Invalid: `sha256` is no hash, or not that of the content.
            Forbidden: The asker may write such an item, but no files.
            Conflict: The file is stored already; the content is not looked at.
            NotFound: No item names this hash, compared as text.
            Failed: The disk is full or broken. Nothing is left behind in any of these cases.
        """
        if not _HASH.fullmatch(sha256):
            raise Invalid(f"File name {sha256[:80]} is no sha256 hash: it must be 64 hex digits")
        if principal.rights is not None:
            self._check_upload(sha256, principal.rights)
        if self._is_stored(sha256, principal):
            raise _already_stored()
        draft = self._blobs.receive(chunks)
        try:
            if draft.sha256 != sha256.lower():
                raise Invalid(f"Expected file sha256 hash differs from calculated {draft.sha256}")
            with self._settling:
                if self._is_stored(sha256, principal):  # somebody else sent the same content meanwhile
                    raise _already_stored()
                known = self._find_key(sha256, OWNER) if self._blobs.exists(sha256) else None
                with self._database.write() as connection:
                    self._set_key(connection, sha256, known or draft.key)
                if known is None:
                    draft.keep(sha256)
        finally:
            draft.discard()

    def read(self, sha256: str, principal: Principal) -> Iterator[bytes]:
        """The content in pieces.

        Raises:
            NotFound: It is not stored, or no item that the asker sees has its key.
        """
        readable = principal.rights is None or principal.rights.files is not Level.NONE
        found = self._find_key(sha256, principal) if readable else None
        pieces = None if found is None else self._blobs.read(sha256, found)
        if pieces is None:
            raise NotFound(f"File {sha256[:80]} not found")
        return pieces

    def delete(self, item_id: str, principal: Principal) -> None:
        """Mark a file's item deleted, and remove the content unless another live item names it. Source: pod-protocol.md, 11.6.

        An item that was made after the upload has no key of its own: it inherits the one of the deleted item, or nobody could read
        the content any more, nor replace it.

        Raises:
            NotFound: There is no such item.
            Forbidden: It may be seen, but not deleted.
        """
        with self._settling:
            with self._database.write() as connection:
                found = connection.execute(_FILE_ITEM.format(seen=_seen(connection, principal)), (item_id,)).fetchone()
                if found is None:
                    raise NotFound(f"Item with id {item_id} not found")
                if principal.rights is not None:
                    principal.rights.require(_writes_files(principal.rights), "files write")
                row, sha256, key, nonce = found
                connection.execute(_DELETE, (row, self._clock()))
                connection.execute(_ERASE, (row,))
                heirs = [heir for (heir,) in connection.execute(_LIVE_ITEMS_OF, (sha256,))]
                if key is not None and nonce is not None:
                    keyless = [heir for heir in heirs if connection.execute(_HAS_KEY, (heir,)).fetchone() is None]
                    self._hand_over(connection, keyless, FileKey(key, nonce))
            if sha256 is not None and not heirs:
                self._blobs.remove(sha256)

    def close(self) -> None:
        self._blobs.close()

    def _is_stored(self, sha256: str, principal: Principal) -> bool:
        """Whether the content is there, and the asker sees an item that has its key."""
        return self._blobs.exists(sha256) and self._find_key(sha256, principal) is not None

    def _find_key(self, sha256: str, principal: Principal) -> FileKey | None:
        with self._database.read() as connection:
            found = connection.execute(_KEY_OF.format(seen=_seen(connection, principal)), (sha256,)).fetchone()
        return None if found is None else FileKey(*found)

    def _check_upload(self, sha256: str, rights: Rights) -> None:
        with self._database.read() as connection:
            named = connection.execute(_FILES_NAMED, (sha256,)).fetchone()
        if named is None or rights.write.of("File") is None:
            raise _no_item(sha256)
        rights.require(rights.files is Level.WRITE, "files write")

    def _set_key(self, connection: apsw.Connection, sha256: str, key: FileKey) -> None:
        rows = [row for (row,) in connection.execute(_NAMED, (sha256,))]
        if not rows:
            raise _no_item(sha256)
        self._hand_over(connection, rows, key)

    def _hand_over(self, connection: apsw.Connection, rows: Iterable[int], key: FileKey) -> None:
        for row in rows:
            connection.execute(_SET, (row, "key", key.key))
            connection.execute(_SET, (row, "nonce", key.nonce))
            connection.execute(_TOUCH, (row, self._clock()))


def _seen(connection: apsw.Connection, principal: Principal) -> str:
    if principal.rights is None:
        return EVERYWHERE
    return f"items.type = 'File' AND {View(connection, principal).visible('items')}"


def _writes_files(rights: Rights) -> bool:
    return rights.files is Level.WRITE and rights.write.of("File") is not None


def _no_item(sha256: str) -> NotFound:
    return NotFound(f"Item with sha256 {sha256} not found in database")


def _already_stored() -> Conflict:
    return Conflict("File already exists")

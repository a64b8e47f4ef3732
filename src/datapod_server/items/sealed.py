"""Secrets of accounts, encrypted a second time under a key of their own: no search, no query and no index ever meets them in clear.

They lie in a table beside the other values, so that what reads values does not find them unless it asks for them here. A value is a
ChaCha20-Poly1305 box (RFC 8439) under a random nonce, bound to its item and its name.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import apsw
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from datapod_server.errors import Failed
from datapod_server.items.schema import Schema
from datapod_server.secret_properties import SECRETS
from datapod_server.storage.keys import SubKey

SEALED_TABLE = """
CREATE TABLE sealed (item INTEGER NOT NULL REFERENCES items (row), name INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (item, name)) WITHOUT ROWID;
"""
SEALED_TYPE = "Account"
SEALED_NAMES = SECRETS[SEALED_TYPE]
_NONCE_BYTES = 12

_IN_CLEAR = """
SELECT items.row, names.number, values_.value FROM names JOIN {table} AS values_ ON values_.name = names.number
JOIN items ON items.row = values_.item WHERE items.type = 'Account' AND names.name IN (SELECT value FROM json_each(?))
"""
_OF_ITEMS = "SELECT item, name, value FROM sealed WHERE item IN (SELECT value FROM json_each(?))"
_ERASE_IN_CLEAR = "DELETE FROM {table} WHERE item = ? AND name = ?"
_TABLES = ("strings", "integers", "reals")


def is_sealed(item_type: str, name: str) -> bool:
    return item_type == SEALED_TYPE and name in SEALED_NAMES


class Sealer:
    """Boxes of one pod."""

    def __init__(self, key: SubKey) -> None:
        self._key = key

    def put(self, connection: apsw.Connection, row: int, number: int, value: Any) -> None:
        """Store the value of the name with this number; replaces an earlier one."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        box = ChaCha20Poly1305(self._key.reveal()).encrypt(nonce, msgspec.json.encode(value), _place(row, number))
        connection.execute("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?)", (row, number, nonce + box))

    def erase(self, connection: apsw.Connection, row: int, number: int) -> None:
        connection.execute("DELETE FROM sealed WHERE item = ? AND name = ?", (row, number))

    def add(self, connection: apsw.Connection, schema: Schema, items: Mapping[int, dict[str, Any]]) -> None:
        """Add their sealed values to those of these objects, by row number, that are accounts.

        Raises:
            Failed: A box was altered or moved.
        """
        rows = [row for row, item in items.items() if item["type"] == SEALED_TYPE]
        if not rows:
            return
        for row, number, box in connection.execute(_OF_ITEMS, (msgspec.json.encode(rows).decode(),)):
            known = schema.names.get(number)
            if known is not None:
                value = self._open(row, number, box)
                items[row][known[0]] = value == 1 if known[2] else value

    def seal_all(self, connection: apsw.Connection) -> None:
        """Seal what an earlier release stored in clear."""
        names = msgspec.json.encode(sorted(SEALED_NAMES)).decode()
        for table in _TABLES:
            for row, number, value in list(connection.execute(_IN_CLEAR.format(table=table), (names,))):
                self.put(connection, row, number, value)
                connection.execute(_ERASE_IN_CLEAR.format(table=table), (row, number))

    def _open(self, row: int, number: int, box: bytes) -> Any:
        try:
            plain = ChaCha20Poly1305(self._key.reveal()).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _place(row, number))
        except InvalidTag as error:
            raise Failed("A secret of an account cannot be opened: the items file was altered") from error
        return msgspec.json.decode(plain)


def _place(row: int, number: int) -> bytes:
    return row.to_bytes(8, "big") + number.to_bytes(8, "big")

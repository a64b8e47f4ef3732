"""Which entities come back after a restart: one row each in the pod's encrypted database."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from datapod_server.entities.config import Config
from datapod_server.storage.sqlite import Database

_TABLE = """CREATE TABLE IF NOT EXISTS entities (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, id TEXT NOT NULL, config BLOB NOT NULL, data_key TEXT NOT NULL,
    UNIQUE (collection, id))"""


class Record(Struct, frozen=True):
    """`data_key` is where the data of a dataset lives in the engine; empty for other entities."""

    config: Config
    data_key: str


class Records:
    """The records of one pod."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.write() as connection:
            connection.execute(_TABLE)

    def save(self, collection: str, config: Config, data_key: str = "") -> None:
        """Write or replace; durable on return. The number says in which order entities were made."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM entities WHERE collection = ? AND id = ?", (collection, config.id))
            connection.execute(
                "INSERT INTO entities (collection, id, config, data_key) VALUES (?, ?, ?, ?)",
                (collection, config.id, msgspec.json.encode(config), data_key),
            )

    def forget(self, collection: str, entity_id: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM entities WHERE collection = ? AND id = ?", (collection, entity_id))

    def all(self, collection: str) -> list[Record]:
        """In the order in which they were made."""
        with self._database.read() as connection:
            rows: list[Any] = connection.execute(
                "SELECT config, data_key FROM entities WHERE collection = ? ORDER BY number", (collection,)
            ).fetchall()
        return [Record(msgspec.json.decode(config, type=Config), data_key) for config, data_key in rows]

    def empty(self) -> bool:
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM entities LIMIT 1").fetchone() is None

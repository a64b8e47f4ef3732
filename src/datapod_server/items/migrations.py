"""The tables of the items file, built in numbered steps, each applied once. Source: pod-protocol.md, 5.3, 5.4, 18.1.

A property's name is a number in the value tables (`names`), which keeps them and their indexes small. They have no row numbers of
their own: (item, name) is the key, in the order in which items are read, and the one index is (name, value), by which they are searched.
"""

from __future__ import annotations

import hashlib

import apsw

from datapod_server.errors import Failed
from datapod_server.items.audit import AUDIT_TABLES
from datapod_server.items.grants import STANDING_GRANTS
from datapod_server.items.own import MADE_BY_RUNS
from datapod_server.items.sealed import SEALED_TABLE, Sealer
from datapod_server.items.words import WORDS_TABLES

_TABLES = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE items (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    dateCreated INTEGER NOT NULL,
    dateModified INTEGER NOT NULL,
    dateServerModified INTEGER NOT NULL,
    deleted INTEGER NOT NULL
);
CREATE INDEX items_by_type ON items (type, dateServerModified);
CREATE INDEX items_by_date ON items (dateServerModified);
CREATE TABLE edges (
    self INTEGER PRIMARY KEY REFERENCES items (row),
    source INTEGER NOT NULL REFERENCES items (row),
    name TEXT NOT NULL,
    target INTEGER NOT NULL REFERENCES items (row)
);
CREATE INDEX edges_by_source ON edges (source, name);
CREATE INDEX edges_by_target ON edges (target, name);
CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE integers (item INTEGER NOT NULL, name INTEGER NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (item, name)) WITHOUT ROWID;
CREATE INDEX integers_by_value ON integers (name, value);
CREATE TABLE strings (item INTEGER NOT NULL, name INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (item, name)) WITHOUT ROWID;
CREATE INDEX strings_by_value ON strings (name, value);
CREATE TABLE reals (item INTEGER NOT NULL, name INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (item, name)) WITHOUT ROWID;
CREATE INDEX reals_by_value ON reals (name, value);
CREATE TABLE schema_sources (name TEXT NOT NULL, url TEXT NOT NULL, version TEXT NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (name, version)) WITHOUT ROWID;
"""

_STEPS: tuple[tuple[str, str, str], ...] = (
    (_TABLES, "ItemPropertySchema", "itemType:Text propertyName:Text valueType:Text"),
    ("", "PluginRun", "containerImage:Text targetItemId:Text"),
    ("", "File", "sha256:Text key:Text nonce:Text"),
    ("", "Item", "id:Text type:Text dateCreated:DateTime dateModified:DateTime dateServerModified:DateTime deleted:Bool"),
    ("", "ItemEdgeSchema", "edgeName:Text sourceType:Text targetType:Text"),
    (MADE_BY_RUNS + AUDIT_TABLES + STANDING_GRANTS, "", ""),
    (SEALED_TABLE, "", ""),
    (WORDS_TABLES, "", ""),
)
"""Statements to execute, then properties of an item type to define."""
LATEST = len(_STEPS)


def migrate(connection: apsw.Connection, sealer: Sealer) -> None:
    """Bring the file to the latest layout; inside a transaction.

    Raises:
        Failed: A newer release made the file.
    """
    version = connection.pragma("user_version")
    if version > LATEST:
        raise Failed(f"A newer release made this pod (layout {version}, known here: {LATEST}); start that one")
    for statements, item_type, properties in _STEPS[version:]:
        connection.execute(statements)
        for entry in properties.split():
            _define(connection, item_type, *entry.split(":"))
        if statements == SEALED_TABLE:
            sealer.seal_all(connection)
    if version < LATEST:
        connection.pragma("user_version", LATEST)


def _define(connection: apsw.Connection, item_type: str, name: str, value_type: str) -> None:
    fixed_id = hashlib.sha256(f"datapod schema {item_type}.{name}".encode()).hexdigest()[:32]
    connection.execute(
        "INSERT INTO items (id, type, dateCreated, dateModified, dateServerModified, deleted) VALUES (?, ?, 0, 0, 0, 0)",
        (fixed_id, "ItemPropertySchema"),
    )
    row = connection.last_insert_rowid()
    for key, value in (("itemType", item_type), ("propertyName", name), ("valueType", value_type)):
        connection.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (key,))
        connection.execute("INSERT INTO strings SELECT ?, number, ? FROM names WHERE name = ?", (row, value, key))
    connection.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))

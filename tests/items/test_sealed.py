"""Secrets of accounts are encrypted a second time: get an account by its id to read them; nothing else finds them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datapod_server.errors import Failed
from datapod_server.items import ItemStore
from datapod_server.items.edges import Direction
from datapod_server.principal import OWNER
from datapod_server.storage.keys import SubKey
from datapod_server.storage.sqlite import Database

KEY = bytes(range(32))
OPENED: list[ItemStore] = []


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    database = Database.open(tmp_path / "items.sqlite", SubKey(bytes(32)))
    yield database
    while OPENED:
        OPENED.pop().close()
    database.close()


def opened(database: Database, key: bytes = KEY) -> ItemStore:
    OPENED.append(ItemStore(database, SubKey(key), "registered"))
    return OPENED[-1]


def everything_stored(database: Database) -> str:
    with database.read() as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        ]
        return " ".join(str(row) for table in tables for row in connection.execute(f'SELECT * FROM "{table}"'))


def test_they_are_read_by_id_and_along_edges_and_by_nothing_else(database: Database) -> None:
    store = opened(database)
    store.create({"type": "Account", "id": "account01", "handle": "me", "secret": "s3cret", "accessToken": "t0ken"}, OWNER)
    store.create({"type": "Person", "id": "person01", "firstName": "Ada"}, OWNER)
    with store.write(OWNER) as (writing, _):
        writing.create_edge("person01", "account01", "account", None)
    assert store.find_item("account01", OWNER)["secret"] == "s3cret"
    (edge,) = store.get_edges("person01", Direction.OUTGOING, OWNER, expand=True)
    assert edge["item"]["accessToken"] == "t0ken"
    (found,) = store.search({"type": "Account"}, OWNER)
    assert found["handle"] == "me"
    assert not found.keys() & {"secret", "accessToken"}
    assert "s3cret" not in str(store.search({"[[edges]]": {}}, OWNER))
    assert store.search({"secret": "s3cret"}, OWNER) == []
    assert "s3cret" not in str(list(store.items_table(None, OWNER).rows()))
    assert "s3cret" not in everything_stored(database)
    assert "t0ken" not in everything_stored(database)


def test_they_are_changed_and_erased_like_any_property(database: Database) -> None:
    store = opened(database)
    store.create({"type": "Account", "id": "account01", "secret": "one", "code": "4711"}, OWNER)
    store.update({"id": "account01", "secret": "two", "code": None}, OWNER)
    account = opened(database).find_item("account01", OWNER)
    assert account["secret"] == "two"
    assert "code" not in account


def test_what_an_earlier_release_stored_in_clear_is_sealed_when_the_pod_is_opened(database: Database) -> None:
    store = opened(database)
    store.create({"type": "Account", "id": "account01", "handle": "secret of none"}, OWNER)
    store.create({"type": "CryptoKey", "id": "other01", "name": "x"}, OWNER)
    with database.write() as connection:
        connection.execute("DROP TABLE sealed; DROP TABLE words; DROP TABLE words_pending")
        connection.execute("DELETE FROM settings WHERE key = 'words indexed up to row'")
        connection.execute("INSERT OR IGNORE INTO names (name) VALUES ('secret')")
        connection.execute(
            "INSERT INTO strings SELECT items.row, names.number, 'in clear' FROM items, names"
            " WHERE items.id = 'account01' AND names.name = 'secret'"
        )
        connection.pragma("user_version", 6)
    store = opened(database)
    assert "in clear" not in everything_stored(database)
    assert store.find_item("account01", OWNER)["secret"] == "in clear"
    assert store.find_item("account01", OWNER)["handle"] == "secret of none"


def test_a_box_that_was_moved_to_another_account_is_refused(database: Database) -> None:
    store = opened(database)
    store.create({"type": "Account", "id": "account01", "secret": "one"}, OWNER)
    store.create({"type": "Account", "id": "account02", "handle": "x"}, OWNER)
    with database.write() as connection:
        connection.execute("UPDATE sealed SET item = (SELECT row FROM items WHERE id = 'account02')")
    with pytest.raises(Failed, match="altered"):
        store.find_item("account02", OWNER)

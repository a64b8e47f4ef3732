"""A clock that is set back: dates of the server never go backwards, since clients synchronise by them."""

from __future__ import annotations

import time

import pytest

from datapod_server.items import ItemStore
from datapod_server.principal import OWNER
from datapod_server.storage.keys import SubKey
from datapod_server.storage.sqlite import Database


def test_what_is_written_later_has_a_later_date(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_800_000_000_000]
    monkeypatch.setattr(time, "time_ns", lambda: now[0] * 1_000_000)
    file = tmp_path / "items.sqlite"
    database = Database.open(file, SubKey(bytes(32)))
    store = ItemStore(database, SubKey(bytes(32)), "registered")
    for name in ("note01", "note02"):
        store.create({"type": "Note", "id": name}, OWNER)
        now[0] -= 3_600_000
    store.update({"id": "note01", "title": "x"}, OWNER)
    store.close()
    database.close()
    now[0] -= 86_400_000
    database = Database.open(file, SubKey(bytes(32)))
    store = ItemStore(database, SubKey(bytes(32)), "registered")
    store.create({"type": "Note", "id": "note03"}, OWNER)
    dates = {note["id"]: note["dateServerModified"] for note in store.search({"type": "Note"}, OWNER)}
    assert dates["note02"] <= dates["note01"] <= dates["note03"]
    newer = store.search({"type": "Note", "dateServerModified>=": dates["note02"]}, OWNER)
    assert {note["id"] for note in newer} >= {"note01", "note03"}
    store.close()
    database.close()

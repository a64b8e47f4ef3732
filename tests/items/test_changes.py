"""What a commit tells those who react to it, held against searches before and after. Source: pod-protocol.md, 14.8."""

from __future__ import annotations

import contextlib
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapod_server.errors import DatapodError
from datapod_server.items import ItemStore
from datapod_server.items.bulk import Bulk
from datapod_server.items.search import Search
from datapod_server.principal import OWNER
from datapod_server.storage.keys import SubKey
from datapod_server.storage.sqlite import Database

QUERIES = (
    {"type": "Note"},
    {"type": "Note", "starred": True},
    {"type": "Note", "title>=": "b", "starred!=": None},
    {"title": "a", "deleted": False},
    {"starred": True, "title!=": "b"},
    {"title>": "a", "title<": "c"},
    {"id": "note-1"},
    {"dateCreated>=": 0, "content==": None},
    {"content": "nobody"},
)
NAMES = st.sampled_from(["note-1", "note-2", "note-3"])
VALUES = st.fixed_dictionaries(
    {},
    optional={"title": st.sampled_from(["a", "b", None]), "starred": st.sampled_from([True, False, None]), "deleted": st.booleans()},
)
COMMITS = st.lists(st.lists(st.tuples(st.sampled_from(["create", "update"]), NAMES, VALUES), max_size=3), min_size=1, max_size=6)


@contextlib.contextmanager
def opened(folder):
    database = Database.open(folder / f"{secrets.token_hex(8)}.sqlite", SubKey(bytes(32)))
    store = ItemStore(database, SubKey(bytes(32)))
    store.register()
    try:
        yield store
    finally:
        store.close()
        database.close()


@settings(max_examples=60, deadline=None)
@given(commits=COMMITS)
def test_a_commit_gains_exactly_what_a_search_finds_after_it_and_did_not_find_before(tmp_path_factory, commits):
    searches = [Search(query) for query in QUERIES]
    with opened(tmp_path_factory.mktemp("gains")) as store:
        gained: list[list[bool]] = []
        store.committing = lambda changes: gained.append([changes.gains(search) for search in searches])
        for commit in commits:
            before = [found(store, query) for query in QUERIES]
            gained.clear()
            bulk = Bulk(
                create_items=[{"type": "Note", "id": name, **values} for kind, name, values in commit if kind == "create"],
                update_items=[{"id": name, **values} for kind, name, values in commit if kind == "update"],
            )
            try:
                store.bulk(bulk, OWNER)
            except DatapodError:
                continue  # an id that is taken, or that does not exist: nothing was committed
            after = [found(store, query) for query in QUERIES]
            if gained:
                assert gained == [[not later <= earlier for earlier, later in zip(before, after, strict=True)]]


def found(store, query) -> set[str]:
    return {item["id"] for item in store.search(query, OWNER)}


def test_an_item_that_matches_already_is_not_gained_again(tmp_path):
    with opened(tmp_path) as store:
        heard = []
        store.committing = lambda changes: heard.append(changes.gains(Search({"type": "Note"})))
        store.create({"type": "Note", "id": "note-1"}, OWNER)
        store.update({"id": "note-1", "title": "a"}, OWNER)
        assert heard == [True, False]


@pytest.mark.parametrize(
    "query", [{"type": "Note"}, {"type": "Note", "starred": False}, {"type": "Note", "title>=": "a"}, {"starred": False}]
)
def test_only_the_items_of_the_commit_are_looked_at(tmp_path, query):
    with opened(tmp_path) as store:
        notes = [{"type": "Note", "id": f"note-{number}", "title": "b", "starred": False} for number in range(50)]
        store.bulk(Bulk(create_items=notes), OWNER)
        with store.reading(OWNER) as (connection, schema, view):
            plans = []

            class Explaining:
                def execute(self, statement, parameters=()):
                    plans.extend(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))
                    return connection.execute(statement, parameters)

            assert len(Search(query).among(Explaining(), schema, view, [1, 2, 3])) <= 3
        assert plans[0] == "SEARCH items USING INTEGER PRIMARY KEY (rowid=?)", plans

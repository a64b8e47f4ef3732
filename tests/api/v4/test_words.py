"""Full-text search: words, phrases, prefixes, exclusions; exact at once, within what the asker may read, never in secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.v4.conftest import DATABASE_KEY, OWNER_KEY, Desk
from tests.api.v4.test_permissions import Run

from datapod_server.api import v1
from datapod_server.errors import Invalid
from datapod_server.items.words import text_query
from datapod_server.messages import Request
from datapod_server.principal import OWNER
from datapod_server.storage.keys import DatabaseKey


@pytest.fixture
def notes(desk: Desk) -> Desk:
    desk.account()
    texts = {
        "note01": ("Summer at the open sea", "We sailed with the Zwaluw."),
        "note02": ("Storm", "The sea was open, the boats were not. Summer ended."),
        "note03": ("Café", "Grand canal, crème brûlée"),
        "note04": ("Winter", "Nothing happened"),
    }
    desk.ok("bulk", {"createItems": [{"type": "Note", "id": key, "title": title, "content": text} for key, (title, text) in texts.items()]})
    return desk


def found(desk: Desk, words: str, **more: Any) -> set[str]:
    return {item["id"] for item in desk.ok("search", {"_match": words, **more})}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("summer", {"note01", "note02"}),
        ("SUMMER sea", {"note01", "note02"}),
        ('"open sea"', {"note01"}),
        ("boat*", {"note02"}),
        ("boat", set()),
        ("sea -storm", {"note01"}),
        ("cafe creme", {"note03"}),
        ("zwaluw", {"note01"}),
        ("nothing at all", set()),
        ("sea AND OR NEAR(", set()),
        ('sea "', {"note01", "note02"}),
        ("title:sea", set()),
        ('sea* -"open sea"', {"note02"}),
    ],
)
def test_words_phrases_prefixes_and_exclusions(notes: Desk, words: str, expected: set[str]) -> None:
    assert found(notes, words) == expected


@pytest.mark.parametrize("words", ["", "   ", "-sea", "***", "!?"])
def test_no_word_to_look_for_is_400(notes: Desk, words: str) -> None:
    assert notes("search", {"_match": words}).status == 400
    assert notes("search", {"_match": 5}).status == 400
    assert notes("search", {"_sortOrder": "Relevance"}).status == 400


@given(st.text(max_size=40))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    import apsw

    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    try:
        expression = text_query(text)
    except Invalid:
        return
    list(connection.execute("SELECT rowid FROM words WHERE words MATCH ?", (expression,)))


def test_it_goes_with_all_other_conditions(notes: Desk) -> None:
    notes.ok("create_item", {"type": "Message", "id": "message01", "content": "summer, too"})
    notes.ok("create_edge", {"_source": "note01", "_target": "message01", "_name": "about"})
    assert found(notes, "summer", type="Note") == {"note01", "note02"}
    assert found(notes, "summer", title="Storm") == {"note02"}
    (note,) = notes.ok("search", {"_match": "summer", "title": "Summer at the open sea", "[[edges]]": {}})
    assert note["[[edges]]"][0]["_item"]["id"] == "message01"
    ordered = notes.ok("search", {"_match": "summer", "_sortOrder": "Desc", "_limit": 1, "_offset": 1})
    assert len(ordered) == 1
    assert (
        notes.ok("bulk", {"createItems": [{"type": "Note", "id": "note05", "title": "summer"}], "search": [{"_match": "summer"}]})[
            "search"
        ][0][-1]["id"]
        == "note05"
    )


def test_the_best_comes_first_by_relevance(notes: Desk) -> None:
    notes.ok("create_item", {"type": "Note", "id": "note06", "title": "sea sea sea"})
    items = notes.ok("search", {"_match": "sea", "_sortOrder": "Relevance"})
    assert items[0]["id"] == "note06"
    assert len(items) == 3
    assert len(notes.ok("search", {"_match": "sea", "_sortOrder": "Relevance", "_limit": 2})) == 2


def test_changes_deletions_and_restarts_are_followed(make_desk: Any, notes: Desk) -> None:
    notes.ok("update_item", {"id": "note04", "content": "A whale!"})
    assert found(notes, "whale") == {"note04"}
    assert found(notes, "nothing") == set()
    notes.ok("update_item", {"id": "note04", "content": None})
    assert found(notes, "whale") == set()
    notes.ok("delete_item", "note01")
    assert found(notes, "summer") == {"note02"}
    notes.ok("update_item", {"id": "note01", "deleted": False})
    assert found(notes, "summer") == {"note01", "note02"}


def test_secrets_and_the_schema_are_not_indexed(notes: Desk) -> None:
    notes.ok("create_item", {"type": "Account", "handle": "sailor", "secret": "swordfish"})
    notes.ok("create_item", {"type": "CryptoKey", "name": "sailor", "keystr": "swordfish"})
    assert len(found(notes, "sailor")) == 2
    assert found(notes, "swordfish") == set()
    assert found(notes, "title") == set()


def _sql(desk: Desk, query: str, principal: Any = OWNER) -> Any:
    visit = desk.vault.visit()
    try:
        pod = visit.unlock(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), create=False)
        request = Request("GET", "/v1/query", query=(("q", query), ("format", "aos")), principal=principal)
        return json.loads(v1.answer_whole(pod, request).content())
    finally:
        visit.close()


def test_sql_matches_too(notes: Desk) -> None:
    rows = _sql(notes, "SELECT title FROM match(items('Note'), 'summer sea') ORDER BY title")
    assert [row["title"] for row in rows] == ["Storm", "Summer at the open sea"]
    assert _sql(notes, "SELECT count(*) AS n FROM match(items(), 'summer')")[0]["n"] == 2
    for wrong in ("match(items('Note'))", "match(edges(), 'x')", "match(items('Note'), '')"):
        assert "error" in _sql(notes, f"SELECT * FROM {wrong}")


def test_only_what_may_be_read_is_found(notes: Desk) -> None:
    declaration = {"read": {"Note": ["title"]}}
    item = {"type": "PluginRun", "id": "runrun01", "targetItemId": "runrun01", "containerImage": "none"}
    notes.ok("create_item", {**item, "pluginPermissions": json.dumps(declaration)})
    run = Run(notes, "runrun01", declaration)
    assert {entry["id"] for entry in run.ok("search", {"_match": "summer"})} == {"note01"}
    assert run.ok("search", {"_match": "summer sailed"}) == []
    assert [row["title"] for row in run.sql("SELECT title FROM match(items(), 'sea')")] == ["Summer at the open sea"]
    notes.ok("update_item", {"id": "runrun01", "pluginPermissions": '{"read": {"Message": "*"}}'})
    assert run.ok("search", {"_match": "summer"}) == []


def test_any_number_of_exclusions(desk):
    desk.ok(
        "bulk", {"createItems": [{"type": "Boat", "id": "boat01", "name": "open sea"}, {"type": "Boat", "id": "boat02", "name": "open"}]}
    )
    query = "open " + " ".join(f"-storm{number}" for number in range(5000))
    assert [item["id"] for item in desk.ok("search", {"_match": query})] == ["boat01", "boat02"]
    assert [item["id"] for item in desk.ok("search", {"_match": f"{query} -sea"})] == ["boat02"]


def test_a_phrase_stands_within_one_property(desk):
    desk.define(motto="Text")
    desk.ok("create_item", {"type": "Boat", "id": "boat01", "name": "open sea", "motto": "far away"})
    assert desk.ok("search", {"_match": '"sea far"'}) == desk.ok("search", {"_match": '"away open"'}) == []
    assert len(desk.ok("search", {"_match": '"open sea" "far away"'})) == 1

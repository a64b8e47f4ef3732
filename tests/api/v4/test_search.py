"""Search: pod-protocol.md, 8 and 21."""

from __future__ import annotations

import pytest


@pytest.fixture
def boats(desk):
    """Six boats: name, crew, area; the last without any."""
    entries = [
        {"name": "Zwaluw", "crew": 2, "sailArea": 12.5, "leaky": True, "launched": 100},
        {"name": "Meeuw", "crew": 4, "sailArea": 20, "leaky": False, "launched": 200},
        {"name": "Aalscholver", "crew": 4, "sailArea": 31.25, "launched": 300},
        {"name": "Ooievaar", "crew": -1},
        {"name": "zwaan", "crew": 10},
        {},
    ]
    desk.ok("bulk", {"createItems": [{"type": "Boat", "id": f"boat0{number}", **entry} for number, entry in enumerate(entries)]})
    return desk


def found(desk, **query):
    return [item["id"][-1] for item in desk.ok("search", {"type": "Boat", **query})]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "Meeuw"}, "1"),
        ({"name==": "Meeuw"}, "1"),
        ({"name!=": "Meeuw"}, "0234"),
        ({"name>=": "Z"}, "04"),
        ({"name<": "N"}, "12"),
        ({"crew": 4}, "12"),
        ({"crew>": 2}, "124"),
        ({"crew>=": 2, "crew<": 10}, "012"),
        ({"crew<=": 2}, "03"),
        ({"sailArea": 20}, "1"),
        ({"sailArea>": 12.5}, "12"),
        ({"leaky": True}, "0"),
        ({"leaky!=": True}, "1"),
        ({"launched>=": 200}, "12"),
        ({"crew==": None}, "5"),
        ({"crew!=": None}, "01234"),
        ({"crew": 4, "name": "Meeuw"}, "1"),
        ({"crew": 4, "name!=": "Meeuw"}, "2"),
        ({"id": "boat03"}, "3"),
        ({"id!=": "boat03"}, "01245"),
        ({"id>=": "boat04"}, "45"),
        ({"id": None, "deleted": None, "dateServerModified>=": None, "dateServerModified<": None}, "012345"),
        ({"deleted": True}, ""),
        ({"deleted!=": True}, "012345"),
        ({"dateCreated>": 0}, "012345"),
        ({"dateCreated": 0}, ""),
        ({"dateModified!=": 0}, "012345"),
        ({"dateCreated!=": None}, "012345"),
        ({"dateCreated==": None}, ""),
        ({"rowid": None, "type": None, "name": "zwaan"} | {}, None),
        ({"_sortOrder": "Desc"}, "543210"),
        ({"_limit": 0}, ""),
        ({"_limit": 2, "_offset": 1}, "12"),
        ({"_limit": 2, "_offset": 5}, "5"),
        ({"_limit": 2, "_offset": 6}, ""),
        ({"_offset": 4}, "45"),
        ({"_sortOrder": "Desc", "_limit": 2, "_offset": 0}, "54"),
    ],
)
def test_conditions(boats, query, expected):
    if expected is None:
        assert boats("search", query).status == 400
    else:
        assert found(boats, **query) == list(expected)


@pytest.mark.parametrize(
    "query",
    [
        {"name": None},
        {"name>=": None},
        {"crew": "2"},
        {"crew": 2.0},
        {"crew": True},
        {"leaky": 1},
        {"leaky>=": True},
        {"deleted>": True},
        {"deleted": 0},
        {"type": 5},
        {"id": 5},
        {"dateServerModified>=": "x"},
        {"dateServerModified>=": 1.5},
        {"dateServerModified>=": 2**63},
        {"_limit": None},
        {"_limit": -1},
        {"_limit": 1.0},
        {"_limit": True},
        {"_offset": None},
        {"_sortOrder": None},
        {"_sortOrder": "asc"},
        {"[[edges]]": []},
        {"~[[edges]]": True},
        {"[[friend]]": {}},
        {"name": ["Meeuw"]},
        {"name": {}},
    ],
)
def test_wrong_queries_are_400(boats, query):
    assert boats("search", query).status == 400


def test_an_unknown_property_is_an_error_only_when_it_could_matter(desk):
    assert desk.ok("search", {"type": "Ghost", "hauntedBy": "x"}) == []
    desk.ok("create_item", {"type": "Ghost"})
    answer = desk("search", {"type": "Ghost", "hauntedBy": "x"})
    assert answer.status == 400
    assert answer.text.startswith("Failure: Property hauntedBy not defined in Schema")
    assert desk.ok("search", {"type": "Ghost", "deleted": True, "hauntedBy": "x"}) == []


@pytest.mark.parametrize("key", ["hauntedBy", "hauntedBy==", "hauntedBy>"])
def test_that_holds_for_null_too(boats, key):
    assert boats.ok("search", {"type": "Ghost", key: None}) == []
    answer = boats("search", {"type": "Boat", key: None})
    assert answer.status == 400
    assert answer.text == "Failure: Property hauntedBy not defined in Schema (attempted to use it for json value null)"
    known = boats("search", {"type": "Ghost", "name": None, "_limit": 0})
    assert known.status == 400
    assert "Searching for undefined (null) properties is not supported yet" in known.text


def test_without_offset_the_limit_takes_ties_along(desk, monkeypatch):
    times = iter([3, 3, 4])
    monkeypatch.setattr("time.time_ns", lambda: int(4e18) + next(times) * 1_000_000)
    for number in range(3):
        desk.ok("create_item", {"type": "Boat", "id": f"boat0{number}"})
    monkeypatch.undo()
    assert found(desk, _limit=1) == ["0", "1"]
    assert found(desk, _limit=2) == ["0", "1"]
    assert found(desk, _limit=1, _offset=0) == ["0"]
    assert found(desk, _limit=1, _offset=1) == ["1"]
    assert found(desk, _limit=2, _sortOrder="Desc") == ["2", "1", "0"]
    assert found(desk, **{"_limit": 1, "dateServerModified>=": int(4e12) + 4}) == ["2"]


def test_ties_are_reversed_in_descending_order(desk, monkeypatch):
    monkeypatch.setattr("time.time_ns", lambda: int(4e18))
    desk.ok("bulk", {"createItems": [{"type": "Boat", "id": "boat01"}, {"type": "Boat", "id": "boat02"}]})
    assert found(desk, _sortOrder="Desc", _limit=1) == ["2", "1"]


def test_conditions_come_before_the_limit(desk):
    items = [{"type": "Boat", "name": "x" if number >= 95 else "y"} for number in range(100)]
    desk.ok("bulk", {"createItems": items})
    assert len(desk.ok("search", {"type": "Boat", "name": "x", "_limit": 3})) >= 3
    assert len(desk.ok("search", {"type": "Boat", "name": "x", "_limit": 3, "_offset": 3})) == 2


def test_edges_hang_below_their_item(desk):
    desk.ok(
        "bulk",
        {
            "createItems": [{"type": "Boat", "id": "boat01"}, {"type": "Harbour", "id": "harbour01", "name": "Veere"}],
            "createEdges": [{"_source": "boat01", "_target": "harbour01", "_name": "moored"}],
        },
    )
    (boat,) = desk.ok("search", {"id": "boat01", "[[edges]]": {}, "~[[edges]]": {}})
    (edge,) = boat["[[edges]]"]
    assert edge.keys() == {"_edge", "_item", "id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted"}
    assert (edge["_edge"], edge["type"], edge["_item"]["name"]) == ("moored", "Edge", "Veere")
    assert "[[edges]]" not in edge["_item"]
    assert boat["~[[edges]]"] == []
    (harbour,) = desk.ok("search", {"id": "harbour01", "~[[edges]]": {}, "[[edges]]": None})
    assert harbour["~[[edges]]"][0]["_item"]["id"] == "boat01"
    assert "[[edges]]" not in harbour


def test_deleted_ends_show_by_account_kind_and_deleted_edges_never(desk):
    desk.ok("bulk", {"createItems": [{"type": "Boat", "id": f"boat0{number}"} for number in range(3)]})
    edges = [desk.ok("create_edge", {"_source": "boat00", "_target": f"boat0{number}", "_name": "next"}) for number in (1, 2)]
    desk.ok("delete_item", "boat01")
    desk.ok("delete_item", edges[1])

    def ends():
        (boat,) = desk.ok("search", {"id": "boat00", "[[edges]]": {}})
        listed = [edge["item"]["id"] for edge in desk.ok("get_edges", {"item": "boat00"})]
        assert listed == [edge["_item"]["id"] for edge in boat["[[edges]]"]]
        return listed

    assert ends() == ["boat01"]
    desk.account()
    assert ends() == []


def test_registered_accounts_may_ask_for_deleted_items_too(registered):
    registered.ok("create_item", {"type": "Boat", "id": "boat01"})
    registered.ok("delete_item", "boat01")
    assert found(registered) == []
    assert found(registered, _includeDeleted=True) == ["1"]


@pytest.mark.parametrize("order", ["Asc", "Desc"])
def test_a_page_of_a_common_value_is_the_start_of_all(desk, order):
    boats = [
        {"type": "Boat", "id": f"boat{number:03}", "name": "rare" if number % 50 == 7 else "common", "crew": 1} for number in range(400)
    ]
    desk.ok("bulk", {"createItems": boats})
    for query in (
        {"name": "common"},
        {"name": "rare"},
        {"name": "rare", "crew": 1},
        {"crew>=": 1, "crew<": 2},
        {"name": "none", "crew": 1},
    ):
        everything = desk.ok("search", {"type": "Boat", "_sortOrder": order, **query})
        for offset in (0, 5, 300):
            page = desk.ok("search", {"type": "Boat", "_sortOrder": order, "_limit": 3, "_offset": offset, **query})
            assert page == everything[offset : offset + 3]

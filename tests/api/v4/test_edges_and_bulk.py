"""Edges and bulk: pod-protocol.md, 7, 9 and 21."""

from __future__ import annotations

import pytest


@pytest.fixture
def moored(desk):
    desk.ok("bulk", {"createItems": [{"type": "Boat", "id": "boat01"}, {"type": "Harbour", "id": "harbour01", "name": "Veere"}]})
    return desk


EDGE = {"_source": "boat01", "_target": "harbour01", "_name": "moored"}


def test_an_edge_touches_its_source_only(moored):
    before = moored.ok("get_item", "boat01") + moored.ok("get_item", "harbour01")
    moored.ok("create_edge", EDGE)
    boat, harbour = moored.ok("get_item", "boat01") + moored.ok("get_item", "harbour01")
    assert boat["dateServerModified"] >= before[0]["dateServerModified"]
    assert boat["dateModified"] == before[0]["dateModified"]
    assert harbour == before[1]


def test_repeated_edges_are_stored_each_time(moored):
    assert moored.ok("create_edge", EDGE) != moored.ok("create_edge", EDGE)
    edges = moored.ok("get_edges", {"item": "boat01", "direction": "Outgoing", "expandItems": True})
    assert [edge["name"] for edge in edges] == ["moored", "moored"]
    assert edges[0].keys() == {"name", "item"}
    assert edges[0]["item"]["name"] == "Veere"


def test_edges_are_items(moored):
    edge_id = moored.ok("create_edge", EDGE)
    (edge,) = moored.ok("get_item", edge_id)
    assert (edge["type"], edge["_source"], edge["_target"], edge["_edge"]) == ("Edge", "boat01", "harbour01", "moored")
    assert edge in moored.ok("search", {})


def test_edges_from_the_other_end_and_unexpanded(moored):
    moored.ok("create_edge", EDGE)
    assert moored.ok("get_edges", {"item": "harbour01", "direction": "Incoming", "expandItems": False}) == [
        {"name": "moored", "item": {"id": "boat01"}}
    ]
    assert moored.ok("get_edges", {"item": "harbour01"}) == []
    assert moored("get_edges", {"item": "harbour01", "direction": "Both"}).status == 400
    assert moored("get_edges", {}).status == 400


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"_source": "nosuch"}, 404, "Failure: Edge source not found: nosuch"),
        ({"_target": "nosuch"}, 404, "Failure: Edge target not found: nosuch"),
        ({"_self": "nosuch"}, 400, "Failure: Failed to create edge with _self: nosuch"),
        ({"_name": ""}, 400, "Failure: "),
        ({"_name": 5}, 400, "Failure: JSON deserialization error payload._name"),
    ],
)
def test_edges_that_cannot_be(moored, change, status, text):
    answer = moored("create_edge", EDGE | change)
    assert answer.status == status
    assert answer.text.startswith(text)


def test_an_item_can_be_the_self_of_one_edge(moored):
    moored.ok("create_item", {"type": "Berth", "id": "berth01", "crew": 7})
    assert moored.ok("create_edge", EDGE | {"_self": "berth01", "other": "ignored"}) == "berth01"
    assert moored("create_edge", EDGE | {"_self": "berth01"}).status == 500
    (boat,) = moored.ok("search", {"id": "boat01", "[[edges]]": {}})
    assert boat["[[edges]]"][0]["crew"] == 7


def test_edges_are_removed_by_their_ends(moored):
    first, second = moored.ok("create_edge", EDGE), moored.ok("create_edge", EDGE | {"_name": "built"})
    assert moored.ok("delete_edge_by_source_target", EDGE) == {}
    assert [edge["name"] for edge in moored.ok("get_edges", {"item": "boat01"})] == ["built"]
    assert moored.ok("get_item", first)[0]["deleted"] is True
    answer = moored("delete_edge_by_source_target", EDGE)
    assert (answer.status, answer.text) == (404, "Failure: Edge not found")
    assert moored.ok("delete_edge_by_source_target", {"source": "boat01", "target": "harbour01"}) == {}
    assert moored.ok("get_item", second)[0]["deleted"] is True
    assert moored("delete_edge_by_source_target", {"_source": "boat01"}).status == 400


def test_the_order_of_a_bulk_is_fixed(desk):
    answer = desk.ok(
        "bulk",
        {
            "search": [{"type": "Buoy"}],
            "createEdges": [{"_source": "new01a", "_target": "new02b", "_name": "next"}],
            "deleteItems": ["new02b"],
            "updateItems": [{"id": "new01a", "name": "second"}],
            "createItems": [{"id": "new01a", "type": "Buoy", "name": "first"}, {"id": "new02b", "type": "Buoy"}],
            "unknown": 5,
        },
    )
    assert list(answer) == ["createEdges", "createItems", "search"]
    assert answer["createItems"] == ["new01a", "new02b"]
    assert len(answer["createEdges"]) == 1
    by_id = {item["id"]: item for item in answer["search"][0]}
    assert (by_id["new01a"]["name"], by_id["new02b"]["deleted"]) == ("second", True)


@pytest.mark.parametrize(
    ("part", "value", "status"),
    [
        ("deleteItems", ["nosuchid"], 404),
        ("updateItems", [{"id": "nosuchid"}], 404),
        ("createItems", [{"type": "Buoy", "id": "new01a"}, {"type": "Buoy", "id": "new01a"}], 500),
        ("createEdges", [{"_source": "new01a", "_target": "nosuch", "_name": "next"}], 404),
        ("search", [{"type": "Buoy", "nosuch": 1}], 400),
        ("search", [{"_limit": -1}], 400),
    ],
)
def test_a_bulk_with_an_error_stores_nothing(desk, part, value, status):
    parts = {"createItems": [{"id": "new01a", "type": "Buoy"}], "deleteItems": []}
    parts[part] = value
    assert desk("bulk", parts).status == status
    assert desk.ok("search", {"type": "Buoy"}) == []


def test_a_bulk_answers_three_keys_always(desk):
    desk.ok("create_item", {"type": "Boat", "id": "boat01"})
    answer = desk.ok("bulk", {"search": [{"id": "boat01"}, {"id": "zz9999"}]})
    assert [len(found) for found in answer["search"]] == [1, 0]
    assert (answer["createItems"], answer["createEdges"]) == ([], [])
    assert desk.ok("bulk", {}) == {"createEdges": [], "createItems": [], "search": []}


@pytest.mark.parametrize("part", ["createItems", "updateItems", "deleteItems", "createEdges", "search"])
def test_a_part_that_is_null_is_400(desk, part):
    assert desk("bulk", {part: None}).status == 400
    assert desk("bulk", {part: [None]}).status == 400


def test_errors_in_a_bulk_name_their_place(desk):
    edges = [{"_source": "a", "_target": "b", "_name": "c"}] * 3 + [{"_source": "a", "_target": "b", "_name": 4}]
    assert "JSON deserialization error payload.createEdges[3]._name:" in desk("bulk", {"createEdges": edges}).text
    assert "error payload.createItems[1].deleted:" in desk("bulk", {"createItems": [{"type": "A"}, {"type": "B", "deleted": 3}]}).text
    assert "error payload.search[0]._limit:" in desk("bulk", {"search": [{"_limit": "x"}]}).text


def test_a_large_bulk_that_is_not_ascii_is_taken(desk):
    text = "ж" * 1000
    items = [{"type": "Boat", "name": text} for _ in range(3000)]
    assert len(desk.ok("bulk", {"createItems": items})["createItems"]) == 3000
    assert len(desk.ok("search", {"type": "Boat"})) == 3000

"""Items over `/v4`: what pod-protocol.md, 4 to 6 and 21 promise."""

from __future__ import annotations

import json

import pytest


def test_success_is_200_with_the_bare_id(desk):
    answer = desk("create_item", {"type": "Boat"})
    assert (answer.status, answer.kind) == (200, "application/json")
    assert len(answer.json) == 32 and set(answer.json) <= set("0123456789abcdef")


def test_an_unknown_id_is_an_empty_array_for_reading_and_404_for_writing(desk):
    assert desk.ok("get_item", "nosuchid") == []
    for endpoint, payload in (("update_item", {"id": "nosuchid"}), ("delete_item", "nosuchid")):
        answer = desk(endpoint, payload)
        assert (answer.status, answer.text) == (404, "Failure: Item with id nosuchid not found")
    answer = desk("get_edges", {"item": "nosuchid", "direction": "Outgoing", "expandItems": True})
    assert (answer.status, answer.text) == (404, "Failure: Cannot find item id nosuchid")


def test_an_update_with_only_the_id_touches_the_item(desk):
    desk.ok("create_item", {"type": "Boat", "id": "b0a7000001", "dateCreated": 5, "dateModified": 6, "dateServerModified": 7})
    (before,) = desk.ok("get_item", "b0a7000001")
    assert (before["dateCreated"], before["dateModified"]) == (5, 6)
    assert before["dateServerModified"] > 7
    assert desk.ok("update_item", {"id": "b0a7000001"}) == {}
    (after,) = desk.ok("get_item", "b0a7000001")
    assert after["dateCreated"] == 5
    assert after["dateModified"] == after["dateServerModified"] >= before["dateServerModified"]


@pytest.mark.parametrize(
    "properties",
    [
        {"crew": True},
        {"leaky": 1},
        {"crew": "1"},
        {"crew": 3.0},
        {"crew": 9223372036854775808},
        {"crew": 10**30},
        {"name": 5},
        {"name": ["a"]},
        {"name": {"a": 1}},
        {"sailArea": "3"},
        {"sailArea": True},
        {"launched": True},
        {"launched": "2020"},
        {"unknown": 1},
        {"unknown": None},
        {"deleted": None},
        {"deleted": 1},
        {"dateCreated": 1.5},
        {"dateModified": "x"},
        {"dateServerModified": "x"},
        {"rowid": "x"},
        {"id": 5},
        {"id": "boat1"},
        {"id": "boat01\n"},
        {"id": "x" * 37},
        {"id": "boat 01"},
        {"type": None},
        {"type": "2Boat"},
        {"type": "Boat\n"},
        {"type": ""},
    ],
)
def test_what_does_not_fit_is_400_and_stores_nothing(desk, properties):
    answer = desk("create_item", {"type": "Boat", **properties})
    assert (answer.status, answer.kind) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith("Failure: ")
    assert desk.ok("search", {"type": "Boat"}) == []


def test_messages_of_wrong_values_carry_the_known_phrases(desk):
    assert "Property oar not defined in Schema" in desk("create_item", {"type": "Boat", "oar": 1}).text
    assert "Failed to parse json value true to Integer (crew)" in desk("create_item", {"type": "Boat", "crew": True}).text
    assert "Failed to parse JSON number 3.0 to i64 (crew)" in desk("create_item", {"type": "Boat", "crew": 3.0}).text
    assert "Item id 'boat1' does not satisfy the format" in desk("create_item", {"type": "Boat", "id": "boat1"}).text


def test_values_come_back_in_their_types(desk):
    values = {"name": "Zwaluw é\U0001f6a3\u0000", "crew": -(2**63), "sailArea": 3, "launched": 1700000000000.5, "leaky": True}
    item_id = desk.ok("create_item", {"type": "Boat", **values})
    answer = desk("get_item", item_id)
    assert '"sailArea":3.0' in answer.text
    assert answer.json[0].items() >= (values | {"launched": 1700000000001, "leaky": True}).items()
    negative = desk.ok("create_item", {"type": "Boat", "launched": -2.5})
    assert desk.ok("get_item", negative)[0]["launched"] == -3


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1,"])
def test_json_is_strict(desk, number):
    body = f'{{"auth":{json.dumps(desk.auth)},"payload":{{"type":"Boat","sailArea":{number}}}}}'
    answer = desk.raw(f"/v4/{'5e' * 32}/create_item", body.encode())
    assert answer.status == 400
    assert answer.text.startswith("Failure: JSON deserialization error")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"payload":"x"}', b"\xff", b'{"auth":{"type":"ClientAuth","databaseKey":"\\ud800"}}']
)
def test_bodies_of_the_wrong_shape_are_400(desk, body):
    answer = desk.raw(f"/v4/{'5e' * 32}/get_item", body)
    assert answer.status == 400
    assert answer.text.startswith("Failure: JSON deserialization error ")
    assert "jSON" not in answer.text


def test_text_that_is_no_unicode_is_400(desk):
    body = f'{{"auth":{json.dumps(desk.auth)},"payload":{{"type":"Boat","name":"\\ud800"}}}}'
    assert desk.raw(f"/v4/{'5e' * 32}/create_item", body.encode()).status == 400


def test_null_means_not_set_on_create_and_erase_on_update(desk):
    desk.ok("create_item", {"type": "Boat", "id": "b0a7000001", "name": None, "crew": 4})
    assert desk.ok("get_item", "b0a7000001")[0].keys() == {
        "id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted", "crew",
    }  # fmt: skip
    desk.ok("update_item", {"id": "b0a7000001", "crew": None, "name": "x"})
    (item,) = desk.ok("get_item", "b0a7000001")
    assert item["name"] == "x" and "crew" not in item


def test_an_update_drops_what_never_changes(desk):
    desk.ok("create_item", {"type": "Boat", "id": "b0a7000001", "dateCreated": 5})
    desk.ok(
        "update_item", {"id": "b0a7000001", "type": 7, "dateCreated": "x", "dateServerModified": [], "dateModified": 9, "deleted": None}
    )
    (item,) = desk.ok("get_item", "b0a7000001")
    assert (item["type"], item["dateCreated"], item["dateModified"], item["deleted"]) == ("Boat", 5, 9, False)


@pytest.mark.parametrize("modified", [None, 1.5, "x", True])
def test_a_date_modified_that_is_no_integer_is_400(desk, modified):
    desk.ok("create_item", {"type": "Boat", "id": "b0a7000001"})
    answer = desk("update_item", {"id": "b0a7000001", "dateModified": modified})
    assert answer.status == 400
    assert "Cannot parse dateModified" in answer.text and answer.text.endswith("to i64")


def test_a_taken_id_is_500_with_the_known_phrase_also_when_deleted(desk):
    desk.ok("create_item", {"type": "Boat", "id": "boat-01_x"})
    desk.ok("delete_item", "boat-01_x")
    answer = desk("create_item", {"type": "Boat", "id": "boat-01_x"})
    assert answer.status == 500
    assert "UNIQUE constraint failed: items.id" in answer.text


def test_deleted_items_show_their_flag_in_implicit_accounts_and_can_be_revived(desk):
    desk.ok("create_item", {"type": "Boat", "id": "b0a7000001", "name": "x"})
    desk.ok("delete_item", "b0a7000001")
    desk.ok("delete_item", "b0a7000001")
    assert desk.ok("get_item", "b0a7000001")[0]["deleted"] is True
    desk.ok("update_item", {"id": "b0a7000001", "deleted": False})
    (item,) = desk.ok("get_item", "b0a7000001")
    assert (item["deleted"], item["name"]) == (False, "x")


def test_deleted_items_are_gone_in_registered_accounts(registered):
    registered.ok("create_item", {"type": "Person", "id": "b0a7000001", "firstName": "x"})
    registered.ok("delete_item", "b0a7000001")
    assert registered.ok("get_item", "b0a7000001") == []
    assert registered("get_edges", {"item": "b0a7000001"}).status == 404
    assert registered.ok("search", {"type": "Person"}) == []
    assert len(registered.ok("search", {"type": "Person", "deleted": True})) == 1
    registered.ok("update_item", {"id": "b0a7000001", "deleted": False})
    assert len(registered.ok("get_item", "b0a7000001")) == 1


def test_names_from_the_reserved_list_can_be_updated(registered):
    registered.ok("create_item", {"type": "Trigger", "id": "trig0001"})
    assert registered.ok("update_item", {"id": "trig0001", "action": "classify", "source": "x"}) == {}


def test_server_time_never_goes_back(desk, monkeypatch):
    desk.ok("create_item", {"type": "Boat", "id": "boat01"})
    (first,) = desk.ok("get_item", "boat01")
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000)
    desk.ok("create_item", {"type": "Boat", "id": "boat02"})
    (second,) = desk.ok("get_item", "boat02")
    assert second["dateServerModified"] >= first["dateServerModified"]

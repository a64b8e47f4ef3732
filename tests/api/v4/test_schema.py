"""Definitions: pod-protocol.md, 5, 13.3 and 21."""

from __future__ import annotations

import pytest

BOAT_NAME = {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": "name", "valueType": "Text"}


def test_a_new_account_has_the_built_in_definitions(make_desk):
    items = make_desk().ok("search", {})
    assert len(items) == 17
    assert {(item["type"], item["dateCreated"], item["dateModified"], item["dateServerModified"], item["deleted"]) for item in items} == {
        ("ItemPropertySchema", 0, 0, 0, False)
    }
    assert [(item["itemType"], item["propertyName"], item["valueType"]) for item in items][3:5] == [
        ("PluginRun", "containerImage", "Text"),
        ("PluginRun", "targetItemId", "Text"),
    ]


def test_a_definition_sent_again_keeps_its_id_and_does_not_pile_up(make_desk):
    desk = make_desk()
    first = desk.ok("bulk", {"createItems": [BOAT_NAME]})["createItems"]
    assert desk.ok("bulk", {"createItems": [{**BOAT_NAME, "id": None, "name": None}]})["createItems"] == first
    assert desk.ok("create_item", BOAT_NAME) == first[0]
    assert len(desk.ok("search", {"type": "ItemPropertySchema", "itemType": "Boat"})) == 1


def test_base_properties_may_be_defined_as_what_they_are(make_desk):
    desk = make_desk()
    entry = {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": "deleted", "valueType": "Bool"}
    assert desk("create_item", entry).status == 200
    answer = desk("create_item", entry | {"valueType": "Text"})
    assert answer.status == 400
    assert "Schema for property deleted is already defined to type Bool, cannot override to type Text" in answer.text
    for name in ("id", "type"):
        assert desk("create_item", entry | {"propertyName": name, "valueType": "Text"}).status == 200


def test_a_name_has_one_type_across_item_types(make_desk):
    desk = make_desk()
    desk.ok("create_item", BOAT_NAME | {"propertyName": "size", "valueType": "Integer"})
    assert desk("create_item", BOAT_NAME | {"itemType": "Shoe", "propertyName": "size", "valueType": "Real"}).status == 400
    assert desk("create_item", BOAT_NAME | {"propertyName": "SIZE", "valueType": "Real"}).status == 400
    assert desk("create_item", BOAT_NAME | {"propertyName": "SIZE", "valueType": "Integer"}).status == 200
    assert desk("create_item", {"type": "Shoe", "size": 43}).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"valueType": "Float"},
        {"valueType": None},
        {"itemType": 3},
        {"propertyName": "9lives"},
        {"propertyName": "a b"},
        {"propertyName": "a\n"},
        {"propertyName": "a" * 65},
    ],
)
def test_wrong_definitions_are_400(make_desk, change):
    assert make_desk()("create_item", BOAT_NAME | change).status == 400


def test_a_definition_can_be_used_later_in_its_own_bulk_but_not_before_and_not_after_a_failure(make_desk):
    desk = make_desk()
    boat = {"type": "Boat", "id": "boat01", "name": "x"}
    assert desk("bulk", {"createItems": [boat, BOAT_NAME]}).status == 400
    assert desk("bulk", {"createItems": [BOAT_NAME, boat], "deleteItems": ["nosuchid"]}).status == 404
    assert desk("create_item", boat).status == 400
    assert desk("bulk", {"createItems": [BOAT_NAME, boat]}).status == 200
    assert desk.ok("get_item", "boat01")[0]["name"] == "x"


def test_edge_definitions_are_accepted_and_not_repeated(make_desk):
    desk = make_desk()
    entry = {"type": "ItemEdgeSchema", "edgeName": "moored", "sourceType": "Boat", "targetType": "Any"}
    assert desk.ok("create_item", entry) == desk.ok("create_item", entry)
    assert len(desk.ok("search", {"type": "ItemEdgeSchema"})) == 1


def test_registered_accounts_know_the_central_schema_and_implicit_ones_do_not(make_desk):
    desk = make_desk()
    person = {"type": "Person", "firstName": "Ann", "birthDate": 5}
    assert desk("create_item", person).status == 400
    desk.account()
    assert desk("create_item", person).status == 200
    assert len(desk.ok("search", {"type": "ItemPropertySchema"})) == 17


def test_a_soft_default_gives_way_only_while_no_item_carries_the_name(registered):
    entry = BOAT_NAME | {"propertyName": "value", "valueType": "Real"}
    registered.ok("create_item", entry)
    registered.ok("create_item", {"type": "Boat", "id": "boat01", "value": 2})
    assert registered.ok("get_item", "boat01")[0]["value"] == 2.0
    registered.ok("create_item", {"type": "Person", "firstName": "Ann"})
    answer = registered("create_item", BOAT_NAME | {"propertyName": "firstName", "valueType": "Integer"})
    assert answer.status == 400 and "already defined to type Text" in answer.text


def test_the_schema_call_defines_all_or_nothing(registered):
    body = {
        "nodes": {"Boat": {"properties": {"name": "Text", "sailArea": "Real", "id": "Text"}}},
        "edges": {"moored": [{"source": "Boat", "target": "Harbour"}]},
        "meta": {"name": "harbourPlugin", "url": "https://harbour.example", "version": "0.1"},
    }
    assert registered.ok("schema", body, family="v5") == {}
    assert registered.ok("schema", body, family="v5") == {}
    assert registered.ok("schema", {}, family="v5") == {}
    assert len(registered.ok("search", {"type": "ItemPropertySchema", "itemType": "Boat"})) == 3
    assert len(registered.ok("search", {"type": "ItemEdgeSchema"})) == 1
    wrong = {"nodes": {"Boat": {"properties": {"mast": "Integer", "sailArea": "Text"}}}}
    assert registered("schema", wrong, family="v5").status == 400
    assert registered("create_item", {"type": "Boat", "mast": 1}).status == 400


def test_the_schema_call_makes_no_account(make_desk):
    answer = make_desk()("schema", {}, family="v5")
    assert (answer.status, answer.text) == (404, "Failure: Account does not exist")


def test_definitions_come_back_when_the_pod_is_opened_again(make_desk):
    first = make_desk()
    first.define(crew="Integer")
    first.ok("create_item", {"type": "Boat", "id": "boat01", "crew": 3})
    first.vault.close()
    second = make_desk()
    assert second.ok("get_item", "boat01")[0]["crew"] == 3
    assert second("create_item", {"type": "Boat", "crew": "x"}).status == 400
    second.ok("create_item", {"type": "Boat", "crew": 4})

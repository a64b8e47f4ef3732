"""What a compatible server is most likely to get wrong: one test for each point of pod-protocol.md, 21, with the number in its name.

Those that need a socket, a program or a token stand with what they are about: see `ELSEWHERE`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.api.v4.conftest import DATABASE_KEY, OWNER_KEY, Desk

from datapod_server.messages import Request

ELSEWHERE = {
    31: "tests/runners/test_runs.py and tests/api/v4/test_plugins.py",
    32: "tests/runners/test_real_runs.py",
    33: "tests/api/v4/test_graphql.py",
    36: "tests/server/test_web_rules.py",
    37: "tests/api/v4/test_permissions.py",
    38: "tests/api/v4/test_permissions.py",
    39: "tests/api/v4/test_permissions.py",
    40: "tests/api/v4/test_permissions.py",
    41: "tests/runners/test_real_runs.py",
}


@pytest.fixture
def boats(desk: Desk) -> Desk:
    desk.define(name="Text", crew="Integer", sailArea="Real", leaky="Bool", launched="DateTime")
    desk.ok("create_item", {"type": "Boat", "id": "b0a7000001", "name": "Zwaluw"})
    desk.ok("create_item", {"type": "Harbour", "id": "h100000001", "name": "Veere"})
    return desk


def moor(desk: Desk) -> str:
    return desk.ok("create_edge", {"_source": "b0a7000001", "_target": "h100000001", "_name": "moored"})


def item(desk: Desk, item_id: str) -> dict[str, Any]:
    (found,) = desk.ok("get_item", item_id)
    return found


def test_01_success_is_200_and_answers_are_bare_values(desk: Desk) -> None:
    answer = desk("create_item", {"type": "Boat"})
    assert (answer.status, len(answer.json), answer.kind) == (200, 32, "application/json")
    assert isinstance(answer.json, str)


def test_02_an_unknown_id_is_an_empty_array(desk: Desk) -> None:
    assert desk.ok("get_item", "nosuchid") == []
    assert desk("update_item", {"id": "nosuchid"}).text == "Failure: Item with id nosuchid not found"
    assert desk("get_edges", {"item": "nosuchid", "direction": "Outgoing", "expandItems": True}).status == 404


def test_03_an_update_with_only_the_id_touches_the_item(boats: Desk) -> None:
    before = item(boats, "b0a7000001")
    assert boats.ok("update_item", {"id": "b0a7000001", "dateModified": 5}) == {}
    assert boats.ok("update_item", {"id": "b0a7000001"}) == {}
    after = item(boats, "b0a7000001")
    assert after["dateModified"] >= before["dateModified"]
    assert after["dateServerModified"] >= before["dateServerModified"]


@pytest.mark.parametrize("wrong", [{"crew": True}, {"leaky": 1}, {"crew": "1"}, {"leaky": "true"}, {"crew": [1]}, {"name": {}}])
def test_04_booleans_are_no_integers(boats: Desk, wrong: dict[str, Any]) -> None:
    assert boats("create_item", {"type": "Boat", **wrong}).status == 400


def test_05_integral_floats_and_big_integers(boats: Desk) -> None:
    assert boats("create_item", {"type": "Boat", "crew": 3.0}).status == 400
    assert boats("create_item", {"type": "Boat", "crew": 9223372036854775808}).status == 400
    area = boats("get_item", boats.ok("create_item", {"type": "Boat", "sailArea": 3}))
    assert '"sailArea":3.0' in area.text.replace(" ", "")
    assert item(boats, boats.ok("create_item", {"type": "Boat", "launched": 1700000000000.5}))["launched"] == 1700000000001
    assert item(boats, boats.ok("create_item", {"type": "Boat", "launched": -2.5}))["launched"] == -3


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_06_not_a_number_is_no_json(boats: Desk, number: str) -> None:
    body = json.dumps({"auth": boats.auth, "payload": {"type": "Boat", "sailArea": 1}}).replace(": 1}", f": {number}}}")
    answer = boats.raw(f"/v4/{OWNER_KEY}/create_item", body.encode())
    assert (answer.status, answer.text.startswith("Failure: JSON deserialization error ")) == (400, True)


def test_07_null_in_its_meanings(boats: Desk) -> None:
    assert "name" not in item(boats, boats.ok("create_item", {"type": "Boat", "name": None}))
    boats.ok("update_item", {"id": "b0a7000001", "name": None})
    assert "name" not in item(boats, "b0a7000001")
    assert boats("search", {"name": None}).status == 400
    assert boats("search", {"type": None}).status == 200
    assert boats("bulk", {"createItems": None}).status == 400
    assert boats("create_item", {"type": "Boat", "unknown": None}).status == 400


def test_08_an_unknown_property_is_an_error_only_when_it_could_matter(boats: Desk) -> None:
    assert boats.ok("search", {"type": "Ghost", "hauntedBy": "x"}) == []
    boats.ok("create_item", {"type": "Ghost"})
    answer = boats("search", {"type": "Ghost", "hauntedBy": "x"})
    assert (answer.status, "Property hauntedBy not defined in Schema" in answer.text) == (400, True)


def test_09_schema_that_is_sent_again_succeeds_and_does_not_pile_up(make_desk: Any) -> None:
    desk = make_desk()
    entry = {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": "name", "valueType": "Text"}
    first, second = (desk.ok("bulk", {"createItems": [entry]})["createItems"] for _ in range(2))
    assert first == second
    assert len(desk.ok("search", {"type": "ItemPropertySchema", "itemType": "Boat"})) == 1


def test_10_base_properties_may_be_defined(desk: Desk) -> None:
    entry = {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": "deleted", "valueType": "Bool"}
    assert desk("create_item", entry).status == 200
    answer = desk("create_item", {**entry, "valueType": "Text"})
    assert (answer.status, "already defined to type Bool, cannot override to type Text" in answer.text) == (400, True)


def test_11_one_type_for_a_name_across_item_types(desk: Desk) -> None:
    entry = {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": "size", "valueType": "Integer"}
    desk.ok("create_item", entry)
    assert desk("create_item", {**entry, "itemType": "Shoe", "valueType": "Real"}).status == 400
    assert desk("create_item", {"type": "Shoe", "size": 43}).status == 200


def _at(desk: Desk, dates: dict[str, int]) -> None:
    """Set dates that only the server sets."""
    visit = desk.vault.visit()
    from datapod_server.storage.keys import DatabaseKey

    pod = visit.unlock(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), create=True)
    with pod.database.write() as connection:
        for item_id, date in dates.items():
            connection.execute("UPDATE items SET dateServerModified = ? WHERE id = ?", (date, item_id))
    visit.close()


def test_12_the_limit_is_no_maximum_without_an_offset(desk: Desk) -> None:
    desk.ok("bulk", {"createItems": [{"type": "Boat", "id": f"boat0{number}"} for number in range(3)]})
    _at(desk, {"boat00": 500, "boat01": 500, "boat02": 501})
    assert len(desk.ok("search", {"type": "Boat", "_limit": 1})) == 2
    assert len(desk.ok("search", {"type": "Boat", "_limit": 1, "_offset": 0})) == 1
    assert desk.ok("search", {"_limit": 0}) == []


def test_13_the_filter_comes_before_the_limit(desk: Desk) -> None:
    desk.define(service="Text")
    accounts = [{"type": "Account", "service": "x" if number >= 95 else "y"} for number in range(100)]
    desk.ok("bulk", {"createItems": accounts})
    assert len(desk.ok("search", {"type": "Account", "service": "x", "_limit": 3})) >= 3


def test_14_descending_order_reverses_ties(desk: Desk) -> None:
    desk.ok("bulk", {"createItems": [{"type": "Boat", "id": "b1b1b1"}, {"type": "Boat", "id": "b2b2b2"}]})
    _at(desk, {"b1b1b1": 500, "b2b2b2": 500})
    assert [found["id"] for found in desk.ok("search", {"type": "Boat", "_sortOrder": "Desc", "_limit": 1})] == ["b2b2b2", "b1b1b1"]


def test_15_an_edge_touches_its_source_only(boats: Desk) -> None:
    _at(boats, {"b0a7000001": 5, "h100000001": 5})
    boat, harbour = item(boats, "b0a7000001"), item(boats, "h100000001")
    moor(boats)
    assert item(boats, "b0a7000001") == {**boat, "dateServerModified": item(boats, "b0a7000001")["dateServerModified"]}
    assert item(boats, "b0a7000001")["dateServerModified"] > 5
    assert item(boats, "h100000001") == harbour


def test_16_repeated_edges_are_no_errors(boats: Desk) -> None:
    assert moor(boats) != moor(boats)
    assert [edge["name"] for edge in boats.ok("get_edges", {"item": "b0a7000001"})] == ["moored", "moored"]


def test_17_edges_have_two_shapes(boats: Desk) -> None:
    edge = moor(boats)
    (listed,) = boats.ok("get_edges", {"item": "b0a7000001", "direction": "Outgoing", "expandItems": True})
    assert (listed.keys(), listed["item"]["name"]) == ({"name", "item"}, "Veere")
    (boat,) = boats.ok("search", {"id": "b0a7000001", "[[edges]]": {}})
    (attached,) = boat["[[edges]]"]
    assert (attached["_edge"], attached["_item"]["id"], attached["id"], attached["type"]) == ("moored", "h100000001", edge, "Edge")
    assert "_source" not in attached
    assert boats.ok("search", {"id": "h100000001", "[[edges]]": {}})[0]["[[edges]]"] == []


def test_18_edges_are_items(boats: Desk) -> None:
    edge = moor(boats)
    found = item(boats, edge)
    assert (found["type"], found["_source"], found["_target"], found["_edge"]) == ("Edge", "b0a7000001", "h100000001", "moored")
    assert edge in {entry["id"] for entry in boats.ok("search", {})}


@pytest.mark.parametrize("registered", [False, True])
def test_19_deleted_items_by_the_kind_of_account(boats: Desk, registered: bool) -> None:
    if registered:
        boats.account()
    boats.ok("delete_item", "b0a7000001")
    found = boats.ok("get_item", "b0a7000001")
    assert found == [] if registered else found[0]["deleted"] is True
    assert boats("get_edges", {"item": "b0a7000001"}).status == (404 if registered else 200)
    assert boats.ok("graphql", "{ Boat { name } }") == {"data": []}


def test_20_a_wrong_key_for_an_account_changes_nothing(boats: Desk) -> None:
    assert boats.account("00" * 32).status == 409
    assert item(boats, "b0a7000001")["name"] == "Zwaluw"
    boats.ok("delete_item", "b0a7000001")
    assert boats.ok("get_item", "b0a7000001") != []  # still an implicit account


def test_21_the_nesting_of_plugin_credentials(desk: Desk) -> None:
    desk.ok("search", {})
    data = {"nonce": "0" * 48, "encryptedPermissions": "ab" * 48}
    assert desk("search", {}, auth={"type": "PluginAuth", "data": data}).status == 421
    assert desk("search", {}, auth={"type": "PluginAuth", "data": {"data": data}}).status == 400


def test_22_the_order_of_a_bulk_is_fixed_and_it_is_atomic(desk: Desk) -> None:
    parts: dict[str, Any] = {
        "createEdges": [{"_source": "new01a", "_target": "new02b", "_name": "next"}],
        "createItems": [{"id": "new01a", "type": "Buoy"}, {"id": "new02b", "type": "Buoy"}],
    }
    assert desk("bulk", {**parts, "deleteItems": ["nosuchid"]}).status == 404
    assert desk.ok("search", {"type": "Buoy"}) == []
    assert desk("bulk", parts).status == 200


def test_23_the_answer_of_a_bulk_has_three_keys(boats: Desk) -> None:
    answer = boats.ok("bulk", {"search": [{"id": "b0a7000001"}, {"id": "zz9999"}]})
    assert (answer["createItems"], answer["createEdges"], len(answer["search"][0]), answer["search"][1]) == ([], [], 1, [])


def test_24_the_order_of_checks_of_an_upload(desk: Desk) -> None:
    content = b"log book"
    sha256 = hashlib.sha256(content).hexdigest()
    assert desk.upload(sha256, content).status == 404
    desk.ok("create_item", {"type": "File", "sha256": sha256})
    assert desk.upload(sha256, b"other").status == 400
    assert desk.upload(sha256, content).status == 200
    assert desk.upload(sha256, b"other").status == 409


def test_25_hashes_are_compared_with_items_as_text(desk: Desk) -> None:
    content = b"chart"
    sha256 = hashlib.sha256(content).hexdigest()
    desk.ok("create_item", {"type": "File", "sha256": sha256.upper()})
    assert desk.upload(sha256, content).status == 404
    assert desk.upload(sha256.upper(), content).status == 200


@pytest.mark.parametrize(("item_id", "status"), [("boat01\n", 400), ("boat1", 400), ("b" * 37, 400), ("boot é", 400), ("boat-01_x", 200)])
def test_26_ids_match_in_full(desk: Desk, item_id: str, status: int) -> None:
    assert desk("create_item", {"type": "Boat", "id": item_id}).status == status


def test_27_a_taken_id_is_500_with_the_known_phrase(boats: Desk) -> None:
    boats.ok("delete_item", "b0a7000001")
    answer = boats("create_item", {"type": "Boat", "id": "b0a7000001"})
    assert (answer.status, "UNIQUE constraint failed: items.id" in answer.text) == (500, True)


def test_28_paths_with_json_in_them_are_decoded_once(desk: Desk) -> None:
    content = b"percent %7B and slash"
    sha256 = hashlib.sha256(content).hexdigest()
    desk.ok("create_item", {"type": "File", "sha256": sha256})
    assert desk.upload_b(sha256, content).status == 200
    assert desk.raw(f"/v4/{OWNER_KEY}/upload_file_b/%7Bno%20json/{sha256}", content).text.startswith("Failure: JSON formatting error ")
    assert desk.raw(f"/v4/{OWNER_KEY}/upload_file_b/%FF/{sha256}", content).text.startswith("Failure: Failed to decode UTF-8")


def test_29_errors_are_plain_text(desk: Desk) -> None:
    answer = desk("create_item", {})
    assert (answer.status, answer.kind, answer.text.startswith("Failure: ")) == (400, "text/plain; charset=utf-8", True)
    assert desk("nothing", {}).text == "Endpoint not found"


def test_30_names_from_the_reserved_list_can_be_updated(desk: Desk) -> None:
    desk.account()
    desk.ok("create_item", {"type": "Trigger", "id": "trig0001"})
    assert desk.ok("update_item", {"id": "trig0001", "action": "classify", "source": "x"}) == {}


def test_34_the_version_is_text(desk: Desk) -> None:
    from datapod_server.api import v4

    answer = v4.answer(desk.vault.visit(), Request("GET", "/version"))
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert json.loads(answer.content())["cargo"] == "0.4.4"


def test_35_a_batch_that_is_long_on_the_wire_is_taken(desk: Desk) -> None:
    desk.define(name="Text")
    body = json.dumps({"auth": desk.auth, "payload": {"createItems": [{"type": "Boat", "name": "é" * 100_000} for _ in range(50)]}})
    assert len(body) > 30_000_000
    assert desk.raw(f"/v4/{OWNER_KEY}/bulk", body.encode()).status == 200


def test_every_point_has_its_test() -> None:
    here = {int(name.split("_")[1]) for name in globals() if name.startswith("test_") and name.split("_")[1].isdigit()}
    assert here | ELSEWHERE.keys() == set(range(1, 42))
    root = Path(__file__).parents[3]
    assert all((root / path).exists() for places in ELSEWHERE.values() for path in places.split(" and "))

"""A run sees and changes what it was granted, and nothing else, at every endpoint. Source: pod-protocol.md, 21 (37 to 40), 23."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.api.v4.conftest import DATABASE_KEY, OWNER_KEY, Answer, Desk

from datapod_server.api import v1
from datapod_server.messages import Request
from datapod_server.storage.keys import DatabaseKey

SECRET_VALUES = ("Veere", "52.5", "hidden-token", "Harbour of somebody")
RUN = "runrun01"


class Run:
    """A plugin run that asks with a token of its own."""

    def __init__(self, desk: Desk, run_id: str, declaration: dict[str, Any] | None) -> None:
        self.desk = desk
        self.run_id = run_id
        token = desk.tokens.mint(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), run_id, restricted=declaration is not None)
        self.auth = {"type": "PluginAuth", "data": token.wire()}

    def __call__(self, endpoint: str, payload: Any, family: str = "v4") -> Answer:
        return self.desk(endpoint, payload, auth=self.auth, family=family)

    def ok(self, endpoint: str, payload: Any) -> Any:
        answer = self(endpoint, payload)
        assert answer.status == 200, answer
        return answer.json

    def refused(self, endpoint: str, payload: Any, right: str) -> None:
        answer = self(endpoint, payload)
        assert (answer.status, answer.text) == (403, f"Failure: Permission denied: {right}")

    def missing(self, endpoint: str, payload: Any) -> str:
        answer = self(endpoint, payload)
        assert answer.status == 404, answer
        return answer.text

    def sql(self, query: str) -> Any:
        visit = self.desk.vault.visit()
        try:
            pod = visit.unlock(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), create=False)
            principal = pod.items.grants.principal(self.run_id, restricted=True)
            request = Request("GET", "/v1/query", query=(("q", query), ("format", "aos")), principal=principal)
            return json.loads(v1.answer_whole(pod, request).content())
        finally:
            visit.close()

    def v1(self, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        visit = self.desk.vault.visit()
        try:
            pod = visit.unlock(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), create=False)
            principal = pod.items.grants.principal(self.run_id, restricted=True)
            content = b"" if body is None else json.dumps(body).encode()
            answer = v1.answer_whole(pod, Request(verb, path, body=content, principal=principal))
            return answer.status, json.loads(answer.content() or b"null")
        finally:
            visit.close()


@pytest.fixture
def harbour(desk: Desk) -> Desk:
    """Boats and harbours of a registered account, moored, with a file and an account that belong to nobody's run."""
    desk.account()
    names = {"name": "Text", "sailArea": "Real", "motto": "Text", "crew": "Integer"}
    entries = [{"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": n, "valueType": t} for n, t in names.items()]
    desk.ok("bulk", {"createItems": entries})
    desk.ok(
        "bulk",
        {
            "createItems": [
                {"type": "Boat", "id": "boat01", "name": "Zwaluw", "sailArea": 52.5, "crew": 3},
                {"type": "Boat", "id": "boat02", "name": "Meeuw", "sailArea": 12.5, "crew": 1},
                {"type": "Harbour", "id": "harbour01", "name": "Veere", "motto": "Harbour of somebody"},
                {"type": "Account", "id": "account01", "handle": "me", "secret": "hidden-token"},
            ],
            "createEdges": [{"_source": "boat01", "_target": "harbour01", "_name": "moored"}],
        },
    )
    return desk


StartRun = Callable[..., Run]


@pytest.fixture
def start(harbour: Desk) -> StartRun:
    def start_run(declaration: dict[str, Any] | None, run_id: str = RUN, **properties: Any) -> Run:
        item = {"type": "PluginRun", "id": run_id, "targetItemId": run_id, "containerImage": "none", **properties}
        if declaration is not None:
            item["pluginPermissions"] = json.dumps(declaration)
        harbour.ok("create_item", item)
        return Run(harbour, run_id, declaration)

    return start_run


READS_NAMES = {"read": {"Boat": ["name"]}}


# What may not be read is absent


def test_an_item_of_another_type_is_as_unknown_as_any(start: StartRun) -> None:
    run = start(READS_NAMES)
    assert run.ok("get_item", "harbour01") == []
    edges = {"direction": "Outgoing", "expandItems": True}
    assert run.missing("get_edges", {"item": "harbour01", **edges}) == "Failure: Cannot find item id harbour01"
    assert run.missing("get_edges", {"item": "unknown1", **edges}) == "Failure: Cannot find item id unknown1"


def test_only_the_listed_properties_are_there(start: StartRun) -> None:
    (boat,) = start(READS_NAMES).ok("get_item", "boat01")
    assert boat.keys() == {"id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted", "name"}


def test_a_search_finds_what_may_be_seen_before_it_counts(start: StartRun) -> None:
    run = start(READS_NAMES)
    assert {item["id"] for item in run.ok("search", {"type": "Boat", "_limit": 5, "_offset": 0})} == {"boat01", "boat02"}
    everything = run.ok("search", {})
    assert {item["type"] for item in everything} <= {"Boat", "ItemPropertySchema", "PluginRun"}
    latest = run.ok("search", {"_sortOrder": "Desc", "_limit": 3, "_offset": 0})
    assert {item["id"] for item in latest} == {"boat01", "boat02", RUN}
    assert not any(text in json.dumps(everything) for text in SECRET_VALUES)


@pytest.mark.parametrize("condition", [{"sailArea": 12.5}, {"sailArea>=": 0}, {"sailArea": "no number"}, {"sailArea!=": None}])
def test_a_condition_on_a_hidden_property_finds_it_unset(start: StartRun, condition: dict[str, Any]) -> None:
    run = start(READS_NAMES)
    assert run.ok("search", {"type": "Boat", **condition}) == []
    assert run.ok("bulk", {"search": [{"type": "Boat", **condition}]})["search"] == [[]]
    assert len(run.ok("search", {"type": "Boat", "sailArea==": None})) == 2


def test_conditions_on_what_may_be_read_work(start: StartRun) -> None:
    assert [item["id"] for item in start(READS_NAMES).ok("search", {"name": "Zwaluw"})] == ["boat01"]
    assert start(READS_NAMES, "runrun02").ok("search", {"name": "Veere"}) == []


def test_edges_lead_only_to_what_may_be_seen(start: StartRun, harbour: Desk) -> None:
    without = start({**READS_NAMES, "edges": {"moored": "read"}})
    assert without.ok("get_edges", {"item": "boat01"}) == []
    assert without.ok("search", {"id": "boat01", "[[edges]]": {}})[0]["[[edges]]"] == []
    both = start({"read": {"Boat": ["name"], "Harbour": []}, "edges": {"moored": "read"}}, "runrun02")
    (edge,) = both.ok("get_edges", {"item": "boat01"})
    assert (edge["name"], edge["item"]["id"], "name" in edge["item"]) == ("moored", "harbour01", False)
    assert len(both.ok("search", {"id": "harbour01", "~[[edges]]": {}})[0]["~[[edges]]"]) == 1
    unnamed = start({"read": {"Boat": ["name"], "Harbour": []}, "edges": {"sails": "read"}}, "runrun03")
    assert unnamed.ok("get_edges", {"item": "boat01"}) == []
    (own,) = harbour.ok("search", {"type": "Edge"})
    assert len(both.ok("get_item", own["id"])) == 1
    assert without.ok("get_item", own["id"]) == unnamed.ok("get_item", own["id"]) == []
    assert without.ok("search", {"type": "Edge"}) == []


def test_sql_shows_no_more(start: StartRun, harbour: Desk) -> None:
    run = start({**READS_NAMES, "edges": {"moored": "read"}})
    assert run.sql("SELECT name FROM items('Boat') ORDER BY name") == [
        {"_rowName": "boat02", "name": "Meeuw"},
        {"_rowName": "boat01", "name": "Zwaluw"},
    ]
    assert run.sql("SELECT * FROM items('Harbour')") == run.sql("SELECT * FROM edges()") == []
    shown = json.dumps(run.sql("SELECT * FROM items()"))
    assert "Zwaluw" in shown
    assert not any(text in shown for text in SECRET_VALUES)
    assert run.sql("SELECT count(*) AS n FROM items('Harbour')") in ([], [{"_rowName": "[]", "n": 0}])


def test_datasets_have_to_be_granted(start: StartRun, harbour: Desk) -> None:
    visit = harbour.vault.visit()
    pod = visit.unlock(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), create=False)
    from datapod_server.principal import OWNER

    for name in ("flights", "diary"):
        made = v1.answer_whole(pod, Request("PUT", f"/v1/datasets/{name}", body=b'{"type": "sparse.mutable"}', principal=OWNER))
        assert made.status == 201
        row = json.dumps({"rowName": "r", "columns": [["x", 1, 0]]}).encode()
        assert v1.answer_whole(pod, Request("POST", f"/v1/datasets/{name}/rows", body=row, principal=OWNER)).status == 200
        v1.answer_whole(pod, Request("POST", f"/v1/datasets/{name}/commit", body=b"{}", principal=OWNER))
    visit.close()
    run = start({"datasets": {"read": ["flights"]}})
    assert run.sql("SELECT x FROM flights") == [{"_rowName": "r", "x": 1}]
    assert run.v1("GET", "/v1/datasets") == (200, ["flights"])
    assert "diary" in run.sql("SELECT x FROM diary")["error"]
    row = {"rowName": "s", "columns": [["x", 2, 0]]}
    status, answer = run.v1("POST", "/v1/datasets/flights/rows", row)
    assert (status, answer["details"]["right"]) == (403, "datasets write flights")
    unknown, hidden = run.v1("GET", "/v1/datasets/nothing/columns"), run.v1("GET", "/v1/datasets/diary/columns")
    assert (unknown[0], hidden[0]) == (404, 404)
    assert unknown[1]["error"].replace("nothing", "diary") == hidden[1]["error"]
    assert run.v1("GET", "/v1/plugins")[0] == 404
    assert run.v1("PUT", "/v1/datasets/flights", {"type": "sparse.mutable"})[0] == 403
    writer = start({"datasets": {"write": ["diary"]}}, "runrun02")
    assert writer.v1("POST", "/v1/datasets/diary/rows", row)[0] == 200
    assert writer.v1("GET", "/v1/datasets/diary/columns")[0] == 404


# What may not be written


def test_updates_need_the_property(start: StartRun, harbour: Desk) -> None:
    run = start(READS_NAMES)
    run.refused("update_item", {"id": "boat01", "name": "x"}, "write Boat.name")
    assert run.missing("update_item", {"id": "harbour01"}) == "Failure: Item with id harbour01 not found"
    assert run.missing("update_item", {"id": "unknown1"}) == "Failure: Item with id unknown1 not found"
    run.refused("delete_item", "boat01", "write Boat.deleted")
    assert run.missing("delete_item", "harbour01") == "Failure: Item with id harbour01 not found"
    writer = start({"read": {"Boat": "*"}, "write": {"Boat": ["crew"]}}, "runrun02")
    writer.ok("update_item", {"id": "boat01", "crew": 4})
    writer.refused("update_item", {"id": "boat01", "crew": 5, "sailArea": 1.0}, "write Boat.sailArea")
    (boat,) = harbour.ok("get_item", "boat01")
    assert (boat["crew"], boat["sailArea"], boat["name"]) == (4, 52.5, "Zwaluw")


def test_setting_a_value_that_is_there_needs_no_right(start: StartRun, harbour: Desk) -> None:
    run = start({"read": {"Boat": "*"}, "write": {"Boat": ["crew"]}})
    run.ok("update_item", {"id": "boat01", "name": "Zwaluw", "sailArea": 52.5, "crew": 9, "deleted": False})
    assert harbour.ok("get_item", "boat01")[0]["crew"] == 9
    before = harbour.ok("get_item", "boat01")
    reader = start({"read": {"Boat": "*"}}, "runrun02")
    reader.ok("update_item", {"id": "boat01", "name": "Zwaluw"})
    reader.refused("update_item", {"id": "boat01", "name": None}, "write Boat.name")
    assert harbour.ok("get_item", "boat01") == before
    blind = start({"read": {"Boat": []}}, "runrun03")
    blind.refused("update_item", {"id": "boat01", "name": "Zwaluw"}, "write Boat.name")


def test_creating_needs_the_type_and_each_property(start: StartRun, harbour: Desk) -> None:
    run = start({"write": {"Boat": ["name"]}})
    run.ok("create_item", {"type": "Boat", "id": "boat03", "name": "Pelikaan"})
    run.refused("create_item", {"type": "Boat", "name": "x", "crew": 1}, "write Boat.crew")
    run.refused("create_item", {"type": "Boat", "deleted": True}, "write Boat.deleted")
    run.refused("create_item", {"type": "Harbour"}, "write Harbour")
    assert run.ok("get_item", "boat03") == []  # writing does not include reading
    assert run("create_item", {"type": "Boat", "id": "harbour01"}).status == 500
    assert {boat["id"] for boat in harbour.ok("search", {"type": "Boat"})} == {"boat01", "boat02", "boat03"}


def test_a_refused_element_rolls_its_bulk_back(start: StartRun, harbour: Desk) -> None:
    run = start({"read": {"Boat": "*"}, "write": {"Boat": "*"}})
    run.refused(
        "bulk",
        {
            "createItems": [{"type": "Boat", "id": "boat03"}],
            "updateItems": [{"id": "boat01", "name": "x"}],
            "createEdges": [{"_source": "boat03", "_target": "boat01", "_name": "tows"}],
        },
        "edges write tows",
    )
    assert harbour.ok("get_item", "boat03") == []
    assert harbour.ok("get_item", "boat01")[0]["name"] == "Zwaluw"


def test_edges_need_their_name_and_both_ends(start: StartRun, harbour: Desk) -> None:
    edge = {"_source": "boat02", "_target": "harbour01", "_name": "moored"}
    no_end = start({"read": {"Boat": "*"}, "edges": {"moored": "write"}})
    assert no_end.missing("create_edge", edge) == "Failure: Edge target not found: harbour01"
    reader = start({"read": {"Boat": "*", "Harbour": []}, "edges": {"*": "read"}}, "runrun02")
    reader.refused("create_edge", edge, "edges write moored")
    existing = {**edge, "_source": "boat01"}
    (own,) = harbour.ok("search", {"type": "Edge"})
    assert reader.ok("create_edge", existing) == own["id"]
    assert len(harbour.ok("get_edges", {"item": "boat01"})) == 1
    reader.refused("delete_edge_by_source_target", existing, "edges write moored")
    assert no_end.missing("delete_edge_by_source_target", existing) == "Failure: Edge not found"
    assert reader("update_item", {"id": own["id"], "deleted": True}).status == 403
    writer = start({"read": {"Boat": []}, "write": {"Harbour": []}, "edges": {"moored": "write"}}, "runrun03")
    writer.ok("create_edge", edge)
    assert len(harbour.ok("get_edges", {"item": "boat02"})) == 1
    writer.ok("delete_edge_by_source_target", edge)
    assert harbour.ok("get_edges", {"item": "boat02"}) == []


def test_new_names_need_a_right_and_what_agrees_needs_none(start: StartRun, harbour: Desk) -> None:
    run = start({"write": {"Boat": []}})

    def entry(item_type: str, name: str, kind: str) -> dict[str, Any]:
        return {"type": "ItemPropertySchema", "itemType": item_type, "propertyName": name, "valueType": kind}

    run.ok(
        "bulk", {"createItems": [entry("Person", "firstName", "Text"), entry("Shoe", "crew", "Integer"), entry("Item", "deleted", "Bool")]}
    )
    run.ok("create_item", entry("Boat", "keel", "Real"))
    run.ok("create_item", {"type": "ItemEdgeSchema", "edgeName": "tows", "sourceType": "Boat", "targetType": "Boat"})
    run.refused("create_item", entry("Shoe", "heel", "Real"), "write Shoe.heel")
    assert run("create_item", entry("Shoe", "crew", "Text")).status == 400
    answer = run("schema", {"nodes": {"Shoe": {"properties": {"heel": "Real"}}}}, family="v5")
    assert (answer.status, answer.text) == (403, "Failure: Permission denied: write Shoe.heel")
    assert run("schema", {"nodes": {"Boat": {"properties": {"rudder": "Text"}}}}, family="v5").status == 200


def test_a_token_that_grants_nothing_lets_old_clients_be_made(start: StartRun) -> None:
    run = start({})
    entries = [("Person", "firstName", "Text"), ("Item", "id", "Text"), ("Item", "dateCreated", "DateTime"), ("Photo", "width", "Integer")]
    elements = [{"type": "ItemPropertySchema", "itemType": t, "propertyName": n, "valueType": k} for t, n, k in entries]
    run.ok("bulk", {"createItems": elements})


# Its own things


def test_a_run_sees_itself_and_reports(start: StartRun, harbour: Desk) -> None:
    run = start({}, config='{"shelf": 1}', pluginModule="boats", pluginName="Boats")
    (own,) = run.ok("get_item", RUN)
    assert own["config"] == '{"shelf": 1}'
    run.ok("update_item", {"id": RUN, "status": "started", "progress": 0.5})
    run.ok("update_item", {"id": RUN, "containerImage": "none", "status": "done"})
    for name, value in {"containerImage": "other", "config": "{}", "pluginModule": "x", "targetItemId": "boat01", "deleted": True}.items():
        run.refused("update_item", {"id": RUN, name: value}, f"write PluginRun.{name}")
    assert harbour.ok("get_item", RUN)[0]["status"] == "done"


def test_the_target_is_seen_but_for_its_secrets(harbour: Desk) -> None:
    harbour.ok(
        "create_item", {"type": "PluginRun", "id": RUN, "targetItemId": "account01", "containerImage": "none", "pluginPermissions": "{}"}
    )
    (target,) = Run(harbour, RUN, {}).ok("get_item", "account01")
    assert target["handle"] == "me"
    assert "secret" not in target


def test_a_plugin_cannot_widen_itself(start: StartRun, harbour: Desk) -> None:
    wide = json.dumps({"read": {"*": "*"}})
    for run in (start({}), start(None, "runrun02")):
        run.refused("update_item", {"id": run.run_id, "pluginPermissions": wide}, "write PluginRun.pluginPermissions")
        run.refused("update_item", {"id": run.run_id, "pluginSchedule": '{"every": "1h"}'}, "write PluginRun.pluginSchedule")
        assert run("plugin/grant", {"containerImage": "none", "permissions": {"read": {"*": "*"}}}).status == 403
        assert run("plugin/audit", {"id": run.run_id}).status == 403
    new = {"type": "PluginRun", "id": "runrun03", "targetItemId": "runrun03", "containerImage": "none"}
    start({"write": {"*": "*"}, "read": {"*": "*"}}, "runrun04").refused("create_item", new, "runs")


def test_a_run_hands_on_no_more_than_it_has(start: StartRun, harbour: Desk) -> None:
    run = start({"read": {"Boat": ["name"]}, "runs": True})
    new = {"type": "PluginRun", "targetItemId": "boat01", "containerImage": "none"}
    run.refused("create_item", new, "runs")
    run.refused("create_item", {**new, "pluginPermissions": '{"read": {"Boat": "*"}}'}, "runs")
    run.ok("create_item", {**new, "pluginPermissions": '{"read": {"Boat": ["name"]}}'})
    answer = run("create_item", {**new, "targetItemId": "harbour01", "pluginPermissions": "{}"})
    assert (answer.status, "Failed to find target item harbour01" in answer.text) == (400, True)


def test_only_the_owners_link_opens_an_account(start: StartRun, harbour: Desk) -> None:
    run = start({"edges": {"*": "write"}, "read": {"*": "*"}, "write": {"*": "*"}})
    run.ok("create_edge", {"_source": RUN, "_target": "account01", "_name": "account"})
    (account,) = run.ok("get_item", "account01")
    assert "secret" not in account
    run.refused("update_item", {"id": "account01", "secret": "mine"}, "write Account.secret")
    harbour.ok("create_edge", {"_source": RUN, "_target": "account01", "_name": "account"})
    (account,) = run.ok("get_item", "account01")
    assert account["secret"] == "hidden-token"
    run.ok("update_item", {"id": "account01", "secret": "renewed"})


def test_an_item_of_its_own_that_backs_the_link_opens_nothing_either(start: StartRun, harbour: Desk) -> None:
    for run in (start({"edges": {"*": "write"}, "read": {"*": "*"}, "write": {"*": "*"}}), start(None, "runrun02")):
        link = run.ok("create_item", {"type": "Buoy"})
        run.ok("create_edge", {"_source": run.run_id, "_target": "account01", "_name": "account", "_self": link})
        assert "secret" not in run.ok("get_item", "account01")[0]


def test_what_other_runs_print_is_hidden(start: StartRun, harbour: Desk) -> None:
    visit = harbour.vault.visit()
    pod = visit.unlock(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), create=False)
    pod.runners.output = lambda run_id: b"printed"  # type: ignore[method-assign]  # as if both had been started
    run, other = start({"read": {"*": "*"}}), start(None, "runrun02")
    assert run.ok("get_pluginrun_log", RUN) == {"logs": "printed"}
    hidden, unknown = run.missing("get_pluginrun_log", "runrun02"), "Failure: No output of a plugin run runrun02 is kept"
    assert hidden == unknown
    assert other.ok("get_pluginrun_log", RUN) == {"logs": "printed"}
    visit.close()


def test_a_run_makes_and_links_one_account_of_its_own(start: StartRun, harbour: Desk) -> None:
    run = start({})
    run.ok(
        "bulk",
        {
            "createItems": [{"type": "Account", "id": "account02", "secret": "its-own"}],
            "createEdges": [{"_source": RUN, "_target": "account02", "_name": "account"}],
        },
    )
    assert run.ok("get_item", "account02")[0]["secret"] == "its-own"
    assert [edge["item"]["id"] for edge in run.ok("get_edges", {"item": RUN})] == ["account02"]
    run.refused("create_item", {"type": "Account", "id": "account03"}, "write Account")
    run.refused("create_edge", {"_source": "account02", "_target": RUN, "_name": "owner"}, "edges write owner")
    view = run.ok("create_item", {"type": "CVUStoredDefinition", "name": "view"})
    run.ok("create_edge", {"_source": RUN, "_target": view, "_name": "view"})
    run.ok("delete_item", view)


def test_other_accounts_keep_their_secrets_from_unrestricted_runs(start: StartRun, harbour: Desk) -> None:
    run = start(None)
    assert run.ok("get_item", "harbour01")[0]["name"] == "Veere"
    (account,) = run.ok("get_item", "account01")
    assert (account["handle"], "secret" in account) == ("me", False)
    assert run.ok("search", {"type": "Account", "secret": "hidden-token"}) == []
    run.ok("update_item", {"id": "boat01", "name": "x"})
    run.ok("create_item", {"type": "PluginRun", "targetItemId": RUN, "containerImage": "none"})


# Files


def _file(desk: Desk, item_id: str, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    desk.ok("create_item", {"type": "File", "id": item_id, "sha256": sha256})
    return sha256


def test_files_are_read_through_items_that_may_be_seen(start: StartRun, harbour: Desk) -> None:
    sha256 = _file(harbour, "file01", b"log book")
    assert harbour.upload(sha256, b"log book").status == 200
    blind = start({"files": "write", "write": {"File": "*"}})
    blind.missing("get_file", {"sha256": sha256})
    blind.missing("delete_file", {"id": "file01"})
    start({"read": {"File": []}}, "runrun02").missing("get_file", {"sha256": sha256})
    reader = start({"read": {"File": "*"}, "files": "read"}, "runrun03")
    assert reader("get_file", {"sha256": sha256}).body == b"log book"
    assert not reader.ok("get_item", "file01")[0].keys() & {"key", "nonce"}
    reader.refused("delete_file", {"id": "file01"}, "files write")
    start({"read": {"File": []}, "write": {"File": "*"}, "files": "write"}, "runrun04").ok("delete_file", {"id": "file01"})


def test_uploads_need_an_item_that_may_be_written(start: StartRun, harbour: Desk) -> None:
    sha256 = _file(harbour, "file01", b"chart")

    def upload(run: Run, content: bytes) -> int:
        return harbour.upload_b(sha256, content, auth=run.auth).status

    assert upload(start({"read": {"File": "*"}, "files": "write"}), b"chart") == 404
    assert upload(start({"write": {"File": "*"}}, "runrun02"), b"chart") == 403
    writer = start({"write": {"File": "*"}, "files": "write"}, "runrun03")
    assert upload(writer, b"chart") == 200
    # Stored already, but under no item that this run sees: it does not learn so, and a wrong body is refused.
    assert upload(writer, b"other") == 400
    assert upload(writer, b"chart") == 200
    assert harbour("get_file", {"sha256": sha256}).body == b"chart"
    assert upload(start({"read": {"File": []}, "write": {"File": "*"}, "files": "write"}, "runrun04"), b"chart") == 409


# Granting


@pytest.mark.parametrize(
    ("declaration", "place"),
    [
        ("no json", ""),
        ("[]", ""),
        ('{"reads": {}}', "reads"),
        ('{"read": []}', "read"),
        ('{"read": {"Boat": "name"}}', "read.Boat"),
        ('{"edges": {"moored": "none"}}', "edges.moored"),
        ('{"files": "all"}', "files"),
        ('{"email": "a@b"}', "email"),
        ('{"network": true}', "network"),
        ('{"datasets": {"drop": []}}', "datasets.drop"),
        ('{"runs": 1}', "runs"),
        ('{"platforms": {}}', "platforms"),
    ],
)
def test_a_wrong_declaration_is_400_with_its_place(harbour: Desk, declaration: str, place: str) -> None:
    item = {"type": "PluginRun", "id": RUN, "targetItemId": RUN, "containerImage": "none", "pluginPermissions": declaration}
    answer = harbour("create_item", item)
    assert (answer.status, answer.text.startswith(f"Failure: Invalid permissions: {place}")) == (400, True)
    assert harbour.ok("get_item", RUN) == []


def test_changes_act_from_the_next_request(start: StartRun, harbour: Desk) -> None:
    run = start(READS_NAMES)
    assert len(run.ok("search", {"type": "Boat"})) == 2
    harbour.ok("update_item", {"id": RUN, "pluginPermissions": '{"read": {"Harbour": "*"}}'})
    assert run.ok("search", {"type": "Boat"}) == []
    assert len(run.ok("search", {"type": "Harbour"})) == 1
    assert harbour("update_item", {"id": RUN, "pluginPermissions": '{"read": 1}'}).status == 400
    harbour.ok("update_item", {"id": RUN, "pluginPermissions": None})
    assert run.ok("search", {"type": "Harbour"}) == []  # it was started with a declaration: nothing is left


def test_a_standing_grant_narrows_old_plugins(start: StartRun, harbour: Desk) -> None:
    run = start(None, pluginModule="boats.old", pluginName="Old")
    assert len(run.ok("search", {"type": "Harbour"})) == 1
    subject = {"pluginModule": "boats.old", "pluginName": "Old"}
    harbour.ok("plugin/grant", {**subject, "permissions": READS_NAMES})
    assert run.ok("search", {"type": "Harbour"}) == []
    wider = start({"read": {"*": "*"}}, "runrun02", **subject)
    (boat,) = wider.ok("search", {"id": "boat01"})
    assert ("name" in boat, "crew" in boat) == (True, False)
    harbour.ok("plugin/grant", {**subject, "permissions": None})
    assert len(run.ok("search", {"type": "Harbour"})) == 1
    for wrong in ({}, {"pluginModule": "x"}, {"containerImage": "a", **subject}):
        assert harbour("plugin/grant", {**wrong, "permissions": {}}).status == 400
    assert harbour("plugin/grant", {**subject, "permissions": {"read": 5}}).status == 400
    assert harbour("plugin/grant", subject).status == 400


def test_the_audit_tells_what_was_granted_touched_and_refused(start: StartRun, harbour: Desk) -> None:
    declaration = {"read": {"Boat": ["name"], "Harbour": []}, "write": {"Boat": ["name"]}, "edges": {"moored": "read"}}
    run = start(declaration)
    before = int(time.time() * 1000)
    run.ok("get_item", "boat01")
    run.ok("search", {"type": "Boat"})
    run.ok("get_edges", {"item": "boat01"})
    run.ok("update_item", {"id": "boat01", "name": "Albatros"})
    run.sql("SELECT name FROM items('Boat')")
    run("update_item", {"id": "boat01", "crew": 7})
    report = harbour.ok("plugin/audit", {"id": RUN})
    assert report["id"] == RUN
    touched = {(entry["kind"], entry["name"], entry["direction"]): entry for entry in report["touched"]}
    reads = touched["item", "Boat", "read"]
    assert (reads["properties"], reads["count"] >= 5, reads["calls"] >= 3) == (["name"], True, True)
    assert before - 1000 <= reads["first"] <= reads["last"]
    assert touched["item", "Boat", "write"]["properties"] == ["name"]
    assert [entry["right"] for entry in report["refused"]] == ["write Boat.crew"]
    assert not any(text in json.dumps(report) for text in ("Zwaluw", "Albatros", *SECRET_VALUES))
    assert harbour("plugin/audit", {"id": "unknown1"}).status == 404


def test_graph_queries_show_no_more(start: StartRun) -> None:
    run = start({**READS_NAMES, "edges": {"moored": "read"}})
    boats = run.ok("graphql", "{ Boat { name sailArea moored { name } } Harbour { name } }")["data"]
    assert {boat["name"]: (boat["moored"], "sailArea" in boat) for boat in boats} == {"Zwaluw": ([], False), "Meeuw": ([], False)}
    assert run.ok("graphql", "{ Boat (filter: {sailArea: {eq: 52.5}}) { name } }")["data"] == []
    assert run.ok("graphql", "{ Boat (order_asc: sailArea) { name } }")["data"] != []
    whole = start({"read": {"Boat": "*", "Harbour": ["name"]}, "edges": {"moored": "read"}}, "runrun02")
    (harbour_item,) = whole.ok("graphql", "{ Harbour { name motto ~moored { name } } }")["data"]
    assert ("motto" in harbour_item, [boat["name"] for boat in harbour_item["~moored"]]) == (False, ["Zwaluw"])

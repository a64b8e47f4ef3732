"""The store beyond `/v4`: plugin runs start after the commit, items and edges are tables, writers and readers do not disturb each other."""

from __future__ import annotations

import threading

import pytest

from datapod_server.errors import Invalid
from datapod_server.items import ItemStore
from datapod_server.items.bulk import Bulk, NewEdge
from datapod_server.principal import OWNER, plugin_run
from datapod_server.storage.keys import SubKey
from datapod_server.storage.sqlite import Database
from datapod_server.values.path import Path
from datapod_server.values.timestamp import Timestamp

RUN = {"type": "PluginRun", "id": "runrun01", "containerImage": "boats", "targetItemId": "boat01"}


def define(item_type, **kinds):
    return [{"type": "ItemPropertySchema", "itemType": item_type, "propertyName": name, "valueType": kind} for name, kind in kinds.items()]


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    database = Database.open(tmp_path / "items.sqlite" if request.param == "file" else None, SubKey(bytes(32)))
    opened = ItemStore(database, SubKey(bytes(32)))
    boat = define("Boat", name="Text", crew="Integer", sailArea="Real", leaky="Bool", launched="DateTime", webserverPort="Integer")
    opened.bulk(Bulk(create_items=boat), OWNER)
    yield opened
    opened.close()
    database.close()


class Recorder:
    """Stands where the runners stand: prepares every run, and writes down what is asked of it."""

    def __init__(self, store):
        self.store = store
        self.events = []
        self.properties = {"webserverPort": 8080, "unknownName": 1}

    def before_run(self, run_id, properties, find_item, rights, principal):
        self.events.append(("before", run_id, principal.run_id))
        if find_item(properties["targetItemId"]) is None:
            raise Invalid("Failed to find target item")
        assert find_item(run_id)["containerImage"] == properties["containerImage"]
        return self

    def start(self, target):
        assert self.store.find_run("runrun01") is not None, "a run was started before its item can be read"
        self.events.append(("start", target["id"], target.get("name")))

    def abandon(self):
        self.events.append(("abandon",))


def test_a_run_starts_after_the_commit_with_its_target_as_it_is_then(store):
    recorder = Recorder(store)
    store.before_run = recorder.before_run
    store.bulk(
        Bulk(create_items=[{"type": "Boat", "id": "boat01"}, RUN], update_items=[{"id": "boat01", "name": "new"}]), plugin_run("abc")
    )
    assert recorder.events == [("before", "runrun01", "abc"), ("start", "boat01", "new")]
    assert store.find_run("runrun01")["webserverPort"] == 8080


def test_a_run_is_abandoned_when_a_later_part_fails(store):
    recorder = Recorder(store)
    store.before_run = recorder.before_run
    with pytest.raises(Invalid):
        store.bulk(Bulk(create_items=[{"type": "Boat", "id": "boat01"}, RUN, {"type": "Boat", "crew": "x"}]), OWNER)
    assert recorder.events == [("before", "runrun01", None), ("abandon",)]
    assert store.find_run("runrun01") is None


def test_a_refused_run_stores_nothing(store):
    recorder = Recorder(store)
    store.before_run = recorder.before_run
    with pytest.raises(Invalid, match="target"):
        store.create(RUN, OWNER)
    assert store.find_item("runrun01", OWNER) is None


def test_the_state_of_a_run_is_written_as_far_as_the_schema_knows_it(store):
    store.create(RUN | {"targetItemId": "runrun01"}, OWNER)
    store.update_run("runrun01", {"name": "x", "status": "error"})
    assert store.find_run("runrun01")["name"] == "x"
    store.delete("runrun01", OWNER)
    assert store.find_run("runrun01") is None


def test_items_are_a_table(store):
    values = {"name": "Zwaluw", "crew": 3, "sailArea": 12.0, "leaky": True, "launched": 1_700_000_000_500}
    store.create({"type": "Boat", "id": "boat01", **values}, OWNER)
    store.create({"type": "Boat", "id": "boat02", "sailArea": 0.5}, OWNER)
    store.create({"type": "Boat", "id": "boat03", "deleted": True}, OWNER)
    store.create({"type": "Harbour", "id": "harbour01"}, OWNER)
    table = store.items_table("Boat", OWNER)
    assert [str(column) for column in table.columns()] == [
        "type", "dateCreated", "dateModified", "dateServerModified", "name", "crew", "sailArea", "leaky", "launched",
    ]  # fmt: skip
    first, second = table.rows()
    assert (first.name, second.name, table.row_count(), table.relation()) == (Path.of("boat01"), Path.of("boat02"), 2, None)
    cells = {str(cell.column): cell.value for cell in first.cells}
    assert cells.items() >= {"type": "Boat", "name": "Zwaluw", "crew": 3, "sailArea": 12, "leaky": 1}.items()
    assert cells["launched"] == Timestamp(1_700_000_000.5)
    modified = store.find_item("boat01", OWNER)["dateServerModified"] / 1000
    assert cells["dateServerModified"] == Timestamp(modified)
    assert {cell.time for cell in first.cells} == {modified}
    (narrow, _) = table.rows(columns=[Path.of("crew")])
    assert {str(cell.column) for cell in narrow.cells} >= {"crew"} and "name" not in {str(cell.column) for cell in narrow.cells}
    assert store.items_table(None, OWNER).row_count() == len(list(store.items_table(None, OWNER).rows()))
    assert list(store.items_table("Nothing", OWNER).rows()) == []


def test_secret_properties_are_absent_from_tables(store):
    store.bulk(Bulk(create_items=[*define("Account", secret="Text", code="Text"), *define("File", keystr="Text")]), OWNER)
    store.create({"type": "Account", "id": "account01", "secret": "planted", "code": "planted", "name": "seen"}, OWNER)
    store.create({"type": "File", "id": "file01", "key": "planted", "nonce": "planted", "keystr": "planted", "sha256": "seen"}, OWNER)
    store.create({"type": "Boat", "id": "boat01", "code": "no secret of a boat"}, OWNER)
    for item_type in ("Account", "File", None):
        table = store.items_table(item_type, OWNER)
        values = [cell.value for row in table.rows() for cell in row.cells]
        assert "planted" not in values and "seen" in values
        assert not {"secret", "keystr", "key"} & {str(column) for column in table.columns()}


def test_edges_are_a_table(store):
    store.bulk(
        Bulk(
            create_items=[{"type": "Boat", "id": f"boat0{number}"} for number in range(4)]
            + [{"type": "Berth", "id": "berth01", "crew": 7}],
            create_edges=[
                NewEdge("boat00", "boat01", "next", "berth01"),
                NewEdge("boat01", "boat02", "near"),
                NewEdge("boat01", "boat03", "next"),
            ],
        ),
        OWNER,
    )
    store.delete("boat03", OWNER)
    table = store.edges_table("next", OWNER)
    (row,) = table.rows()
    assert row.name == Path.of("berth01")
    assert {str(cell.column): cell.value for cell in row.cells} == {"source": "boat00", "target": "boat01", "name": "next", "crew": 7}
    assert [str(column) for column in table.columns()] == ["source", "target", "name", "crew"]
    assert (table.row_count(), store.edges_table(None, OWNER).row_count()) == (1, 2)


def test_items_can_be_changed_while_a_table_is_read(store):
    store.bulk(Bulk(create_items=[{"type": "Boat", "id": f"boat{number:05}"} for number in range(5000)]), OWNER)
    rows = store.items_table("Boat", OWNER).rows()
    next(rows)
    store.delete("boat04999", OWNER)
    assert len(list(rows)) == 4998


def test_many_threads_write_and_read_at_once(store):
    failures = []

    def work(number):
        try:
            for step in range(20):
                kind = {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": f"p{step}", "valueType": "Integer"}
                item = {"type": "Boat", "id": f"boat{number:02}-{step:02}", f"p{step}": number}
                store.bulk(Bulk(create_items=[kind, item]), OWNER)
                (found,) = store.search({"id": item["id"]}, OWNER)
                assert found[f"p{step}"] == number
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(store.search({"type": "Boat"}, OWNER)) == 120
    assert len(store.search({"type": "ItemPropertySchema", "propertyName": "p7"}, OWNER)) == 1

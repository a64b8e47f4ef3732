"""Random changes to a store and to a plain dictionary end in the same items, edges and answers."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from datapod_server.errors import DatapodError
from datapod_server.items import ItemStore
from datapod_server.items.bulk import Bulk, NewEdge
from datapod_server.items.edges import Direction
from datapod_server.principal import OWNER
from datapod_server.storage.keys import SubKey
from datapod_server.storage.sqlite import Database

KINDS = {"name": "Text", "crew": "Integer", "area": "Real", "leaky": "Bool", "launched": "DateTime"}
VALUES = {
    "name": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    "crew": st.integers(-(2**63), 2**63 - 1),
    "area": st.floats(allow_nan=False, allow_infinity=False),
    "leaky": st.booleans(),
    "launched": st.integers(-(2**40), 2**40),
}
PROPERTIES = st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in VALUES.items()})


class Model(RuleBasedStateMachine):
    """The store beside a dictionary of items and a list of edges."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "items.sqlite"
        self.open()
        definitions = [
            {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": name, "valueType": kind} for name, kind in KINDS.items()
        ]
        self.store.bulk(Bulk(create_items=definitions), OWNER)
        self.items: dict[str, dict[str, Any]] = {}
        self.edges: list[tuple[str, str, str]] = []
        self.numbers = itertools.count(100_000)

    def open(self) -> None:
        self.database = Database.open(self.file, SubKey(bytes(32)))
        self.store = ItemStore(self.database, SubKey(bytes(32)))

    def teardown(self) -> None:
        self.store.close()
        self.database.close()
        self.folder.cleanup()

    @rule()
    def close_and_open(self) -> None:
        self.store.close()
        self.database.close()
        self.open()

    @rule()
    def crash(self) -> None:
        """Go on with what is on the disk at this moment, as after a kill: the file and its journal, not closed by anybody."""
        image = self.file.parent / f"crash{next(self.numbers)}"
        image.mkdir()
        for part in self.file.parent.glob(f"{self.file.name}*"):
            if not part.name.endswith("-shm"):
                shutil.copy(part, image / part.name)
        self.store.close()
        self.database.close()
        self.file = image / self.file.name
        self.open()

    @rule(target=ids, properties=PROPERTIES)
    def create(self, properties: dict[str, Any]) -> str:
        item_id = f"b{next(self.numbers)}"
        assert self.store.create({"type": "Boat", "id": item_id, **properties}, OWNER) == item_id
        self.items[item_id] = {"deleted": False, **{name: value for name, value in properties.items() if value is not None}}
        return item_id

    @rule(item_id=ids, properties=PROPERTIES, deleted=st.none() | st.booleans())
    def update(self, item_id: str, properties: dict[str, Any], deleted: bool | None) -> None:
        self.store.update({"id": item_id, "deleted": deleted, **properties}, OWNER)
        item = self.items[item_id]
        for name, value in properties.items():
            item.pop(name, None)
            if value is not None:
                item[name] = value
        if deleted is not None:
            item["deleted"] = deleted

    @rule(item_id=ids)
    def delete(self, item_id: str) -> None:
        self.store.delete(item_id, OWNER)
        self.items[item_id]["deleted"] = True

    @rule(near=ids, far=ids, name=st.sampled_from(["next", "near"]))
    def link(self, near: str, far: str, name: str) -> None:
        self.store.create_edge(NewEdge(near, far, name), OWNER)
        self.edges.append((near, far, name))

    @rule(near=ids, far=ids, name=st.none() | st.sampled_from(["next", "near"]))
    def unlink(self, near: str, far: str, name: str | None) -> None:
        kept = [edge for edge in self.edges if edge[:2] != (near, far) or name not in (None, edge[2])]
        try:
            self.store.delete_edges(near, far, name, OWNER)
        except DatapodError as error:
            assert error.status == 404 and kept == self.edges
        else:
            assert kept != self.edges
            self.edges = kept

    @rule(item_id=ids, properties=PROPERTIES, broken=st.sampled_from(["delete", "value", "edge"]))
    def a_bulk_that_fails(self, item_id: str, properties: dict[str, Any], broken: str) -> None:
        bulk = Bulk(
            create_items=[{"type": "Boat", "id": "never1", **properties}] + ([{"type": "Boat", "crew": "x"}] if broken == "value" else []),
            update_items=[{"id": item_id, **properties, "deleted": True}],
            delete_items=["nobody"] if broken == "delete" else [],
            create_edges=[NewEdge(item_id, "never1", "next"), NewEdge(item_id, "nobody" if broken == "edge" else item_id, "next")],
        )
        try:
            self.store.bulk(bulk, OWNER)
        except DatapodError as error:
            assert error.status in (400, 404)
        else:
            raise AssertionError("it must fail")

    @rule(name=st.sampled_from(sorted(KINDS)), data=st.data())
    def search(self, name: str, data: st.DataObject) -> None:
        known = [item[name] for item in self.items.values() if name in item]
        value = data.draw(st.sampled_from(known) | VALUES[name] if known else VALUES[name])
        equal = {item["id"] for item in self.store.search({"type": "Boat", name: value}, OWNER)}
        assert equal == {item_id for item_id, item in self.items.items() if item.get(name, ...) == value}
        unset = {item["id"] for item in self.store.search({"type": "Boat", f"{name}==": None}, OWNER)}
        assert unset == {item_id for item_id, item in self.items.items() if name not in item}
        if name != "leaky":
            above = {item["id"] for item in self.store.search({"type": "Boat", f"{name}>": value}, OWNER)}
            assert above == {item_id for item_id, item in self.items.items() if name in item and item[name] > value}

    @invariant()
    def the_same_items_and_edges(self) -> None:
        base = {"id", "type", "dateCreated", "dateModified", "dateServerModified"}
        stored = {
            item["id"]: {name: value for name, value in item.items() if name not in base}
            for item in self.store.search({"type": "Boat"}, OWNER)
        }
        assert stored == self.items
        for item_id in self.items:
            for direction, near, far in ((Direction.OUTGOING, 0, 1), (Direction.INCOMING, 1, 0)):
                listed = [(edge["name"], edge["item"]["id"]) for edge in self.store.get_edges(item_id, direction, OWNER, expand=False)]
                expected = sorted(((edge[2], edge[far]) for edge in self.edges if edge[near] == item_id), key=lambda pair: pair[0])
                assert listed == expected


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)

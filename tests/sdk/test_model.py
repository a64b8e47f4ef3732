"""The client and its local store against a real pod, compared with plain dictionaries. Source: plugin-sdk.md, 2.7, 6 and 18.14 to 18.19."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from datapod import Item, PodClient

TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8))
NUMBERS = st.one_of(st.none(), st.integers(-(2**53), 2**53))


class Stone(Item):
    mark: str | None = None
    grams: int | None = None
    beside: list[Stone] = []


class ClientMachine(RuleBasedStateMachine):
    """Two clients write to one pod, each with a store of its own: `here` is under test, `there` is somebody else."""

    address = ""
    stones = Bundle("stones")

    def __init__(self) -> None:
        super().__init__()
        self.here = PodClient(self.address, raise_errors=True)
        self.there = PodClient(self.address, database_key=self.here.database_key, owner_key=self.here.owner_key, raise_errors=True)
        self.here.add_to_schema(Stone)
        self.there.add_to_schema(Stone)
        self.pod: dict[str, dict[str, object]] = {}
        self.local: dict[str, dict[str, object]] = {}
        self.dirty: dict[str, set[str]] = {}
        self.edges: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        self.here.close()
        self.there.close()

    @rule(target=stones, mark=TEXTS, grams=NUMBERS, bulk=st.booleans())
    def create(self, mark, grams, bulk):
        stone = Stone(mark=mark, grams=grams)
        assert self.here.bulk_action(create_items=[stone]) if bulk else self.here.create(stone)
        self.pod[stone.id] = {"mark": mark, "grams": grams}
        self.local[stone.id] = dict(self.pod[stone.id])
        self.dirty[stone.id] = set()
        return stone

    @rule(stone=stones, name=st.sampled_from(["mark", "grams"]), data=st.data())
    def change(self, stone, name, data):
        value = data.draw(TEXTS if name == "mark" else NUMBERS)
        setattr(stone, name, value)
        if self.local[stone.id][name] != value:
            self.dirty[stone.id].add(name)
        self.local[stone.id][name] = value

    @rule(stone=stones)
    def update(self, stone):
        assert self.here.update_item(stone)
        self._written(stone.id)

    def _written(self, item_id):
        self.pod[item_id].update({name: self.local[item_id][name] for name in self.dirty[item_id]})
        self.dirty[item_id].clear()

    @rule(stone=stones, grams=NUMBERS)
    def change_elsewhere(self, stone, grams):
        other = self.there.get(stone.id, expanded=False)
        other.grams = grams
        assert self.there.update_item(other)
        self.pod[stone.id]["grams"] = grams

    @rule(stone=stones)
    def read(self, stone):
        assert self.here.get(stone.id) is stone
        self._merged(stone.id)

    def _merged(self, item_id):
        clean = {name: value for name, value in self.pod[item_id].items() if name not in self.dirty[item_id]}
        self.local[item_id].update(clean)

    @rule(start=stones, end=stones)
    def link(self, start, end):
        start.add_edge("beside", end)
        assert start.update(self.here)
        self._written(start.id)
        self.edges.add((start.id, end.id))

    @rule()
    def sync(self):
        assert self.here.sync(priority="local")
        for item_id in self.pod:
            self._merged(item_id)
            self._written(item_id)

    @rule()
    def search_everything(self):
        found = {stone.id: stone for stone in self.here.search({"type": "Stone"})}
        assert found.keys() == self.pod.keys()
        for item_id in self.pod:
            self._merged(item_id)

    @invariant()
    def local_values_and_marks_are_as_in_the_model(self):
        for item_id, values in self.local.items():
            stone = self.here.local_db.get(item_id)
            assert {name: getattr(stone, name) for name in values} == values
            assert stone._updated_properties == self.dirty[item_id]

    @rule()
    def look_into_the_pod(self):
        self.there.reset_local_db()
        found = [stone for page in self.there.search_paginate({"type": "Stone"}, 3) for stone in page]
        assert {stone.id: {"mark": stone.mark, "grams": stone.grams} for stone in found} == self.pod
        assert {(stone.id, end.id) for stone in found for end in stone.beside} == self.edges


@pytest.fixture(scope="module")
def open_address(tmp_path_factory):
    from tests.conftest import launch

    running = launch(tmp_path_factory.mktemp("open"), "--owners=ANY")
    yield running.address
    running.stop()


def test_the_client_and_the_pod_agree_with_plain_dictionaries(open_address):
    machine = type("Machine", (ClientMachine,), {"address": open_address})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)),
    )

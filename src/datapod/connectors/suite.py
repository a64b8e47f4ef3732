"""The tests that every connector should pass. Derive from `ConnectorSuite`, say how to change the source, and run pytest.

class TestShop(ConnectorSuite):
    connector = ShopPlugin
    item_type = "Receipt"

    @pytest.fixture(autouse=True)
    def shop(self):
        with FakeProvider() as self.provider:
            yield

    def config(self): return {"url": self.provider.address}
    def add(self, name): ...
    def change(self, name): ...
    def remove(self, name): ...
"""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from datapod.client import PodClient
from datapod.connectors.connector import Connector
from datapod.schema import Account
from datapod.testing import InMemoryPod, run_for_test

Json = dict[str, Any]

_OWN_TYPES = frozenset({"PluginRun", "ItemPropertySchema", "ItemEdgeSchema", "ImportCursor"})
_DATES = ("dateCreated", "dateModified", "dateServerModified")


class Killed(BaseException):
    """The run ends here, as if the power had gone: no clean-up of the connector's is meant to catch it."""


class MortalPod(InMemoryPod):
    """A pod whose client dies at a chosen write: before the pod has it, or after, with the answer lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lives_before: int | None = None
        self.lives_after: int | None = None

    def _json(self, endpoint: str, payload: Any) -> Any:
        writes = endpoint in ("create_item", "update_item", "delete_item", "create_edge", "delete_edge_by_source_target")
        writes = writes or (endpoint == "bulk" and set(payload) != {"search"})
        if writes and self.lives_before is not None:
            if self.lives_before == 0:
                raise Killed
            self.lives_before -= 1
        answer = super()._json(endpoint, payload)
        if writes and self.lives_after is not None:
            if self.lives_after == 0:
                raise Killed
            self.lives_after -= 1
        return answer


class ConnectorSuite(abc.ABC):
    """Each test has a source of its own, which the sub-class makes, empty, in a fixture."""

    connector: ClassVar[type[Connector]]
    item_type: ClassVar[str]
    """Type of the main items."""
    batch_records: ClassVar[int] = 2
    """Small, so that few records make several batches."""

    @abc.abstractmethod
    def config(self) -> Mapping[str, Any]:
        """Of a run of the connector."""

    @abc.abstractmethod
    def add(self, name: str) -> None:
        """Put a record of that name into the source."""

    @abc.abstractmethod
    def change(self, name: str) -> None:
        """Change it, so that at least one property of its items is another one."""

    def remove(self, name: str) -> None:
        """Take it out of the source; not overridden for sources that forget their past, as feeds do: then nothing is tested."""
        raise LookupError

    def account(self) -> Account | None:
        """Of the run."""
        return None

    def run(self, pod: InMemoryPod) -> Any:
        """One run; the finished connector."""
        client = PodClient(api=pod)
        before = self.connector.batch_records
        self.connector.batch_records = self.batch_records
        try:
            return run_for_test(self.connector, dict(self.config()), self.account(), client)
        finally:
            self.connector.batch_records = before

    # Tests

    def test_everything_is_imported_with_its_cursor(self) -> None:
        pod = MortalPod()
        self._add_all("one", "two", "three")
        plugin = self.run(pod)
        assert plugin.report["created"] == 3, plugin.report
        assert len(live(pod, self.item_type)) == 3, live(pod, self.item_type)
        assert live(pod, "ImportCursor"), "there is no cursor"

    def test_a_second_run_writes_nothing(self) -> None:
        pod = MortalPod()
        self._add_all("one", "two", "three")
        self.run(pod)
        before = snapshot(pod)
        plugin = self.run(pod)
        assert not (plugin.report["created"] or plugin.report["updated"] or plugin.report["removed"]), plugin.report
        assert snapshot(pod) == before

    def test_a_later_run_imports_what_is_new(self) -> None:
        pod = MortalPod()
        self._add_all("one", "two")
        self.run(pod)
        self.add("three")
        plugin = self.run(pod)
        assert plugin.report["created"] == 1, plugin.report
        assert len(live(pod, self.item_type)) == 3

    def test_a_changed_record_changes_its_items(self) -> None:
        pod = MortalPod()
        self._add_all("one", "two")
        self.run(pod)
        before, ids = snapshot(pod), {item["id"] for item in live(pod, self.item_type)}
        self.change("one")
        plugin = self.run(pod)
        assert plugin.report["updated"] == 1 and not plugin.report["created"], plugin.report
        assert snapshot(pod) != before
        assert {item["id"] for item in live(pod, self.item_type)} == ids, "a changed record is the same item"

    def test_a_record_that_is_gone_is_deleted_and_can_come_again(self) -> None:
        pod = MortalPod()
        self._add_all("one", "two")
        self.run(pod)
        before = snapshot(pod)
        try:
            self.remove("one")
        except LookupError:
            return
        self.run(pod)
        assert len(live(pod, self.item_type)) == 1
        self.add("one")
        self.run(pod)
        assert snapshot(pod) == before, "the record that came again is not what it was"

    def test_a_run_that_is_killed_at_any_write_is_made_good_by_the_next(self) -> None:
        names = ("one", "two", "three", "four", "five")
        self._add_all(*names)
        whole = MortalPod()
        self.run(whole)
        for moment in ("lives_before", "lives_after"):
            lives = 0
            while lives < 1_000:
                pod = MortalPod()
                setattr(pod, moment, lives)
                try:
                    self.run(pod)
                except Killed:
                    setattr(pod, moment, None)
                    self.run(pod)
                    assert snapshot(pod) == snapshot(whole), f"killed at write {lives} ({moment}), the pod is not what it would be"
                    lives += 1
                else:
                    break
            assert lives > 3, "the run never came to the kill: is the connector writing through self.client?"

    def _add_all(self, *names: str) -> None:
        for name in names:
            self.add(name)


def live(pod: InMemoryPod, item_type: str) -> list[Json]:
    """Items of a type that are not deleted."""
    return [item for item in pod.items.values() if item["type"] == item_type and not item["deleted"]]


def snapshot(pod: InMemoryPod) -> tuple[dict[str, Json], Counter[tuple[str, str, str]], set[str]]:
    """What connectors brought into a pod: live items without dates, edges between them with their number, hashes of files.

    Runs, their accounts and the cursors are left out.
    """
    run_ends = {edge["_target"] for edge in pod.edges if pod.items[edge["_source"]]["type"] == "PluginRun"}
    items = {
        item["id"]: {name: value for name, value in item.items() if name not in _DATES}
        for item in pod.items.values()
        if item["type"] not in _OWN_TYPES and not item["deleted"] and item["id"] not in run_ends and not _is_idle_account(pod, item)
    }
    edges = Counter(
        (edge["_source"], edge["_name"], edge["_target"]) for edge in pod.edges if edge["_source"] in items and edge["_target"] in items
    )
    return items, edges, set(pod.files)


def _is_idle_account(pod: InMemoryPod, item: Json) -> bool:
    """The account of a run that was killed before it was linked."""
    return item["type"] == "Account" and not any(item["id"] in (edge["_source"], edge["_target"]) for edge in pod.edges)

"""The local store: while an item is in it, every read of its id gives the same Python object, brought up to date.

Source: plugin-sdk.md, 6.
"""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Iterable
from typing import Any

from datapod.item import Item

logger = logging.getLogger("datapod.store")


class Priority(enum.StrEnum):
    """Whose value wins where a property changed here and was read from the pod."""

    newest = "newest"
    local = "local"
    remote = "remote"
    error = "error"


class DB:
    """An identity map by id. It holds strong references; long imports empty it with `client.reset_local_db()`."""

    def __init__(self) -> None:
        self.nodes: dict[str, Item] = {}
        self._lock = threading.RLock()  # two threads that read one item must get one object

    def get(self, id: str) -> Item | None:  # noqa: A002 - the name old code passes
        return self.nodes.get(id)

    def contains(self, item: Item) -> bool:
        return item.id in self.nodes

    def add(self, item: Item) -> Item:
        """Keep an item, giving it an id if it has none."""
        with self._lock:
            item.create_id_if_not_exists()
            self.nodes[item.id] = item
            return item

    def merge(self, item: Item, priority: Priority | str | None = Priority.local, only: Iterable[str] | None = None) -> Item:
        """The stored object of that id, brought up to date with what was read from the pod; a new one is stored.

        Args:
            only: Properties that were read; all of them if left out, and then an absent one is unset in the pod.

        Raises:
            ValueError: Priority `error`, and a property changed on both sides.
        """
        with self._lock:
            return self._merge(item, Priority(priority or Priority.local), only)

    def _merge(self, item: Item, rule: Priority, only: Iterable[str] | None) -> Item:
        known = self.nodes.get(item.id)
        if known is None or known is item:
            return self.add(item)
        if type(known).__name__ != type(item).__name__:
            logger.warning("merging a %s into a %s with id %s", type(item).__name__, type(known).__name__, item.id)
        names = dict.fromkeys([*known.properties, *item.properties]) if type(known).is_generic else dict.fromkeys(known.properties)
        for name in names if only is None else [name for name in only if name in names]:
            _merge_property(known, item, name, rule)
        for edge in item.get_all_edges():
            known.attach_edge(edge.name, edge.target)
        known._in_pod = True
        return known


def _merge_property(known: Item, remote_item: Item, name: str, priority: Priority) -> None:
    remote = remote_item.__dict__.get(name)
    original = known._original_properties.get(name)
    if name not in known._original_properties or name == "dateServerModified":
        take_remote = True
    elif priority is Priority.newest:
        take_remote = remote != original and _is_later(remote_item, known._date_local_modified[name])
    elif priority is Priority.error and remote != original:
        raise ValueError(f"Sync conflict on {name} of {known!r}: {known.__dict__.get(name)!r} here, {remote!r} in the pod")
    else:
        take_remote = priority is Priority.remote
    if take_remote:
        known.__dict__[name] = remote
        known.mark_written({name: remote})


def _is_later(remote_item: Item, local_change: Any) -> bool:
    date = remote_item.dateServerModified
    return date is not None and date > local_change

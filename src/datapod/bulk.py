"""Cutting bulk work into requests that a pod takes. Source: plugin-sdk.md, 4.5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

MAX_BATCH_BYTES = 5_000_000
"""Of one request, envelope included; an old pod refuses bodies above 5 MiB."""

_ENVELOPE_BYTES = 2_000  # the credentials and the names of all parts

PartName = Literal["create_items", "update_items", "delete_items", "create_edges"]


class Work(NamedTuple):
    """One piece of bulk work."""

    part: PartName
    origin: Any
    """The item or edge that it writes."""
    sent: Mapping[str, Any]
    """Values of the item at this moment: while the request is under way, another thread may change it."""
    json: Any


class Element(NamedTuple):
    """One piece of bulk work, encoded once."""

    part: PartName
    encoded: bytes
    origin: Any
    sent: Mapping[str, Any]


class Batch(NamedTuple):
    """Elements of one request, which the pod carries out whole or not at all."""

    elements: tuple[Element, ...]

    @property
    def is_oversized(self) -> bool:
        """A single element over the limit: sent by itself, for the pod to decide."""
        return len(self.elements) == 1 and len(self.elements[0].encoded) + _ENVELOPE_BYTES > MAX_BATCH_BYTES

    def parts(self) -> dict[str, list[msgspec.Raw]]:
        """Keyword arguments for `PodAPI.bulk`."""
        parts: dict[str, list[msgspec.Raw]] = {}
        for element in self.elements:
            parts.setdefault(element.part, []).append(msgspec.Raw(element.encoded))
        return parts

    def origins(self, *names: PartName) -> list[Any]:
        return [element.origin for element in self.elements if element.part in names]


def batches(work: Sequence[Work], edges: Sequence[Work]) -> Iterator[Batch]:
    """Batches in order; edges begin only after the last new item.

    Args:
        work: Creations, updates and deletions, in this order.
        edges: New edges.

    When everything fits into one request, it is one request: a started plugin never sees half of it.
    """
    first, second = [_encoded(entry) for entry in work], [_encoded(entry) for entry in edges]
    items = list(_cut(first))
    if items and second and not items[-1].is_oversized:
        yield from items[:-1]
        yield from _cut([*items[-1].elements, *second])
    else:
        yield from items
        yield from _cut(second)


def _encoded(work: Work) -> Element:
    return Element(work.part, msgspec.json.encode(work.json), work.origin, work.sent)


def _cut(elements: Iterable[Element]) -> Iterator[Batch]:
    gathered: list[Element] = []
    size = _ENVELOPE_BYTES
    for element in elements:
        weight = len(element.encoded) + 1
        if gathered and size + weight > MAX_BATCH_BYTES:
            yield Batch(tuple(gathered))
            gathered, size = [], _ENVELOPE_BYTES
        gathered.append(element)
        size += weight
    if gathered:
        yield Batch(tuple(gathered))


def gather_batch(items: Sequence[Any], start_idx: int, start_size: int = 0, max_size: int = MAX_BATCH_BYTES) -> tuple[list[Any], int, int]:
    """The items from `start_idx` on that fit into `max_size` bytes of JSON, at least one; the next index; their size."""
    batch: list[Any] = []
    size = start_size
    for item in items[start_idx:]:
        weight = len(msgspec.json.encode(item))
        if batch and size + weight > max_size:
            break
        batch.append(item)
        size += weight
    return batch, start_idx + len(batch), size

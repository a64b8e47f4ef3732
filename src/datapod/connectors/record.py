"""What a stream yields: records, removals, broken records, and checkpoints between them.

A record is what the source calls one thing (a contact, a message, an entry), as the items and edges that it becomes. It is written whole or
not at all, together with the others up to the same checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

from datapod.errors import UnknownEdge
from datapod.item import Item
from datapod.schema import File

State: TypeAlias = dict[str, Any]
"""How far a stream is, as a JSON object of the stream's own making; `{}` before the first run."""

AnyItem = TypeVar("AnyItem", bound=Item)


class Part(NamedTuple):
    """An item that belongs to a record: it is made, changed and deleted with it."""

    item: Item
    names: tuple[str, ...]


class Shared(NamedTuple):
    """An item that others point to as well: made if it is missing, never changed beyond what it lacks, never deleted."""

    item: Item
    name_space: str
    value: str


class Link(NamedTuple):
    """An edge of a record; ends are items of the record, or the external id of another record's main item."""

    source: Item | str
    name: str
    target: Item | str


@dataclass
class Record:
    """One record of the source, on its way to become items. Ids are given when it is written; set none.

    Args:
        external_id: What the source calls it, the same in every run; unique within the stream's `scope`.
        item: The main item.
        version: What changes whenever the record does (an ETag, a hash), stored in the main item's `version`.
        decides: Properties of the main item that the source decides about: those that are not set are erased in the pod. Others keep
            what the owner entered.
        follow: Edges of the main item whose targets the source decides about: parts that are gone are deleted.
        name_spaces: Of shared items: where such an item is at the end of a followed edge and the source names it no more, it is unlinked.
    """

    external_id: str
    item: Item
    version: str | None = None
    decides: Sequence[str] = ()
    follow: Sequence[str] = ()
    name_spaces: Sequence[str] = ()
    parts: list[Part] = field(default_factory=list)
    shared: list[Shared] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    """Contents of files by their SHA-256 in hex."""

    def add(self, edge: str, item: AnyItem, key: str, of: Item | None = None) -> AnyItem:
        """Link a part: `record.add("hasPhoneNumber", PhoneNumber(phoneNumber=number), key=number)`.

        Args:
            key: What tells it from its brothers at the same edge, the same in every run.
            of: The item of this record where the edge begins; the main item if left out.
        """
        source = self._source(edge, of)
        self.parts.append(Part(item, (*self._names_of(source), edge, key)))
        self.links.append(Link(source, edge, item))
        return item

    def share(self, edge: str, item: AnyItem, name_space: str, value: str, of: Item | None = None) -> AnyItem:
        """Link an item that other records link too: `record.share("account", Account(handle=email), "email", email)`."""
        source = self._source(edge, of)
        known = next((entry.item for entry in self.shared if (entry.name_space, entry.value) == (name_space, value)), None)
        if known is None:
            self.shared.append(Shared(item, name_space, value))
        target: Any = known or item
        self.links.append(Link(source, edge, target))
        return target  # type: ignore[no-any-return]

    def add_file(self, edge: str, content: bytes, filename: str | None = None, of: Item | None = None) -> File:
        """Link a file; its content is uploaded before the record is written, and only if the pod has no such content yet."""
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = content
        return self.add(edge, File(sha256=digest, filename=filename), key=f"{digest}/{filename or ''}", of=of)

    def link(self, edge: str, external_id: str, of: Item | None = None) -> None:
        """Link the main item of another record of the same scope. Left out while the pod has no such item."""
        self.links.append(Link(self._source(edge, of), edge, external_id))

    def link_from(self, external_id: str, edge: str) -> None:
        """Let the main item of another record of the same scope point to this one: a feed to its entry."""
        self.links.append(Link(external_id, edge, self.item))

    def _source(self, edge: str, of: Item | None) -> Item:
        source = of or self.item
        if edge not in source.declaration.edges:
            raise UnknownEdge(f"{type(source).__name__} has no edge '{edge}'; it has {', '.join(source.edges)}")
        return source

    def _names_of(self, item: Item) -> tuple[str, ...]:
        return next((part.names for part in self.parts if part.item is item), ())


class Removed(NamedTuple):
    """The source has this record no more: its main item and its parts are deleted (they can be revived, as all in a pod)."""

    external_id: str


class BrokenRecord(NamedTuple):
    """A record that cannot be understood. It is reported beside the good ones and does not end the import."""

    external_id: str
    reason: str


class Checkpoint(NamedTuple):
    """All that was yielded before is accounted for by this state; a run that is killed afterwards goes on from here.

    `progress` is the part of the stream that is done, from 0 to 1, if the source knows.
    """

    state: Mapping[str, Any]
    progress: float | None = None


Entry: TypeAlias = Record | Removed | BrokenRecord | Checkpoint

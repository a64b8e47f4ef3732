"""From records to what has to be written: only what differs from what the pod has. Writes nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from datapod.connectors.identity import belongs_to, is_shared, part_id, record_id, shared_id
from datapod.connectors.pod_view import PodView
from datapod.connectors.record import Record
from datapod.item import BASE_PROPERTIES, DATES, Item
from datapod.values import milliseconds

Json = dict[str, Any]

_NEVER_ERASED = frozenset(BASE_PROPERTIES)


@dataclass
class Change:
    """What one record, or one removal, asks of the pod. The lists are parts of one bulk; `lost_edges` are deleted before it."""

    create_items: list[Json] = field(default_factory=list)
    update_items: list[Json] = field(default_factory=list)
    create_edges: list[Json] = field(default_factory=list)
    lost_edges: list[Json] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.create_items or self.update_items or self.create_edges or self.lost_edges)


def give_ids(record: Record, scope: str) -> None:
    """The ids that follow from what the record is called."""
    record.item.id = record_id(scope, record.external_id)
    for part in record.parts:
        part.item.id = part_id(record.item.id, *part.names)
    for entry in record.shared:
        entry.item.id = shared_id(entry.name_space, entry.value)
    record.item.externalId = record.item.externalId or record.external_id
    if record.version is not None:
        record.item.version = record.version


def end_of_link(end: Item | str, scope: str) -> str:
    return record_id(scope, end) if isinstance(end, str) else str(end.id)


def plan_record(record: Record, scope: str, view: PodView) -> Change:
    """What must be written so that the pod has this record as it is now; `view` is brought to that state."""
    change = Change()
    _put(record.item, set(record.decides), change, view)
    for part in record.parts:
        own = {name for name in part.item.declaration.properties if name not in _NEVER_ERASED}
        _put(part.item, own, change, view)
    for entry in record.shared:
        _put_shared(entry.item, change, view)
    wanted = _put_links(record, scope, change, view)
    _follow(record, wanted, change, view)
    return change


def plan_removal(whole_id: str, view: PodView) -> Change:
    """Delete a record's main item and its parts, those that are there."""
    change = Change()
    for item_id in [whole_id, *view.parts_of(whole_id)]:
        if item_id in view.items:
            _delete(item_id, change, view)
    return change


def _put(item: Item, decided: set[str], change: Change, view: PodView) -> None:
    json = _json(item)
    known = view.items.get(json["id"])
    if known is None:
        _make(json, change, view)
        return
    fresh: Json = {name: value for name, value in json.items() if name not in ("type", "dateCreated") and known.get(name) != value}
    fresh |= {name: None for name in decided if name in known and name not in json}
    if fresh:
        change.update_items.append({"id": json["id"], **fresh})
        known.update(fresh)
        for name in [name for name, value in fresh.items() if value is None]:
            del known[name]


def _make(json: Json, change: Change, view: PodView) -> None:
    if json["id"] in view.deleted:  # by the same batch: a record that went and came again
        change.update_items.append(
            {**{name: value for name, value in json.items() if name not in ("type", "dateCreated")}, "deleted": False}
        )
        view.deleted.discard(json["id"])
    else:
        change.create_items.append(json)
        view.edges[json["id"]] = set()
    view.items[json["id"]] = dict(json)


def _put_shared(item: Item, change: Change, view: PodView) -> None:
    json = _json(item)
    known = view.items.get(json["id"])
    if known is None:
        _make(json, change, view)
        return
    missing = {name: value for name, value in json.items() if name != "type" and name not in DATES and name not in known}
    if missing:
        change.update_items.append({"id": json["id"], **missing})
        known.update(missing)


def _json(item: Item) -> Json:
    json = item.to_json(dates=False)
    for name in ("dateCreated", "dateModified"):
        value = item.__dict__.get(name)
        if value is not None:
            json[name] = milliseconds(value)
    return json


def _put_links(record: Record, scope: str, change: Change, view: PodView) -> set[tuple[str, str, str]]:
    """Plan the edges that are missing; all edges that the record wants, as source id, name, target id."""
    wanted: set[tuple[str, str, str]] = set()
    for link in record.links:
        source, target = end_of_link(link.source, scope), end_of_link(link.target, scope)
        if source not in view.items or target not in view.items or (source, link.name, target) in wanted:
            continue
        wanted.add((source, link.name, target))
        new = {json["id"] for json in change.create_items}
        if {source, target} & new or not view.has_edge(source, link.name, target):
            change.create_edges.append({"_source": source, "_target": target, "_name": link.name})
            view.planned_edges.add((source, link.name, target))
            view.edges.get(source, set()).add((link.name, target))
    return wanted


def _follow(record: Record, wanted: set[tuple[str, str, str]], change: Change, view: PodView) -> None:
    """Delete the parts that the source has no more, and unlink the shared items that it does not name any more."""
    whole_id = str(record.item.id)
    named = {whole_id, *(str(part.item.id) for part in record.parts)}
    for name, target in sorted(view.edges.get(whole_id, ())):
        if name not in record.follow or (whole_id, name, target) in wanted:
            continue
        if belongs_to(target, whole_id) and target not in named:
            for item_id in [target, *(found for found in view.parts_of(target) if found not in named)]:
                _delete(item_id, change, view)
        elif any(is_shared(target, space) for space in record.name_spaces):
            change.lost_edges.append({"_source": whole_id, "_target": target, "_name": name})
        else:
            continue
        view.edges[whole_id].discard((name, target))


def _delete(item_id: str, change: Change, view: PodView) -> None:
    # An update, not a part `deleteItems`: those come after all updates of a request, also after the one that revives the item again.
    change.update_items.append({"id": item_id, "deleted": True})
    view.items.pop(item_id, None)
    view.deleted.add(item_id)

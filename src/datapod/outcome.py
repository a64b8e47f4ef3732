"""What became of a write whose answer was lost: looked up in the pod, so that nothing is written twice and nothing reported as failed.

The pod carries out a `bulk` whole or not at all. So if the items that it was to create are there, with ids that this side chose and with
the values that were sent, it was carried out; if they are not, it may be sent again. Edges have no ids of this side's choice: a bulk of
edges counts as carried out when all of them are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Json = dict[str, Any]
Search = Callable[[Sequence[Json]], list[list[Json]]]
"""Results of several queries, in order."""

_SEARCHES_PER_REQUEST = 500
_SCHEMA_TYPES = ("ItemPropertySchema", "ItemEdgeSchema")
_MAY_BE_HIDDEN = frozenset(
    {"secret", "code", "accessToken", "refreshToken", "accessTokenSecret", "keystr", "key", "nonce", "seedPhrase", "config"}
)
"""Properties that a pod may keep back from searches."""


class Write:
    """The parts of one `bulk`, as they are sent: lists of JSON objects, encoded ones among them."""

    def __init__(self, parts: Mapping[str, Sequence[Any]]) -> None:
        self._parts = parts

    @property
    def gives_the_same_twice(self) -> bool:
        """Updates, deletions and searches only."""
        return not self._parts.get("createItems") and not self._parts.get("createEdges")

    @property
    def can_be_looked_up(self) -> bool:
        """All new items have ids of this side's choice; definitions need none, repeating one changes nothing."""
        return all(item.get("id") or item.get("type") in _SCHEMA_TYPES for item in self._decoded("createItems"))

    def answer(self, search: Search) -> Json | None:
        """The answer that was lost; None if the pod did not carry out the write."""
        created, edges = self._decoded("createItems"), self._decoded("createEdges")
        with_ids = [item for item in created if item.get("id")]
        if not with_ids and not edges:
            return None
        queries = [{"id": item["id"], "deleted": bool(item.get("deleted"))} for item in with_ids]
        for item, found in zip(with_ids, _in_pieces(search, queries), strict=True):
            if not found or not _is_as_sent(found[0], item):
                return None
        edge_ids = _edge_ids(search, edges)
        if None in edge_ids:
            return None
        results = _in_pieces(search, self._parts.get("search") or ())
        return {"createItems": [item.get("id", "") for item in created], "createEdges": edge_ids, "search": results}

    def _decoded(self, part: str) -> list[Json]:
        return [msgspec.json.decode(entry) if isinstance(entry, msgspec.Raw) else entry for entry in self._parts.get(part) or ()]


def _edge_ids(search: Search, edges: Sequence[Json]) -> list[str | None]:
    sources = list(dict.fromkeys(edge["_source"] for edge in edges))
    known: dict[tuple[str, str, str], str] = {}
    for source, found in zip(sources, _in_pieces(search, [{"id": source, "[[edges]]": {}} for source in sources]), strict=True):
        for edge in found[0]["[[edges]]"] if found else ():
            known[(source, edge["_edge"], edge["_item"]["id"])] = edge["id"]
    return [known.get((edge["_source"], edge["_name"], edge["_target"])) for edge in edges]


def _in_pieces(search: Search, queries: Sequence[Json]) -> list[list[Json]]:
    pieces = (queries[start : start + _SEARCHES_PER_REQUEST] for start in range(0, len(queries), _SEARCHES_PER_REQUEST))
    return [result for piece in pieces for result in search(piece)]


def _is_as_sent(stored: Json, sent: Json) -> bool:
    for name, value in sent.items():
        if name in ("rowid", "dateServerModified") or (name not in stored and name in _MAY_BE_HIDDEN):
            continue
        if stored.get(name) != value:
            return False
    return True

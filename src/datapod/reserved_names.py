"""Property names that pods before Datapod store but refuse to update. Source: pod-protocol.md, 5.6 and appendix B."""

from __future__ import annotations

import re

_STRUCTURAL = (
    "rowid id type dateCreated dateModified dateServerModified deleted source target edges allEdges forwardEdges reverseEdges backwardEdges"
)
_KEYWORDS = """
abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade case cast check collate
column commit conflict constraint create cross current current_date current_time current_timestamp database default deferrable deferred
delete desc detach distinct do drop each else end escape except exclude exclusive exists explain fail filter first following for
foreign from full generated glob group groups having if ignore immediate in index indexed initially inner insert instead intersect into
is isnull join key last left like limit match natural no not nothing notnull null nulls of offset on or order others outer over
partition plan pragma preceding primary query raise range recursive references regexp reindex release rename replace restrict right
rollback row rows savepoint select set table temp temporary then ties to transaction trigger unbounded union unique update using vacuum
values view virtual when where window with without
"""
_REFUSED = frozenset(f"{_STRUCTURAL} {_KEYWORDS}".lower().split())
_UPDATABLE = re.compile(r"[a-zA-Z][_a-zA-Z0-9]{0,30}[a-zA-Z0-9]")


def can_be_updated_everywhere(name: str) -> bool:
    """Whether older pods update a property of that name too.

    >>> [can_be_updated_everywhere(name) for name in ("title", "Action", "x", "source")]
    [True, False, False, False]
    """
    return _UPDATABLE.fullmatch(name) is not None and name.lower() not in _REFUSED

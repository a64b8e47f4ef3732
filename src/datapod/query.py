"""Tabular export of items along dotted paths over edges. Source: plugin-sdk.md, 14.2."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datapod.client import PodClient
    from datapod.item import Item

Table = dict[str, list[Any]]


class Query:
    """`Query("content", "sender.owner.firstName")`: one column per path; on each step the first neighbour is taken."""

    def __init__(self, *properties: str) -> None:
        self.properties = properties

    def execute(self, client: PodClient, items: Sequence[Item], dtype: str = "dict") -> Any:
        """Columns with one entry per item; None where an edge or property is missing.

        Raises:
            ValueError: An unknown `dtype`; there are `dict`, `list` and `pandas`.
        """
        return self.convert_dtype({path: self._column(client, items, path.split(".")) for path in self.properties}, dtype)

    def convert_dtype(self, table: Table, dtype: str) -> Any:
        if dtype == "dict":
            return table
        if dtype == "list":
            return list(table.values())
        if dtype in ("pandas", "pd", "df"):
            try:
                return importlib.import_module("pandas").DataFrame(table)
            except ImportError as error:
                raise ImportError("Query results as a data frame need pandas: pip install pandas") from error
        raise ValueError(f"Unknown dtype: {dtype}")

    def _column(self, client: PodClient, items: Sequence[Item], path: list[str]) -> list[Any]:
        *steps, last = path
        places: list[Item | None] = list(items)
        for step in steps:
            _load(client, [item for item in places if item is not None and not item.get_edges(step)])
            places = [None if item is None else _first_neighbour(item, step) for item in places]
        return [None if item is None else getattr(item, last, None) for item in places]


def _first_neighbour(item: Item, step: str) -> Item | None:
    edges = item.get_edges(step)
    return edges[0].traverse(item) if edges else None


def _load(client: PodClient, items: list[Item]) -> None:
    """Attach the edges of these items, in one request; results arrive at the same objects through the local store."""
    for item in items:
        client.add_to_store(item)
    if items:
        client.search({"ids": list({item.id for item in items})})

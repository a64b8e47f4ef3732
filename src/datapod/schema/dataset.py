"""Data sets of items: `Dataset --entry-> DatasetEntry --data-> any item`. Source: plugin-sdk.md, 14.3."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from datapod.item import Item
from datapod.query import Query

if TYPE_CHECKING:
    from datapod.schema.datasets import DatasetEntry, DatasetType
    from datapod.schema.definitions import ItemPropertySchema
    from datapod.schema.labelling import LabellingTask


class Dataset(Item):
    """Obtained by `client.get_dataset(name)`; its entries are loaded when they are needed."""

    name: str | None = None
    queryStr: str | None = None
    entry: list[DatasetEntry] = []
    labellingTask: list[LabellingTask] = []
    datasetType: list[DatasetType] = []
    feature: list[ItemPropertySchema] = []

    requires_client_ref: ClassVar[bool] = True

    def to(self, dtype: str, columns: list[str] | None = None, filter_missing: bool = True) -> Any:
        """The entries as a table: one column per dotted path, and `id`.

        Args:
            dtype: `dict`, `list` or `pandas`.
            columns: Paths from the entry; if left out, `data.<property>` of every feature and `annotation.labelValue`.
            filter_missing: Leave out rows in which something is missing.
        """
        client = self._client
        if client is None:
            raise ValueError("Dataset does not have associated PodClient.")
        if not self.entry:
            client.expand(self)
        if columns is None:
            columns = [*(f"data.{feature.propertyName}" for feature in self.feature), "annotation.labelValue"]
        query = Query("id", *columns)
        table = query.execute(client, self.entry)
        if filter_missing:
            complete = [row for row in zip(*table.values(), strict=True) if None not in row]
            table = {name: [row[number] for row in complete] for number, name in enumerate(table)}
        return query.convert_dtype(table, dtype)

    def save(self, path: str | Path, columns: list[str] | None = None, filter_missing: bool = True) -> None:
        """Write the table of `to` as CSV."""
        table = self.to("dict", columns, filter_missing)
        with Path(path).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))

"""Data sets of items. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.labelling import CategoricalLabel
    from datapod.schema.plugins import Plugin
    from datapod.schema.works import EmailMessage, Message, Tweet


class DatasetEntry(Item):
    skippedByLabeller: bool | None = None
    data: list[Message | EmailMessage | Tweet] = []
    annotation: list[CategoricalLabel] = []


class DatasetType(Item):
    name: str | None = None
    queryStr: str | None = None
    plugin: list[Plugin] = []
    datasetPlugin: list[Plugin] = []

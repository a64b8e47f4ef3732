"""News feeds. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from datetime import datetime

from datapod.item import Item


class RSSEntry(Item):
    title: str | None = None
    link: str | None = None
    thumbnail: str | None = None
    summary: str | None = None
    summarySource: str | None = None
    fullText: str | None = None
    author: str | None = None
    coarseLabel: str | None = None
    fineLabel: str | None = None
    rssFeedId: str | None = None
    externalId: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    relevance: float | None = None
    isIndexed: bool | None = None


class RSSFeed(Item):
    link: str | None = None
    href: str | None = None
    title: str | None = None
    description: str | None = None
    thumbnail: str | None = None
    externalId: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    importIsActive: bool | None = None
    entry: list[RSSEntry] = []
    photo: list[RSSEntry] = []


class RSSFeedSummary(Item):
    category: str | None = None
    content: str | None = None

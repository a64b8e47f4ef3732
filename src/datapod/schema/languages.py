"""Languages. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815 - names on the wire; a list declares an edge

from __future__ import annotations

from datapod.item import Item


class Language(Item):
    languageCode: str | None = None
    languageName: str | None = None


class Translation(Item):
    value: str | None = None
    translatedProperty: str | None = None
    srcLang: str | None = None
    tgtLang: str | None = None

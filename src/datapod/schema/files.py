"""Files and recordings. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.people import Person


class File(Item):
    filename: str | None = None
    keystr: str | None = None
    nonce: str | None = None
    sha256: str | None = None
    externalId: str | None = None
    starred: bool | None = None


class MediaObject(Item):
    bitrate: int | None = None
    duration: int | None = None
    endTime: datetime | None = None
    startTime: datetime | None = None
    fileLocation: str | None = None
    file: list[File] = []
    includes: list[Person] = []

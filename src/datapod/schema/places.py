"""Places. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.photo import Photo
    from datapod.schema.plugins import AuditItem


class Location(Item):
    latitude: float | None = None
    longitude: float | None = None


class Address(Location):
    city: str | None = None
    itemType: str | None = None
    locationAutoLookupHash: str | None = None
    postalCode: str | None = None
    state: str | None = None
    street: str | None = None
    changelog: list[AuditItem] = []
    country: list[Country] = []
    location: list[Location] = []


class Country(Location):
    name: str | None = None
    flag: list[Photo] = []
    location: list[Location] = []

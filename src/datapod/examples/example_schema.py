"""An item type declared by class annotations."""

from __future__ import annotations

from datapod import Item


class Dog(Item):
    name: str | None = None
    age: int | None = None
    bites: bool | None = None
    weight: float | None = None

"""A query as the configurations of procedures and functions give it. Source: datasets-and-procedures.md, 2.5."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Clauses(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An InputQuery as an object; everything may be left out."""

    select: str | None = None
    named: str | None = None
    from_: str | dict[str, Any] | None = field(default=None, name="from")
    when: str | None = None
    where: str | None = None
    order_by: str | None = None
    group_by: str | None = None
    having: str | None = None
    offset: int | None = None
    limit: int | None = None

    def given(self) -> dict[str, Any]:
        """Those that are there, under their names on the wire."""
        names = zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True)
        return {wire: value for name, wire in names if (value := getattr(self, name)) is not None}


InputQuery = str | Clauses

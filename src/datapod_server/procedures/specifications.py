"""Parameters that many procedure types share: where rows come from and where they go. Source: datasets-and-procedures.md, 2.5 and 2.6."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from datapod_server.procedures.workbench import Recordable, Workbench


class OutputConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """An OutputDatasetSpec as an object; everything may be left out."""

    id: str | None = None
    type: str | None = None
    params: dict[str, Any] | None = None
    persistent: bool = False
    deterministic: bool = True


OutputDatasetSpec = str | OutputConfig


class QueryClauses(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
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

    def clauses(self) -> dict[str, Any]:
        """Those that are given, under their names on the wire."""
        names = {"from_": "from", "order_by": "orderBy", "group_by": "groupBy"}
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {names.get(name, name): value for name, value in given.items() if value is not None}


InputQuery = str | QueryClauses


@contextlib.contextmanager
def output(workbench: Workbench, specification: OutputDatasetSpec, default_type: str) -> Iterator[Recordable]:
    """The dataset to write to; it takes the place of what has its id when the `with` ends well, and is dropped otherwise."""
    config = OutputConfig(id=specification) if isinstance(specification, str) else specification
    building = workbench.create_output(config.id, config.type or default_type, dict(config.params or {}))
    try:
        yield building.dataset
        building.publish()
    except BaseException:
        building.discard()
        raise

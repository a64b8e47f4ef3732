"""Where the rows of a procedure go, which many types share. Source: datasets-and-procedures.md, 2.6."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from datapod_server.procedures.workbench import Recordable, Workbench


class OutputConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """An OutputDatasetSpec as an object; everything may be left out."""

    id: str | None = None
    type: str | None = None
    params: dict[str, Any] | None = None
    persistent: bool = False
    deterministic: bool = True


OutputDatasetSpec = str | OutputConfig


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

"""`null`: does nothing; scripts try the life of procedures and runs with it. Source: datasets-and-procedures.md, 7.3."""

from __future__ import annotations

from msgspec import Struct

from datapod_server.messages import Cancellation, Report
from datapod_server.procedures.kind import ProcedureKind, Types
from datapod_server.procedures.workbench import Workbench

NAME = "null"


class NullParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    run_on_creation: bool | int = True  # 0 and 1 are accepted too


class Null:
    """One procedure of the type."""

    def __init__(self, params: NullParams, workbench: Workbench) -> None:
        """Needs neither."""

    def run(self, params: NullParams, report: Report, cancellation: Cancellation) -> tuple[None, None]:
        """No results."""
        return None, None


def register(types: Types) -> None:
    types.add(ProcedureKind(NAME, NullParams, Null, "Do nothing"))

"""What a procedure type declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from msgspec import Struct

from datapod_server.messages import Cancellation, Report
from datapod_server.procedures.workbench import Workbench


class Procedure(Protocol):
    """One procedure, made and ready to run; runs of one procedure may overlap."""

    def run(self, params: Any, report: Report, cancellation: Cancellation) -> tuple[Any, Any]:
        """Run with the params of this run (the procedure's own, overridden); gives `status` and `details` of the run.

        Raises what ends the run: a DatapodError, or `Cancelled`.
        """
        ...


class ProcedureKind(Struct, frozen=True):
    """One procedure type.

    Attributes:
        name: As in `type` of a configuration.
        params: The msgspec type of `params`: frozen, camelCase on the wire, unknown members refused; has `run_on_creation`.
        create: Called with decoded params when the procedure is made. What it raises refuses the configuration.
        summary: One line for the list of types.
        check_fields: Called with the names of the members of `params` before they are decoded, to refuse some of them in words that
            old scripts match; None where the usual words do.
    """

    name: str
    params: type[Struct]
    create: Callable[[Any, Workbench], Procedure]
    summary: str
    check_fields: Callable[[Iterable[str]], None] | None = None


class Types(Protocol):
    """A registry of types."""

    def add(self, kind: Any, /) -> None: ...

"""Procedures that move data into datasets.

kind.py            what a procedure type declares
workbench.py       what procedures get handed in
output.py          where the rows go: a parameter that many types share
progress.py        progress objects
import_text.py     `import.text`; reading files is in text/
transform.py       `transform`
null.py, mock.py   test aids: one does nothing, the other takes its time

Source: datasets-and-procedures.md, 2, 4, 6 and 7.3.
"""

from datapod_server.procedures import import_text, mock, null, transform
from datapod_server.procedures.kind import Procedure, ProcedureKind, Types
from datapod_server.procedures.workbench import Workbench

BUILT_IN = (import_text, transform, null, mock)


def register(types: Types) -> None:
    """Add all built-in procedure types of this room to a registry."""
    for module in BUILT_IN:
        module.register(types)


__all__ = ["BUILT_IN", "Procedure", "ProcedureKind", "Workbench", "register"]

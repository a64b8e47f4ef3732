"""The built-in functions of the SQL dialect, one module per family. Source: sql-functions.md.

builtin.py      what a row of the table says, and how a call is made from it
numeric.py strings.py tokens.py documents.py hashing.py paths.py dates.py rows.py vectors.py
                the families, each with its table `BUILTINS`

`BUILT_IN` finds a function by its name, which is case-sensitive. A new function is one row in the table of its family.
"""

from __future__ import annotations

from collections.abc import Mapping

from datapod_server.sql.builtins import dates, documents, hashing, numeric, paths, rows, strings, tokens, vectors
from datapod_server.sql.builtins.builtin import Builtin

FAMILIES = (numeric, strings, tokens, documents, hashing, paths, dates, rows, vectors)


def _table() -> Mapping[str, Builtin]:
    table: dict[str, Builtin] = {}
    for family in FAMILIES:
        for builtin in family.BUILTINS:
            if builtin.name in table:
                raise ValueError(f"two built-in functions are named {builtin.name}")
            table[builtin.name] = builtin
    return table


BUILT_IN = _table()

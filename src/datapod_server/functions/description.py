"""What `info` says of the inputs and outputs of a function. Source: rest-api.md, 5.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ANY_VALUE: dict[str, Any] = {"kind": "scalar", "scalar": "MLDB::CellValue", "type": "MLDB::AnyValueInfo", "isConstant": False}


def row_of(names: Sequence[str] | None) -> dict[str, Any]:
    """A row with these columns; None: they are not known before rows come."""
    columns = [{"columnName": name, "valueInfo": ANY_VALUE, "sparsity": "dense", "offset": place} for place, name in enumerate(names or ())]
    return {
        "kind": "row",
        "type": "MLDB::RowValueInfo",
        "isConstant": False,
        "hasUnknownColumns": names is None,
        "hasUnknownColumnsRecursive": names is None,
        "knownColumns": columns,
    }

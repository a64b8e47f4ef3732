"""Functions that are entities: made once, called from queries and over REST with one row.

kind.py            what a function type declares
expression.py      `sql.expression`
query.py           `sql.query`
description.py     what `info` says of inputs and outputs

Source: datasets-and-procedures.md, 2.12, 10.1 and 10.2; rest-api.md, 5.
"""

from datapod_server.functions import expression, query
from datapod_server.functions.kind import Function, FunctionKind, Types

BUILT_IN = (expression, query)


def register(types: Types) -> None:
    """Add all built-in function types to a registry."""
    for module in BUILT_IN:
        module.register(types)


__all__ = ["BUILT_IN", "Function", "FunctionKind", "register"]

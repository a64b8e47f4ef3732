"""What a query is and which road it takes, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from datapod_server.sql import tree
from datapod_server.sql.binder import BoundQuery
from datapod_server.sql.compiler import Uncovered
from datapod_server.sql.environment import CompiledQuery
from datapod_server.sql.sources import Source
from datapod_server.values.path import Path

Plans = Sequence[tuple[BoundQuery, CompiledQuery | Uncovered]]


def explain(bound: BoundQuery, plans: Plans) -> str:
    """The tree, what FROM reads, and for each statement over a stored table the engine's text or the reason why there is none."""
    lines = ["Tree", *_tree(bound.select, 1), "", "Bound", f"  from {_source(bound.source)}"]
    columns = bound.columns
    lines.append("  columns " + ("known when rows come" if columns is None else ", ".join(map(str, columns)) or "none"))
    lines += ["", f"Road: {_road(bound, plans)}"]
    for query, plan in plans:
        where = "the query" if query is bound else "a sub-select"
        if isinstance(plan, Uncovered):
            lines.append(f"  {where} is interpreted: the compiler does not cover {plan}")
        else:
            lines += [f"  {where} is compiled:", *(f"    {line}" for line in plan.explain().splitlines())]
    if not plans:
        lines.append("  nothing in it reads a stored table of the engine alone")
    return "\n".join(lines)


def _road(bound: BoundQuery, plans: Plans) -> str:
    compiled = [query for query, plan in plans if not isinstance(plan, Uncovered)]
    return "compiled" if any(query is bound for query in compiled) else "partly compiled" if compiled else "interpreted"


def _source(source: Source | None) -> str:
    return "nothing" if source is None else source.describe()


def _tree(value: Any, depth: int, label: str = "") -> list[str]:
    """One line per node, indented. Values of the query are shown as `?`: an explanation may end up in a log."""
    indent = "  " * depth + label
    if isinstance(value, tree.Literal):
        return [f"{indent}Literal ?"]
    if isinstance(value, tree.Node):
        lines = [indent + type(value).__name__]
        for entry in fields(value):
            if entry.name not in ("span", "text"):
                lines += _member(getattr(value, entry.name), depth + 1, f"{entry.name}: ")
        return lines
    return [f"{indent}{value}"]


def _member(value: Any, depth: int, label: str) -> list[str]:
    if value is None or value == () or value is False:
        return []
    if isinstance(value, tuple) and not isinstance(value, Path):
        return [line for entry in value for line in _member(entry, depth, label)]
    return _tree(value, depth, label)

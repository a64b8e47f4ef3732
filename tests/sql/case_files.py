"""Reads `traps/*.sql`: pairs of a query and its answer, blocks with an empty line between them.

-- road: compiled            which executor must answer over stored datasets (optional; over tables in memory it is always the interpreter)
-- on: memory                only over tables in memory (they keep explicit nulls, tabular datasets do not); or `stored`
-- with: {"x": 1}            bound parameters
SELECT count(*) AS n FROM shop
-- [["_rowName","n"],["[]",4]]        the answer: a list of lists in the `table` format, a list of objects in `full`
-- error: Expected SELECT             or a part of the error's text
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "traps"


@dataclass(frozen=True)
class Case:
    """One pair. `place` is the file and the line of the query."""

    place: str
    query: str
    answer: Any = None
    error: str | None = None
    road: str | None = None
    on: tuple[str, ...] = ("memory", "stored")
    parameters: dict[str, Any] | None = None
    full: bool = field(default=False)


def cases(folder: Path = CASES) -> list[Case]:
    """All of them, in the order of files and lines."""
    found = []
    for file in sorted(folder.glob("*.sql")):
        line = 1
        for block in file.read_text(encoding="utf-8").split("\n\n"):
            if any(text and not text.startswith("--") for text in block.split("\n")):
                found.append(_case(block, f"{file.stem}:{line}"))
            line += block.count("\n") + 2
    return found


def _case(block: str, place: str) -> Case:
    lines = [line for line in block.split("\n") if line]
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    end = next(number for number, line in enumerate(lines) if number > start and line.startswith("-- "))
    directives = dict(line[3:].split(": ", 1) for line in lines[:start] if ": " in line)
    answer = " ".join(line[3:] for line in lines[end:])
    known: dict[str, Any] = {"road": directives.get("road")}
    if "on" in directives:
        known["on"] = (directives["on"],)
    if "with" in directives:
        known["parameters"] = json.loads(directives["with"])
    query = "\n".join(lines[start:end])
    if answer.startswith("error: "):
        return Case(place, query, error=answer.removeprefix("error: "), **known)
    decoded = json.loads(answer)
    return Case(place, query, answer=decoded, full=decoded == [] or isinstance(decoded[0], dict), **known)

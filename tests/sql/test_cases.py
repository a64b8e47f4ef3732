"""Pairs of query and answer, one file per section of the language chapter, over the example data of its section 0.1.

A query ends with a semicolon at the end of a line; below it stands its answer in comments: `-- [[..` in the `table` format,
`-- full [..` in the `full` format, `-- error text` a part of the error's text. A line `-- gap: reason` above the answer names
what is not done yet; it reports its own cure.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import NamedTuple

import pytest

from datapod_server.errors import DatapodError
from datapod_server.principal import OWNER
from datapod_server.sql.queries import Queries

from .conftest import as_full, as_table

CASES = pathlib.Path(__file__).parent / "cases"
_PAIR = re.compile(r"(?P<query>.*?);[ \t]*\n(?P<answer>(?:-- [^\n]*(?:\n|\Z))+)", re.DOTALL)


class Case(NamedTuple):
    query: str
    answer: str


def _cases() -> list[object]:
    found: list[object] = []
    for file in sorted(CASES.glob("*.sql")):
        # The head of a file is a comment up to the first empty line.
        body = file.read_text().partition("\n\n")[2]
        for place, match in enumerate(_PAIR.finditer(body), 1):
            lines = [line[3:] for line in match["answer"].splitlines()]
            gaps = [line.removeprefix("gap: ") for line in lines if line.startswith("gap: ")]
            marks = [pytest.mark.xfail(reason=reason, strict=True) for reason in gaps]
            found.append(pytest.param(Case(match["query"].strip(), "\n".join(lines[len(gaps) :])), id=f"{file.stem}-{place}", marks=marks))
    return found


@pytest.mark.parametrize("case", _cases())
def test_a_query_gives_its_answer(queries: Queries, case: Case) -> None:
    if case.answer.startswith("error "):
        with pytest.raises(DatapodError) as caught:
            list(queries.run(case.query, principal=OWNER).rows())
        assert case.answer.removeprefix("error ") in str(caught.value)
        return
    rows = list(queries.run(case.query, principal=OWNER).rows())
    if case.answer.startswith("full "):
        assert json.loads(json.dumps(as_full(rows))) == json.loads(case.answer.removeprefix("full "))
    else:
        assert json.loads(json.dumps(as_table(rows))) == json.loads(case.answer)

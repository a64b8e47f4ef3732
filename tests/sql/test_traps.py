"""What is most likely to be wrong (sql-language.md, 16): over tables in memory and over stored datasets, by the road that a case names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.sql.case_files import Case, cases
from tests.sql.conftest import as_full, as_table
from tests.sql.example_data import in_memory, stored

from datapod_server.errors import DatapodError
from datapod_server.principal import OWNER
from datapod_server.sql.queries import Queries
from datapod_server.storage.engine import Engine


@pytest.fixture(scope="module")
def queries() -> Iterator[dict[str, Queries]]:
    engine = Engine.open(None)
    yield {"memory": Queries(in_memory(), engine), "stored": Queries(stored(engine), engine)}
    engine.close()


_PAIRS = [pytest.param(case, where, id=f"{case.place}-{where}") for case in cases() for where in case.on]


@pytest.mark.parametrize(("case", "where"), _PAIRS)
def test_a_query_gives_its_answer_wherever_the_rows_are(queries: dict[str, Queries], case: Case, where: str) -> None:
    if case.error is not None:
        with pytest.raises(DatapodError) as refusal:
            _run(queries[where], case)
        assert case.error in str(refusal.value)
        return
    road, answer = _run(queries[where], case)
    assert _text(answer) == _text(case.answer), case.query
    if case.road is not None and where == "stored":
        assert road == case.road


def _run(queries: Queries, case: Case) -> tuple[str, Any]:
    result = queries.run(case.query, principal=OWNER, parameters=case.parameters)
    return result.road, (as_full if case.full else as_table)(result.rows())


def _text(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False)

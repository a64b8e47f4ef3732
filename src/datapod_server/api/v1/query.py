"""`/v1/query`. Source: rest-api.md, 8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import hybrid, truth
from datapod_server.api.v1.formats import FORMATS, Shape
from datapod_server.errors import Invalid
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.values.json import atom_from_json, encode
from datapod_server.values.rows import Row

_PARAMETERS = frozenset({"q", "format", "headers", "rowNames", "rowHashes", "sortColumns", "params"})


class Result(Protocol):
    """What a query gives."""

    def rows(self) -> Iterable[Row]:
        """Flattened rows, columns in natural order, all values of a column."""
        ...


def query(pod: Pod, request: Request) -> Response:
    """Run one SELECT statement."""
    given = hybrid(request, frozenset({"params"}))
    text = given.get("q", "")
    if not isinstance(text, str):
        raise Invalid("parameter 'q' must be a text: one SELECT statement")
    bound = given.get("params") or {}
    if not isinstance(bound, dict):
        raise Invalid("parameter 'params' must be an object: name to value")
    parameters = {name: atom_from_json(value) for name, value in bound.items()}
    return answer_query(pod.queries.run(text, principal=request.principal, parameters=parameters or None), given)


def answer_query(result: Result, given: Mapping[str, Any]) -> Response:
    """The result in the format that was asked for; the format is looked at after the query ran, as the original does."""
    name = given.get("format") or "full"
    shape = Shape(
        headers=truth("headers", given.get("headers", True)),
        row_names=truth("rowNames", given.get("rowNames", True)),
        row_hashes=truth("rowHashes", given.get("rowHashes", False)),
        sort_columns=truth("sortColumns", given.get("sortColumns", False)),
    )
    rows = result.rows()
    wanted = FORMATS.get(name) if isinstance(name, str) else None
    if wanted is None:
        raise Invalid(f"Unknown output format '{name}'; there are {', '.join(FORMATS)}")
    return Response.json(encode(wanted(rows, shape)))


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", "/v1/query", query, parameters=_PARAMETERS),
    Route("POST", "/v1/query", query, parameters=_PARAMETERS),
)

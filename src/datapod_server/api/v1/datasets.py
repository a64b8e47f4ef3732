"""Datasets: recording, commit, reading. Source: rest-api.md, 6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import json_body, whole_parameter
from datapod_server.api.v1.query import answer_query
from datapod_server.errors import Invalid
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.principal import Scope
from datapod_server.values.atoms import Atom
from datapod_server.values.json import atom_from_json, atom_to_json, encode
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import format_seconds, time_from_json

if TYPE_CHECKING:
    from datapod_server.datasets import Dataset

_BASE = "/v1/datasets/{id}"
_SLICE = frozenset({"offset", "limit"})
_CLAUSES = ("select", "when", "where", "having", "groupBy", "orderBy", "rowName", "offset", "limit")
_FORMATS = ("format", "headers", "rowNames", "rowHashes", "sortColumns")


def record_row(pod: Pod, request: Request) -> Response:
    body = _object(json_body(request, "rows"), "rowName", "columns")
    _dataset(pod, request).record_rows([_row([body.get("rowName"), body.get("columns", [])])])
    return Response()


def record_rows(pod: Pod, request: Request) -> Response:
    rows = [_row(entry) for entry in _list(json_body(request, "multirows"), "rows")]
    _dataset(pod, request).record_rows(rows)
    return Response()


def record_column(pod: Pod, request: Request) -> Response:
    body = _object(json_body(request, "columns"), "columnName", "rows")
    _dataset(pod, request).record_columns([_column([body.get("columnName"), body.get("rows", [])])])
    return Response()


def record_columns(pod: Pod, request: Request) -> Response:
    columns = [_column(entry) for entry in _list(json_body(request, "multicolumns"), "columns")]
    _dataset(pod, request).record_columns(columns)
    return Response()


def commit(pod: Pod, request: Request) -> Response:
    _dataset(pod, request).commit()
    return Response()


def row_names(pod: Pod, request: Request) -> Response:
    start, limit = whole_parameter(request, "start", 0), whole_parameter(request, "limit", -1)
    return Response.json(encode([str(name) for name in _dataset(pod, request).row_names(start, limit)]))


def column_names(pod: Pod, request: Request) -> Response:
    columns = [str(column) for column in _dataset(pod, request).columns()]
    return Response.json(encode(_sliced(columns, request)))


def column_values(pod: Pod, request: Request) -> Response:
    dataset = _dataset(pod, request)
    return Response.json(encode([atom_to_json(value) for value in dataset.values(_column_path(dataset, request))]))


def column_value_counts(pod: Pod, request: Request) -> Response:
    dataset = _dataset(pod, request)
    offset, limit = whole_parameter(request, "offset", 0), whole_parameter(request, "limit", -1)
    counts = dataset.value_counts(_column_path(dataset, request), offset, limit)
    return Response.json(encode([[atom_to_json(value), count] for value, count in counts]))


def timestamp_range(pod: Pod, request: Request) -> Response:
    found = _dataset(pod, request).timestamp_range()
    times = ["NaD", "NaD"] if found is None else [format_seconds(seconds) for seconds in found]
    return Response.json(encode(times))


def query(pod: Pod, request: Request) -> Response:
    """`GET /v1/datasets/<id>/query`: clauses as parameters."""
    _dataset(pod, request)
    given = dict(reversed(request.query))
    clauses: dict[str, Any] = {"select": given.get("select", "*"), "from": {"id": request.params["id"]}}
    for name in ("when", "where", "having", "groupBy", "orderBy"):
        if given.get(name):
            clauses[name] = given[name]
    if "rowName" in given:
        clauses["named"] = given["rowName"]
    clauses["offset"] = whole_parameter(request, "offset", 0)
    clauses["limit"] = whole_parameter(request, "limit", -1)
    chosen = {name: given[name] for name in _FORMATS if name in given}
    return answer_query(lambda **how: pod.queries.run_clauses(clauses, principal=request.principal, **how), chosen)


def custom_route(pod: Pod, request: Request) -> Response:
    """No dataset type of today has routes of its own."""
    _dataset(pod, request)
    raise Invalid(f"dataset '{request.params['id']}' does not respond to custom route '{request.params['rest']}'")


def _dataset(pod: Pod, request: Request) -> Dataset:
    found: Dataset = pod.datasets.ready(request.params["id"])
    return found


def _sliced(entries: list[str], request: Request) -> list[str]:
    offset, limit = whole_parameter(request, "offset", 0), whole_parameter(request, "limit", -1)
    return entries[max(0, offset) :][: None if limit < 0 else limit]


def _column_path(dataset: Dataset, request: Request) -> Path:
    """The segment read as a path; if there is no such column, as one element."""
    text = request.params["column"]
    single = Path.of(text)
    try:
        parsed = Path.parse(text)
    except Invalid:
        return single
    columns = dataset.columns()
    return single if parsed not in columns and single in columns else parsed


def _object(body: Any, *members: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Invalid(f"the body must be an object with the members {', '.join(members)}")
    for name in body:
        if name not in members:
            raise Invalid(f"unknown field '{name}'; the body has the members {', '.join(members)}", field=name)
    return body


def _list(body: Any, what: str) -> list[Any]:
    if not isinstance(body, list):
        raise Invalid(f"the body must be an array of {what}")
    return body


def _row(entry: Any) -> Row:
    name, cells = _pair(entry, "row")
    return Row(_name(name, "row"), [Cell(path, value, time) for path, value, time in _triples(cells, "column")])


def _column(entry: Any) -> tuple[Path, list[tuple[Path, Atom, float]]]:
    name, cells = _pair(entry, "column")
    return _name(name, "column"), list(_triples(cells, "row"))


def _pair(entry: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(entry, list) or len(entry) != 2:
        raise Invalid(f"each {what} must be an array [{what}Name, cells] of exactly two elements")
    return entry[0], entry[1]


def _triples(cells: Any, what: str) -> Iterator[tuple[Path, Atom, float]]:
    if not isinstance(cells, list):
        raise Invalid(f"cells must be an array of [{what}Name, value, timestamp]")
    for cell in cells:
        if not isinstance(cell, list) or len(cell) != 3:
            raise Invalid(f"each cell must be an array [{what}Name, value, timestamp] of exactly three elements")
        yield _name(cell[0], what), atom_from_json(cell[1]), time_from_json(cell[2])


def _name(value: Any, what: str) -> Path:
    if value is None or value == []:
        raise Invalid(f"empty {what} names are not allowed")
    return Path.from_json(value)


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", _BASE + "/rows", row_names, parameters=None),
    Route("POST", _BASE + "/rows", record_row, Scope.RECORD),
    Route("POST", _BASE + "/multirows", record_rows, Scope.RECORD),
    Route("GET", _BASE + "/columns", column_names, parameters=_SLICE),
    Route("POST", _BASE + "/columns", record_column, Scope.RECORD),
    Route("POST", _BASE + "/multicolumns", record_columns, Scope.RECORD),
    Route("POST", _BASE + "/commit", commit, Scope.RECORD),
    Route("GET", _BASE + "/columns/{column}/values", column_values),
    Route("GET", _BASE + "/columns/{column}/valuecounts", column_value_counts, parameters=_SLICE),
    Route("GET", _BASE + "/timestampRange", timestamp_range),
    Route("GET", _BASE + "/query", query, parameters=frozenset((*_CLAUSES, *_FORMATS))),
    Route("*", _BASE + "/routes{rest*}", custom_route, parameters=None),
)

"""Functions: application, batch, information. Source: rest-api.md, 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datapod_server.api.router import Route
from datapod_server.api.v1.arguments import compat_output, json_output, read_argument
from datapod_server.api.v1.bodies import hybrid
from datapod_server.errors import Failed, Invalid
from datapod_server.functions import Function
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.sql.tables import Apply
from datapod_server.values.json import encode, encode_sorted
from datapod_server.values.rows import Cell

_BASE = "/v1/functions/{id}"
_APPLICATION = frozenset({"input", "keepValues", "outputFormat", "inputFormat"})
_BATCH = frozenset({"input", "outputFormat", "inputFormat"})


def apply_function(pod: Pod, request: Request) -> Response:
    """One call; the answer holds the output."""
    given = hybrid(request, frozenset({"input", "keepValues"}))
    output_format = given.get("outputFormat") or "compat"
    if output_format not in ("compat", "json"):
        raise Invalid(f"Unknown output format '{output_format}'; there are compat and json")
    value = given.get("input")
    if value is not None and not isinstance(value, dict):
        raise Invalid("parameter 'input' must be an object: argument name to value")
    cells = _bound(pod, request)(read_argument(value or {}, tagged=given.get("inputFormat") == "cells"))
    kept = _kept(given.get("keepValues"))
    if output_format == "json":
        output = json_output(cells)
        return Response.json(encode_sorted(_only(output, kept) if isinstance(output, dict) else output))
    if any(not cell.column for cell in cells):
        raise Failed("the output of this function is not a row; use outputFormat=json")
    return Response.json(encode({"output": _only(compat_output(cells), kept)}))


def apply_batch(pod: Pod, request: Request) -> Response:
    """Many calls; the answer has the shape of `input`."""
    given = hybrid(request, frozenset({"input"}))
    for name in ("inputFormat", "outputFormat"):
        if given.get(name) not in (None, "", "json"):
            raise Invalid(f"Unknown format '{given[name]}' of '{name}'; there is json")
    apply = _bound(pod, request)
    value = given.get("input")
    if value is None:
        return Response.json(b"null")
    if isinstance(value, list):
        return Response.json(encode_sorted([_called(apply, entry) for entry in value]))
    if isinstance(value, dict):
        return Response.json(encode_sorted({name: _called(apply, entry) for name, entry in value.items()}))
    return Response.json(encode_sorted(_called(apply, value)))


def info(pod: Pod, request: Request) -> Response:
    return Response.json(encode(_function(pod, request).info()))


def details(pod: Pod, request: Request) -> Response:
    """Inner state; the types of today have none."""
    _function(pod, request)
    return Response.json(b"null")


def custom_route(pod: Pod, request: Request) -> Response:
    """No function type of today has routes of its own."""
    _function(pod, request)
    raise Invalid(f"function '{request.params['id']}' does not respond to custom route '{request.params['rest']}'")


def _function(pod: Pod, request: Request) -> Function:
    found: Function = pod.functions.ready(request.params["id"])
    return found


def _bound(pod: Pod, request: Request) -> Apply:
    return _function(pod, request).bind(pod.queries.environment(request.principal))


def _called(apply: Apply, value: Any) -> Any:
    cells: Sequence[Cell] = apply(read_argument(value, tagged=False))
    return json_output(cells)


def _kept(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Invalid("parameter 'keepValues' must be an array of names of output columns")
    return value


def _only(output: dict[str, Any], kept: list[str]) -> dict[str, Any]:
    return {name: output[name] for name in kept if name in output} if kept else output


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", _BASE + "/application", apply_function, parameters=_APPLICATION),
    Route("POST", _BASE + "/application", apply_function, parameters=_APPLICATION),
    Route("GET", _BASE + "/batch", apply_batch, parameters=_BATCH),
    Route("POST", _BASE + "/batch", apply_batch, parameters=_BATCH),
    Route("GET", _BASE + "/info", info),
    Route("GET", _BASE + "/details", details),
    Route("*", _BASE + "/routes{rest*}", custom_route, parameters=None),
)

"""`/v1/types`: what can be made. Source: rest-api.md, 7.3."""

from __future__ import annotations

from typing import Any

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import truth
from datapod_server.entities.entry import NotReady
from datapod_server.entities.types import TypeRegistry
from datapod_server.errors import NotFound
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.values.json import encode

_CLASSES = ["datasets", "functions", "plugin.setups", "plugin.startups", "plugins", "procedures"]


def list_classes(_pod: Pod, _request: Request) -> Response:
    return Response.json(encode(_CLASSES))


def list_types(pod: Pod, request: Request) -> Response:
    """Names, or with `details=true` pairs of name and info."""
    registry = _registry(pod, request)
    names = [] if registry is None else registry.names()
    if truth("details", request.parameter("details") or "false") and registry is not None:
        return Response.json(encode([[name, _info(registry, name)] for name in names]))
    return Response.json(encode(names))


def get_type(pod: Pod, request: Request) -> Response:
    _known(pod, request)
    return Response.json(b'{"state":"ok"}')


def get_info(pod: Pod, request: Request) -> Response:
    return Response.json(encode(_info(_known(pod, request), request.params["type"])))


def _registry(pod: Pod, request: Request) -> TypeRegistry[Any] | None:
    """The types of a class; None for a class that exists and has none here."""
    name = request.params["class"]
    if name not in _CLASSES:
        raise NotReady("type class", name, "does not exist")
    return pod.types.get(name)


def _known(pod: Pod, request: Request) -> TypeRegistry[Any]:
    registry = _registry(pod, request)
    name = request.params["type"]
    if registry is None or registry.find(name) is None:
        kind = request.params["class"].removesuffix("s")
        raise NotReady(f"{kind} type", name, "does not exist or has been deleted")
    return registry


def _info(registry: TypeRegistry[Any], name: str) -> dict[str, Any]:
    kind = registry.find(name)
    if kind is None:
        raise NotFound(f"there is no type '{name}' of {registry.collection}")
    fields = [{"name": field} for field in kind.params.__struct_encode_fields__]
    return {
        "configType": {"kind": "STRUCTURE", "typeName": kind.params.__name__, "fields": fields},
        "description": kind.summary,
        "docRoute": f"/v1/types/{registry.collection}/{name}/doc",
        "flags": [],
    }


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", "/v1/types", list_classes, parameters=None),
    Route("GET", "/v1/types/{class}", list_types, parameters=frozenset({"details"})),
    Route("GET", "/v1/types/{class}/{type}", get_type, parameters=None),
    Route("GET", "/v1/types/{class}/{type}/info", get_info, parameters=None),
)

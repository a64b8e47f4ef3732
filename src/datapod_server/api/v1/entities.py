"""The collections: what `plugins`, `datasets`, `procedures` and `functions` have in common. Source: rest-api.md, 3."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import json_body, prefers_202, wants_background
from datapod_server.api.v1.narrowed import visible_datasets
from datapod_server.entities.collection import Collection
from datapod_server.entities.config import Config, read_config
from datapod_server.entities.entry import Entry
from datapod_server.entities.runs import ProcedureEntity, first_run
from datapod_server.errors import Invalid, NotFound
from datapod_server.messages import Pairs, Request, Response
from datapod_server.pod import Pod
from datapod_server.principal import Scope
from datapod_server.values.json import encode

COLLECTIONS = ("plugins", "datasets", "procedures", "functions")
_CREATION_IN_PROCESS = "x-datapod-create"  # sent by `create_dataset` of in-server code: no overwriting


def location(*path: str) -> Pairs:
    """`Location` and `EntityPath` of an entity; every element percent-encoded."""
    encoded = [quote(element, safe="-_.!~*'()") for element in path]
    return (("Location", "/v1/" + "/".join(encoded)), ("EntityPath", encode(encoded).decode()))


def list_ids(pod: Pod, request: Request) -> Response:
    collection = _collection(pod, request)
    ids = collection.ids()
    return Response.json(encode(visible_datasets(ids, request.principal) if collection.name == "datasets" else ids))


def get_entity(pod: Pod, request: Request) -> Response:
    collection, entity_id = _collection(pod, request), request.params["id"]
    if not entity_id:
        raise NotFound(f"Collection URLs do not contain a trailing slash: try GET /v1/{collection.name}")
    shown = collection.shown(entity_id)
    if collection.name == "plugins":
        entry = collection.get(entity_id)
        if shown["state"] == "ok" and getattr(entry.live, "down", False):
            shown["state"] = "error"
        if request.parameter("runtime") == "true" and entry.live is not None:
            status = shown.get("status")
            shown["status"] = {**(status if isinstance(status, dict) else {}), "runtime": entry.live.runtime_status()}
    return Response.json(encode(shown))


def put_entity(pod: Pod, request: Request) -> Response:
    collection = _collection(pod, request)
    config = read_config(json_body(request, collection.name), collection.kind, request.params["id"])
    return _create(pod, collection, config, request, 202 if wants_background(request) else 201)


def post_entity(pod: Pod, request: Request) -> Response:
    collection = _collection(pod, request)
    config = read_config(json_body(request, collection.name), collection.kind)
    return _create(pod, collection, config, request, 202 if prefers_202(request) else 201)


def delete_entity(pod: Pod, request: Request) -> Response:
    _collection(pod, request).delete(request.params["id"])
    return Response(204)


def _create(pod: Pod, collection: Collection, config: Config, request: Request, status: int) -> Response:
    _check_code(collection, request)
    background = wants_background(request)
    overwrite = request.header(_CREATION_IN_PROCESS) is None
    if collection.name == "functions" and pod.workshop.is_builtin_function(config.id):
        raise Invalid(f"Cannot add function: MLDB already has a built-in function named {config.id}")
    # A procedure itself is always built before the answer; the header makes its first run asynchronous.
    entry = collection.create(config, overwrite=overwrite, background=background and collection.name != "procedures")
    shown = collection.show(entry)
    if collection.name == "procedures":
        first = _first_run(entry, background)
        if first is not None:
            shown["status"] = {"firstRun": first}
    return Response.json(encode(shown), status, location(collection.name, config.id))


def _first_run(entry: Entry, background: bool) -> dict[str, Any] | None:
    procedure: ProcedureEntity | None = entry.live
    if procedure is None or not procedure.runs_on_creation:
        return None
    return first_run(procedure, background=background)


def _check_code(collection: Collection, request: Request) -> None:
    if collection.name == "plugins":
        request.principal.require(Scope.CODE)


def _collection(pod: Pod, request: Request) -> Collection:
    found: Collection = getattr(pod, request.path.split("/")[2])
    return found


def _routes(name: str) -> tuple[Route[Pod], ...]:
    base = f"/v1/{name}"
    parameters = frozenset({"runtime"}) if name == "plugins" else frozenset()
    return (
        Route("GET", base, list_ids),
        Route("POST", base, post_entity, Scope.MANAGE),
        Route("GET", base + "/{id}", get_entity, parameters=parameters),
        Route("PUT", base + "/{id}", put_entity, Scope.MANAGE),
        Route("DELETE", base + "/{id}", delete_entity, Scope.MANAGE),
    )


ROUTES = tuple(route for name in COLLECTIONS for route in _routes(name))

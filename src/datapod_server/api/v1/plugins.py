"""Sub-routes of plugins: their own routes, documentation, version, last output. Source: python-runtime.md, 2.1, 5; rest-api.md, 7.1."""

from __future__ import annotations

import msgspec

from datapod_server.api.router import Route
from datapod_server.api.v1.errors import v1_error
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.principal import Scope
from datapod_server.values.json import encode
from datapod_server.workers.plugin import Plugin
from datapod_server.workers.plugin_worker import RestartLimit


def answer_route(pod: Pod, request: Request) -> Response:
    """Whatever the plugin answers. Reading is for everybody who may read; other verbs may change what only managers may."""
    if request.verb not in ("GET", "HEAD"):
        request.principal.require(Scope.MANAGE)
    try:
        return _plugin(pod, request).answer(request, request.params["rest"])
    except RestartLimit as error:
        answer = v1_error(error)
        return msgspec.structs.replace(answer, headers=(*answer.headers, ("Retry-After", str(error.retry_after_seconds))))


def last_output(pod: Pod, request: Request) -> Response:
    """The output of the code of the plugin that ran last. Source: python-runtime.md, 5.8."""
    return Response.json(_plugin(pod, request).last_output)


def documentation(pod: Pod, request: Request) -> Response:
    return _plugin(pod, request).documentation(request.params["rest"], request.path)


def version(pod: Pod, request: Request) -> Response:
    """Where the code came from. Source: python-runtime.md, 2.9."""
    return Response.json(encode(_plugin(pod, request).version))


def _plugin(pod: Pod, request: Request) -> Plugin:
    found: Plugin = pod.plugins.ready(request.params["id"])
    return found


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", "/v1/plugins/{id}/routes/lastoutput", last_output),
    Route("GET", "/v1/plugins/{id}/version", version),
    Route("*", "/v1/plugins/{id}/routes{rest*}", answer_route, parameters=None),
    Route("GET", "/v1/plugins/{id}/doc{rest*}", documentation, parameters=None),
)

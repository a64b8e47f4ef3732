"""About the house itself: what it answers, that it answers, and a GET for those who cannot send a body with one.

Source: rest-api.md, 2.1, 5.5, 15.6.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import json_body
from datapod_server.errors import DatapodError, Failed, Invalid
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.values.json import decode, encode


def ping(_pod: Pod, _request: Request) -> Response:
    return Response.json(b'"1"')


def api_versions(_pod: Pod, _request: Request) -> Response:
    return Response.json(b'{"apiVersions":{"v1":"1.0.0"}}')


def help_pages(_pod: Pod, _request: Request) -> Response:
    """Every route with the parameters it knows and the scope it takes."""
    from datapod_server.api.v1.resources import ROUTER  # the table of contents holds this route too

    routes = [
        {"verb": route.verb, "path": route.pattern, "scope": str(route.scope), "parameters": sorted(route.parameters or ())}
        for route in ROUTER.routes
    ]
    return Response.json(encode({"routes": routes}))


def redirect_get(pod: Pod, request: Request) -> Response:
    """`GET target` with `body` as its body, as the caller and with the caller's headers."""
    asked = json_body(request, "redirect")
    if not isinstance(asked, dict) or not isinstance(asked.get("target"), str):
        raise Invalid("the body must be an object with the members target (a path) and body")
    path, _, query = asked["target"].partition("?")
    body = encode(asked["body"]) if "body" in asked else b""
    inner = Request("GET", path, tuple(parse_qsl(query, keep_blank_values=True)), request.headers, body, principal=request.principal)
    answer = pod.perform(inner)
    if answer.status >= 400:
        raise RedirectFailed(answer)
    if answer.header("content-type") != "application/json":
        raise Failed(f"failed to redirect call: the answer of {path} is not JSON")
    return Response(answer.status, answer.headers, answer.body)


class RedirectFailed(DatapodError):
    """The target answered an error; this one has its status. The inner error is under `details.context`."""

    def __init__(self, answer: Response) -> None:
        super().__init__("failed to redirect call", context=_inner(answer))
        self.status = answer.status  # type: ignore[misc]  # the target's own code


def _inner(answer: Response) -> Any:
    content = answer.content()
    try:
        shown = decode(content)
    except Invalid:
        return {"error": content.decode(errors="replace")}
    return {name: value for name, value in shown.items() if name != "httpCode"} if isinstance(shown, dict) else {"error": shown}


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", "/", help_pages, parameters=None),
    Route("GET", "/ping", ping, parameters=None),
    Route("GET", "/info", api_versions, parameters=None),
    Route("GET", "/v1/help", help_pages, parameters=None),
    Route("POST", "/v1/redirect/get", redirect_get),
)

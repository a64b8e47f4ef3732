"""One table of routes for all doors. A handler is a plain function: `handler(pod, request) -> Response`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Struct

from datapod_server.errors import Invalid, NotFound
from datapod_server.messages import Request, Response
from datapod_server.principal import Scope

P = TypeVar("P")

Handler = Callable[[P, Request], Response]

NONE: frozenset[str] = frozenset()


class Route(Struct, Generic[P], frozen=True):
    """One line of a resource's table of contents.

    Attributes:
        pattern: Segments between slashes; `{name}` takes one, decoded; a final `{name*}` takes the rest as sent, with its leading slash.
        scope: What the asker must be allowed.
        parameters: Query parameters that are known; others are 400. None: not checked.
    """

    verb: str
    pattern: str
    handler: Handler[P]
    scope: Scope = Scope.READ
    parameters: frozenset[str] | None = NONE


class Router(Generic[P]):
    """Finds the route of a request and calls its handler."""

    def __init__(self, routes: Iterable[Route[P]]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[tuple[str, int], list[tuple[Route[P], list[str]]]] = {}
        self._open: list[tuple[Route[P], list[str]]] = []
        for route in self.routes:
            open_ended = route.pattern.endswith("*}")
            segments = route.pattern.replace("{rest*}", "").split("/")[1:]
            if open_ended:
                self._open.append((route, segments))
            else:
                self._exact.setdefault((route.verb, len(segments)), []).append((route, segments))

    def answer(self, house: P, request: Request) -> Response:
        """Raises `NotFound` for a path that no route takes, `Invalid` for a broken escape or an unknown parameter, `Forbidden`."""
        found = self._find(request.verb, request.path)
        if found is None:
            return self._answer_missing(request)
        route, params = found
        request.principal.require(route.scope)
        if route.parameters is not None and request.query:
            _check_parameters(route, request)
        return route.handler(house, msgspec.structs.replace(request, params=params) if params else request)

    def verbs(self, path: str) -> list[str]:
        """The verbs that a path takes."""
        return [verb for verb in ("GET", "PUT", "POST", "DELETE") if self._find(verb, path) is not None]

    def _find(self, verb: str, path: str) -> tuple[Route[P], dict[str, str]] | None:
        segments = path.split("/")[1:]
        for route, pattern in self._exact.get((verb, len(segments)), ()):
            params = _match(pattern, segments)
            if params is not None:
                return route, params
        for route, pattern in self._open:
            if route.verb in (verb, "*") and len(segments) >= len(pattern):
                params = _match(pattern, segments[: len(pattern)])
                if params is not None:
                    rest = segments[len(pattern) :]
                    return route, params | {"rest": "/" + "/".join(rest) if rest else ""}
        return None

    def _answer_missing(self, request: Request) -> Response:
        if request.verb == "OPTIONS":
            verbs = self.verbs(request.path)
            return Response.json(b"{}", 200 if verbs else 400, (("Allow", ",".join(verbs)),))
        if request.header("prefer") == "strict" and (verbs := self.verbs(request.path)):
            return Response.json(b'{"error":"method not allowed","httpCode":405}', 405, (("Allow", ",".join(verbs)),))
        raise NotFound(f"unknown resource {request.verb} {request.path}")


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    for expected, segment in zip(pattern, segments, strict=True):
        if not expected.startswith("{") and expected != segment:
            return None
    return {
        expected[1:-1]: decode_segment(segment) for expected, segment in zip(pattern, segments, strict=True) if expected.startswith("{")
    }


def decode_segment(segment: str) -> str:
    """Percent-decode one segment. Raises `Invalid` for a broken escape and for bytes that are no UTF-8."""
    if "%" not in segment:
        return segment
    for part in segment.split("%")[1:]:
        if len(part) < 2 or not all(char in "0123456789abcdefABCDEF" for char in part[:2]):
            raise Invalid(f"broken percent escape in the path segment '{segment}'")
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"the path segment '{segment}' is no UTF-8 text") from error


def _check_parameters(route: Route[P], request: Request) -> None:
    known = route.parameters or NONE
    unknown = [{"paramName": name, "paramValue": value} for name, value in request.query if name not in known]
    if unknown:
        raise Invalid(
            "Unknown parameter(s) in REST call",
            verb=request.verb,
            resource=request.path,
            unknownParameters=unknown,
            help={"parameters": sorted(known)},
        )

"""Which names and web pages may talk to this server: `Host`, `Origin`, `Sec-Fetch-Site`, and the CORS answers.

Code execution on loopback is one web page away, so these rules hold for every path. `Host` stops DNS rebinding, which needs a
name; `Origin` stops pages. Source: rest-api.md, 15.2; pod-protocol.md, 1.4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

from datapod_server.messages import Pairs, Request, Response

_V4_METHODS = "HEAD, GET, POST, PUT"
_V4_HEADERS = "Origin, X-Requested-With, Content-Type, Accept"
_V1_METHODS = "GET, HEAD, POST, PUT, DELETE"
_V1_HEADERS = "Authorization, Content-Type, Accept, Async, If-Match, If-None-Match, Last-Event-ID, Prefer"
_MAX_AGE_SECONDS = "300"


def is_pod_path(path: str) -> bool:
    """Whether a path belongs to the pod protocol: `/version`, and `/v` with a digit other than 1. Source: pod-protocol.md, 1.1."""
    return (path[:2] == "/v" and path[2:3] in "023456789" and path != "/v") or path in ("/version", "/version/")


class Refusal(Struct, frozen=True):
    """Why a request is not let in: a status and a text; the desk's error writers give it its shape."""

    status: int
    text: str


class WebRules(Struct, frozen=True):
    """The rules of one server.

    Attributes:
        names: Host names that are its own, in lower case (IP addresses and `localhost` always are).
        origins: Allowed origins as sent by browsers; `*` stands for all, on the paths of the pod protocol only.
        scheme: `http` or `https`, for telling the server's own origin.
    """

    names: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    scheme: str = "http"

    @staticmethod
    def of(
        *, host: str, allow_hosts: Iterable[str], allow_origins: Iterable[str], scheme: str, further_names: Iterable[str] = ()
    ) -> WebRules:
        names = {name.lower().rstrip(".") for name in (host, *allow_hosts, *further_names) if name}
        return WebRules(frozenset(names), frozenset(origin.rstrip("/").lower() for origin in allow_origins), scheme)

    def refusal(self, request: Request) -> Refusal | None:
        """None if the request may come in."""
        pod_path = is_pod_path(request.path)
        host = request.header("host")
        if host is not None and not self._knows(host):
            return Refusal(403 if pod_path else 421, "Host not allowed")
        origin = request.header("origin")
        accepted = origin is not None and (self.allows(origin, pod_path) or self._is_own(origin, host))
        if origin is not None and not accepted:
            return Refusal(403, "Origin not allowed")
        if not accepted and request.header("sec-fetch-site") == "cross-site":
            return Refusal(403, "Origin not allowed")
        if origin is not None and request.body and not pod_path and not _says_json(request):
            return Refusal(403, "A request from a web page must say Content-Type: application/json")
        return None

    def allows(self, origin: str, pod_path: bool) -> bool:
        """Whether `--allow-origin` names this origin."""
        return origin.lower() in self.origins or (pod_path and "*" in self.origins)

    def preflight(self, request: Request) -> Response | None:
        """The answer to an `OPTIONS` request from an allowed origin; None if the desk answers."""
        origin = request.header("origin")
        pod_path = is_pod_path(request.path)
        if request.verb != "OPTIONS" or origin is None or not self.allows(origin, pod_path):
            return None
        methods, names = (_V4_METHODS, _V4_HEADERS) if pod_path else (_V1_METHODS, _V1_HEADERS)
        headers = (
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", names),
            ("Access-Control-Max-Age", _MAX_AGE_SECONDS),
        )
        return Response(200 if pod_path else 204, headers)

    def answer_headers(self, request: Request) -> Pairs:
        """The CORS headers of every answer to this request, errors included."""
        pod_path = is_pod_path(request.path)
        if pod_path and "*" in self.origins:
            return (("Access-Control-Allow-Origin", "*"),)
        origin = request.header("origin")
        if origin is None or not self.allows(origin, pod_path):
            return ()
        headers: Pairs = (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))
        return headers if pod_path else (*headers, ("Access-Control-Expose-Headers", "Location, EntityPath, WWW-Authenticate, Retry-After"))

    def _knows(self, host: str) -> bool:
        name = _host_name(host)
        return name == "localhost" or name in self.names or _is_address(name)

    def _is_own(self, origin: str, host: str | None) -> bool:
        """Scheme, name and port as in `Host`."""
        return host is not None and origin.lower() == f"{self.scheme}://{host.lower()}"


@lru_cache(maxsize=256)  # clients say the same name again and again
def _host_name(host: str) -> str:
    """The name in a `Host` header, without port, brackets and a final dot, in lower case; empty for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


@lru_cache(maxsize=256)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _says_json(request: Request) -> bool:
    return (request.header("content-type") or "").partition(";")[0].strip().lower() == "application/json"

"""From the door to the desk: which protocol answers a path, for which pod, and the one call that concerns the server itself."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from datapod_server.api import v1, v4
from datapod_server.messages import Pairs, Request, Response
from datapod_server.principal import Scope
from datapod_server.server.credentials import identify
from datapod_server.server.open_pages import find_open_page
from datapod_server.server.origins import is_pod_path
from datapod_server.vault import Visit


class Desk:
    """Answers requests from outside; raises `DatapodError` for what the door turns into an answer."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def __call__(self, visit: Visit, request: Request, peer: str) -> Response:
        if request.verb == "HEAD":  # HEAD for every GET (rest-api.md, 15.8); the door drops the body
            request = msgspec.structs.replace(request, verb="GET")
        if is_pod_path(request.path):
            return v4.answer(visit, request)
        page = find_open_page(request)
        if page is not None:
            return page
        pod, principal = identify(visit, request, peer)
        if request.path == "/v1/shutdown" and request.verb == "POST":
            principal.require(Scope.ADMIN)
            self._stop()
            return Response.json(b'{"shutdown":true}')
        return v1.answer(pod, msgspec.structs.replace(request, principal=principal, headers=_without_credentials(request.headers)))


def _without_credentials(headers: Pairs) -> Pairs:
    """Behind the desk nobody needs them, least of all the code of plugins, which sees the headers of its requests."""
    return tuple(pair for pair in headers if pair[0] not in ("authorization", "proxy-authorization"))

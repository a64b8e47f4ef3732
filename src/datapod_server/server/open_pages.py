"""What needs no credentials: `/`, `/ping`, `/info`. Source: rest-api.md, 2.1, 15.1."""

from __future__ import annotations

from datapod_server.messages import Request, Response

_PAGES = {
    "/": b'{"name":"Datapod","what":"A self-hosted, encrypted data server: /v4 for items, /v1 for tables, SQL and plugins.",'
    b'"resources":["/ping","/info","/version","/v1","/v4"]}',
    "/ping": b'"1"',
    "/info": b'{"apiVersions":{"v1":"1.0.0"}}',
}


def find_open_page(request: Request) -> Response | None:
    """The answer, or None for a path that is not one of these."""
    page = _PAGES.get(request.path) if request.verb in ("GET", "HEAD") else None
    return None if page is None else Response.json(page)

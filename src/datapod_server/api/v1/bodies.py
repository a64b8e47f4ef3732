"""Decoding what `/v1` calls bring: JSON bodies, hybrid parameters, numbers and truth values of query strings. Source: rest-api.md, 1.5."""

from __future__ import annotations

import re
from typing import Any

from datapod_server.errors import Invalid
from datapod_server.messages import Request
from datapod_server.values.json import decode

_WHOLE = re.compile(r"[+-]?[0-9]+")


def json_body(request: Request, what: str) -> Any:
    """The body as JSON. Raises `Invalid` for an empty one (`empty payload`) and for malformed text."""
    if not request.body.strip():
        raise Invalid(f"empty payload: {request.verb} {request.path} needs a JSON body", collection=what, resource=request.path)
    return decode(request.body)


def wants_background(request: Request) -> bool:
    """Whether the header `async: true` (exactly) or `Prefer: respond-async` was sent."""
    return request.header("async") == "true" or request.header("prefer") == "respond-async"


def prefers_202(request: Request) -> bool:
    return request.header("prefer") == "respond-async"


def whole_parameter(request: Request, name: str, default: int) -> int:
    """A whole number of the query string. Raises `Invalid`."""
    text = request.parameter(name)
    if text is None:
        return default
    if not _WHOLE.fullmatch(text):
        raise Invalid(f"parameter '{name}' must be a whole number, not '{text}'")
    return int(text)


def truth(name: str, value: Any) -> bool:
    """A truth value of a query string or a body. Raises `Invalid`."""
    if value is True or value is False:
        return bool(value)
    if value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    raise Invalid(f"parameter '{name}' must be true or false, not '{value}'")


def hybrid(request: Request, json_names: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Parameters all in the query string or all in the body; `json_names` are JSON text in the query string.

    Raises `Invalid` for a mixture.
    """
    query = request.query
    if request.body and (request.header("content-type") or "").startswith("application/x-www-form-urlencoded") and not query:
        form = _form(request.body)
        if form is not None:
            query = form
            return _from_query(query, json_names)
    body = decode(request.body) if request.body.strip() else None
    if body is not None and not isinstance(body, dict):
        raise Invalid("the body must be an object")
    if query and body:
        raise Invalid("You cannot mix query string and body parameters")
    return body or _from_query(query, json_names)


def _from_query(query: tuple[tuple[str, str], ...], json_names: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in query:
        if name not in found:  # of repeated names the first counts
            found[name] = decode(value) if name in json_names else value
    return found


def _form(body: bytes) -> tuple[tuple[str, str], ...] | None:
    """A form-encoded body, or None for JSON text that only carries that type (as `curl -d` sends it)."""
    from urllib.parse import parse_qsl

    if body.lstrip()[:1] in (b"{", b"[", b'"', b"n"):
        return None
    try:
        return tuple(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    except ValueError:
        return None

"""Walking through answers that come in pages. Each function yields the answers one by one, so that a checkpoint can stand between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from datapod.connectors.errors import FatalError
from datapod.connectors.http_source import HttpSource

Params = Mapping[str, Any]


def pages_by_link(source: HttpSource, url: str, params: Params | None = None) -> Iterator[httpx.Response]:
    """Follow `Link: <...>; rel="next"`. Source: RFC 8288."""
    response = source.get(url, params=params)
    seen = {url}
    while True:
        yield response
        following = response.links.get("next", {}).get("url")
        if not following:
            return
        url = str(response.url.join(following))
        _no_circle(url, seen)
        response = source.get(url)


def pages_by_token(
    source: HttpSource,
    url: str,
    token_of: Callable[[httpx.Response], str | None],
    parameter: str = "pageToken",
    params: Params | None = None,
    first_token: str | None = None,
) -> Iterator[httpx.Response]:
    """Send back the token that each answer gives for the next one.

    Args:
        token_of: The next page's token in an answer; None or empty at the end.
        first_token: To go on where an earlier run was.
    """
    token, seen = first_token, set[str]()
    while True:
        response = source.get(url, params={**(params or {}), **({parameter: token} if token else {})})
        yield response
        token = token_of(response)
        if not token:
            return
        _no_circle(token, seen)


def pages_by_number(
    source: HttpSource,
    url: str,
    is_last: Callable[[httpx.Response], bool],
    parameter: str = "page",
    params: Params | None = None,
    first: int = 1,
    step: int = 1,
) -> Iterator[httpx.Response]:
    """Count pages, or with `step` = size of a page, records.

    Args:
        is_last: Whether an answer is the last page: it is shorter than the others, or empty.
    """
    number = first
    while True:
        response = source.get(url, params={**(params or {}), parameter: number})
        yield response
        if is_last(response):
            return
        number += step


def _no_circle(place: str, seen: set[str]) -> None:
    if place in seen:
        raise FatalError("The source's pages lead in a circle")
    seen.add(place)

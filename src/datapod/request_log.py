"""What the HTTP library may log of requests to pods: their addresses hold the owner key and, for uploads, the credentials.

Source: plugin-sdk.md, 16.3.
"""

from __future__ import annotations

import logging
from typing import Any

import httpx

_pods: set[tuple[str, str, int | None]] = set()
"""Scheme, host and port of the pods this process talks to; addresses of other services are logged as they are."""


def hide_keys_of(address: str) -> None:
    """From now on, show of the addresses below this one only which end point was asked.

    Raises:
        httpx.InvalidURL: The text is no address.
    """
    _pods.add(_place(httpx.URL(address)))
    logging.getLogger("httpx").addFilter(_without_keys)  # a filter that is there already is not added again


def _without_keys(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_shown(argument) for argument in record.args)
    return True


def _shown(argument: Any) -> Any:
    """`/v4/<owner>/upload_file/<key>/<hash>` as `/v4/.../upload_file/...`; anything that is no address of a pod unchanged."""
    if not isinstance(argument, httpx.URL) or _place(argument) not in _pods:
        return argument
    version, *below = argument.path.strip("/").split("/")
    if len(below) < 2:
        return argument
    rest = "/..." if len(below) > 2 else ""
    return f"{argument.scheme}://{argument.netloc.decode()}/{version}/.../{below[1]}{rest}"


def _place(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port

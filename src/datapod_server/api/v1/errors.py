"""What an error looks like on `/v1`: the only place that knows. Source: rest-api.md, 1.4."""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import Any

from datapod_server.entities.entry import NotReady
from datapod_server.errors import DatapodError, Failed, QueryError, TooManyAttempts
from datapod_server.messages import Request, Response
from datapod_server.values.json import encode_sorted

log = logging.getLogger("datapod.v1")


def v1_error(error: DatapodError) -> Response:
    """An object with `error`, `httpCode` and, unless empty, `details`; keys in byte order (python-runtime.md, 0)."""
    shown: dict[str, Any] = {"error": str(error), "httpCode": error.status}
    if isinstance(error, NotReady):
        shown |= error.members
    details = dict(error.details)
    if isinstance(error, QueryError) and error.line is not None:
        details |= {"line": error.line, "column": error.column}
    if details:
        shown["details"] = details
    headers = (("Retry-After", str(error.retry_after_seconds)),) if isinstance(error, TooManyAttempts) else ()
    return Response.json(encode_sorted(shown), error.status, headers)


def internal_error(request: Request, failure: BaseException) -> Response:
    """500 under an id that the log explains: with the places in the code, without the failure's own text, which may quote user data."""
    number = secrets.token_hex(4)
    places = "".join(traceback.format_tb(failure.__traceback__)).rstrip()
    log.error("internal error %s at %s %s: %s\n%s", number, request.verb, request.path, type(failure).__name__, places)
    return v1_error(Failed(f"Internal error {number}; the server's log tells more"))

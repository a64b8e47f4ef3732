"""What an error looks like on `/v1`: the only place that knows. Source: rest-api.md, 1.4."""

from __future__ import annotations

from typing import Any

from datapod_server.entities.entry import NotReady
from datapod_server.errors import DatapodError, QueryError, TooManyAttempts
from datapod_server.messages import Response
from datapod_server.values.json import encode


def v1_error(error: DatapodError) -> Response:
    """An object with `error`, `httpCode` and, unless empty, `details`."""
    shown: dict[str, Any] = {"error": str(error), "httpCode": error.status}
    if isinstance(error, NotReady):
        shown |= error.members
    details = dict(error.details)
    if isinstance(error, QueryError) and error.line is not None:
        details |= {"line": error.line, "column": error.column}
    if details:
        shown["details"] = details
    headers = (("Retry-After", str(error.retry_after_seconds)),) if isinstance(error, TooManyAttempts) else ()
    return Response.json(encode(shown), error.status, headers)

"""What an error looks like on `/v4`: plain text behind `Failure: `. Source: pod-protocol.md, 1.6."""

from __future__ import annotations

import logging
from http import HTTPStatus

from datapod_server.errors import DatapodError, TooManyAttempts
from datapod_server.messages import Pairs, Response

log = logging.getLogger("datapod.v4")


def v4_error(error: DatapodError) -> Response:
    """The answer for an error; the log gets its kind only, since its text may quote values."""
    log.info("Returning HTTP failure %d %s: %s", error.status, HTTPStatus(error.status).phrase, type(error).__name__)
    headers = (("Retry-After", str(error.retry_after_seconds)),) if isinstance(error, TooManyAttempts) else ()
    return failure(str(error), error.status, headers)


def failure(text: str, status: int, headers: Pairs = ()) -> Response:
    """An answer that clients take for an error."""
    return Response.text(f"Failure: {text}", status, headers)


def no_such_endpoint() -> Response:
    """For a wrong method, an unknown path, an unknown version: clients tell it from an error by the missing prefix."""
    return Response.text("Endpoint not found", 404)

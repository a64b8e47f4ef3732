"""Errors in domain terms, raised where the cause is known and turned into an answer in one place per protocol.

DatapodError                 carries `status` and `details`
├── Invalid            400      change the request
│   └── QueryError              has a place in the query text: line, column, a caret line
├── Unauthorized       401      bring (other) credentials
├── Forbidden          403      these credentials may not do this
├── NotFound           404      check the name
│   └── EntryNotFound           no such entry in a collection
├── TimedOut           408      narrow the request, or raise the limit
├── Conflict           409      wait, or take another name
├── TooLarge           413      send less at once
├── StaleToken         421      plugin credentials that are no longer valid; the plugin ends itself
├── TooManyAttempts    429      wait `retry_after_seconds`
├── Failed             500      a foreign program or the disk failed; the text says which
├── BadGateway         502      another server failed
├── Unavailable        503      try again later
└── LimitReached       504      a worker ran into one of its limits
"""

from __future__ import annotations

from typing import Any, ClassVar


class DatapodError(Exception):
    """The base of all errors that become an answer.

    Attributes:
        status: HTTP status of the answer.
        details: JSON-able facts for programs; empty if there are none.
    """

    status: ClassVar[int] = 500

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details: dict[str, Any] = details


class Invalid(DatapodError):
    """The request is wrong; the message says what would be right."""

    status = 400


class QueryError(Invalid):
    """A query that cannot be parsed, bound or executed.

    `line` and `column` count from 1 and are None where the error has no place in the text.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.line = line
        self.column = column


class Unauthorized(DatapodError):
    """No credentials, or wrong ones."""

    status = 401


class Forbidden(DatapodError):
    """Valid credentials without the right; `details` names the missing scope or right."""

    status = 403


class NotFound(DatapodError):
    status = 404


class EntryNotFound(NotFound):
    """No entry of that name in a collection such as `datasets`."""

    def __init__(self, collection: str, entry: str) -> None:
        super().__init__(
            f"{collection.removesuffix('s')} entry '{entry}' doesn't exist",  # clients match this text (rest-api.md, 1.8)
            collection=collection,
            entry=entry,
        )


class TimedOut(DatapodError):
    status = 408


class Conflict(DatapodError):
    status = 409


class TooLarge(DatapodError):
    status = 413


class StaleToken(DatapodError):
    status = 421


class TooManyAttempts(DatapodError):
    status = 429

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Failed(DatapodError):
    status = 500


class BadGateway(DatapodError):
    """Another server that was asked for this answer failed."""

    status = 502


class Unavailable(DatapodError):
    status = 503


class LimitReached(DatapodError):
    status = 504

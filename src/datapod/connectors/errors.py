"""What can go wrong between a connector and its source, grouped by what the caller does next.

SourceError
├── FatalError          stop: repeating gives the same answer; `status` where the source answered one
├── RetriableError      wait and repeat; `retry_after_seconds` where the source said how long
├── LoginNeeded         get other credentials, by a refresh or by asking the owner
└── ImportFailed        the pod did not take the data, or no stream of the connector could be read
"""

from __future__ import annotations


class SourceError(Exception):
    """The base of the others; a connector goes on with its next stream after one."""


class FatalError(SourceError):
    """The source refuses, or answers what makes no sense; only another request, or another source, can help."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RetriableError(SourceError):
    """The source failed in a way that passes: an overload, a reset connection, a restart."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class LoginNeeded(SourceError):
    """The credentials are missing, wrong or expired, and nothing stored can renew them. Ends the run."""


class ImportFailed(SourceError):
    """Nothing could be imported; the message names what stood in the way. What was written before stays, and so does its cursor."""

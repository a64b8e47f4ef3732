"""`/v1/query`. Source: rest-api.md, 8, 15.5, 15.7."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import hybrid, truth
from datapod_server.api.v1.formats import FORMATS, Answer
from datapod_server.api.v1.single_values import Shape
from datapod_server.errors import Invalid, TimedOut
from datapod_server.messages import Cancellation, Cancelled, Request, Response
from datapod_server.pod import Pod
from datapod_server.sql.queries import Result
from datapod_server.values.json import atom_from_json

_PARAMETERS = frozenset({"q", "format", "headers", "rowNames", "rowHashes", "sortColumns", "params", "timeout"})
# Up to this size an answer is complete before it leaves: it has a length, and a failure anywhere in it is an error answer.
_WHOLE_BYTES = 256 * 1024


class Run(Protocol):
    """Starts the query."""

    def __call__(self, *, cancellation: Cancellation, timed: bool) -> Result: ...


def query(pod: Pod, request: Request) -> Response:
    """Run one SELECT statement."""
    given = hybrid(request, frozenset({"params"}))
    text = given.get("q", "")
    if not isinstance(text, str):
        raise Invalid("parameter 'q' must be a text: one SELECT statement")
    bound = given.get("params") or {}
    if not isinstance(bound, dict):
        raise Invalid("parameter 'params' must be an object: name to value")
    parameters = {name: atom_from_json(value) for name, value in bound.items()} or None
    return answer_query(lambda **how: pod.queries.run(text, principal=request.principal, parameters=parameters, **how), given)


def answer_query(run: Run, given: Mapping[str, Any]) -> Response:
    """The result in the format that was asked for; the format is looked at after the query was bound, as the original does."""
    name = given.get("format") or "full"
    shape = Shape(
        headers=truth("headers", given.get("headers", True)),
        row_names=truth("rowNames", given.get("rowNames", True)),
        row_hashes=truth("rowHashes", given.get("rowHashes", False)),
        sort_columns=truth("sortColumns", given.get("sortColumns", False)),
    )
    cancellation = Cancellation()
    timer = _timer(given.get("timeout"), cancellation)
    try:
        result = run(cancellation=cancellation, timed=name == "full")
        wanted = FORMATS.get(name) if isinstance(name, str) else None
        if wanted is None:
            raise Invalid(f"Unknown output format '{name}'; there are {', '.join(FORMATS)}")
        body, complete = _begun(wanted(Answer(result.rows(), result.columns), shape), cancellation, timer)
    except Cancelled as error:
        raise TimedOut("query timed out") from error
    except BaseException:
        _stop(timer)
        raise
    if complete:
        _stop(timer)
    return Response(200, (("Content-Type", "application/json"),), body)


def _begun(pieces: Iterator[bytes], cancellation: Cancellation, timer: threading.Timer | None) -> tuple[bytes | Iterator[bytes], bool]:
    """The first part of the answer is computed before anything is sent; a small answer is complete then."""
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > _WHOLE_BYTES:
            return _streamed(b"".join(held), pieces, cancellation, timer), False
    return b"".join(held), True


def _streamed(first: bytes, rest: Iterator[bytes], cancellation: Cancellation, timer: threading.Timer | None) -> Iterator[bytes]:
    """Closed by the door when the client goes away: then the engine stops too."""
    try:
        yield first
        yield from rest
    finally:
        _stop(timer)
        cancellation.request()


def _timer(seconds: Any, cancellation: Cancellation) -> threading.Timer | None:
    """Asks for a stop after `timeout` seconds. Raises `Invalid`."""
    if seconds is None:
        return None
    try:
        limit = float(seconds)
    except (TypeError, ValueError) as error:
        raise Invalid(f"parameter 'timeout' must be a number of seconds, not '{seconds}'") from error
    if not 0 < limit < threading.TIMEOUT_MAX:
        raise Invalid(f"parameter 'timeout' must be a positive number of seconds, not '{seconds}'")
    timer = threading.Timer(limit, cancellation.request)
    timer.daemon = True
    timer.start()
    return timer


def _stop(timer: threading.Timer | None) -> None:
    if timer is not None:
        timer.cancel()


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", "/v1/query", query, parameters=_PARAMETERS),
    Route("POST", "/v1/query", query, parameters=_PARAMETERS),
)

"""The words that pass between server and worker, and no others: tagged MessagePack.

What comes from user code is matched against this list.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

Pairs = tuple[tuple[str, str], ...]


class Ask(Struct, frozen=True, tag="ask", array_like=True):
    """Worker to server: carry out one request of `/v1`."""

    call: int
    verb: str
    path: str
    query: Pairs
    headers: Pairs
    body: bytes


class Answer(Struct, frozen=True, tag="answer", array_like=True):
    """Server to worker: the answer to the `Ask` of the same call. Answers may overtake one another."""

    call: int
    status: int
    headers: Pairs
    body: bytes


class Service(Struct, frozen=True, tag="service", array_like=True):
    """Worker to server: what has no route or must be fast. `arguments` depend on `name`; see `workers/services.py`."""

    call: int
    name: str
    arguments: Raw


class Served(Struct, frozen=True, tag="served", array_like=True):
    """Server to worker: a service is done. `error` is the text for people, or None; `status` goes with it."""

    call: int
    value: Raw
    error: str | None = None
    status: int = 200
    details: Raw = Raw(b"\xc0")


class RequestFacts(Struct, frozen=True, array_like=True):
    """The request that a script or a route answers, as the code sees it."""

    verb: str
    resource: str
    remaining: str
    query: Pairs
    headers: Pairs
    body: bytes


class Home(Struct, frozen=True, array_like=True):
    """Who the code is, and where its folders are. `arguments` is JSON text; empty for none."""

    kind: str  # plugin or script
    name: str
    arguments: bytes
    plugin_directory: str
    data_directory: str
    writable: tuple[str, ...]
    network: bool
    bound_address: str
    python: str
    temporary: str
    restarted: bool = False
    output_bytes: int = 16384 * 1024  # of text captured per run
    hidden: tuple[str, ...] = ()  # folders and files that the code may not read: the server's data, key files


class Begin(Struct, frozen=True, tag="begin", array_like=True):
    """Server to worker, first of all: who you are."""

    home: Home


class Run(Struct, frozen=True, tag="run", array_like=True):
    """Server to worker: run this source.

    `what` is `script`, `main`, `routes`, `status` or `handler` (the function that main registered).
    """

    call: int
    what: str
    source: str
    uri: str
    request: RequestFacts | None
    missing_return: int = 0  # 404 or 500 for routes that return nothing; 0: by dialect


class NewLane(Struct, frozen=True, tag="lane", array_like=True):
    """Server to worker: the descriptor that comes along is a connection for runs, one at a time: a `Run`, its `Printed`, its `Finished`."""


class Interrupt(Struct, frozen=True, tag="interrupt", array_like=True):
    """Server to worker: the time of this call is over; raise `datapod.TimeLimit` in its thread."""

    call: int


class Printed(Struct, frozen=True, tag="printed", array_like=True):
    """Worker to server: one entry of the output of a call, at once, so that it survives the worker."""

    call: int
    seconds: float
    stream: str
    text: str


class Finished(Struct, frozen=True, tag="finished", array_like=True):
    """Worker to server: a `Run` has ended.

    Attributes:
        status: 200 or what the code chose; 400 after an exception; 404 or 500 where a route returned nothing.
        result: JSON text of the value returned; empty for none (null).
        body: The answer's body where it is not `result` (a route with a content type).
        failure: JSON text of the exception object; empty for none.
    """

    call: int
    status: int
    result: bytes
    body: bytes | None
    content_type: str
    headers: Pairs
    failure: bytes
    missing: bool = False


ToWorker: TypeAlias = Begin | Run | NewLane | Interrupt | Answer | Served
FromWorker: TypeAlias = Ask | Service | Printed | Finished

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


def raw(value: Any) -> Raw:
    """A value as it stands in `arguments` and `value`."""
    return Raw(_encoder.encode(value))


def value_of(content: Raw) -> Any:
    """The plain value in a `Raw`."""
    return msgspec.msgpack.decode(content)

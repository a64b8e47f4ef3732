"""Requests to one pod over kept connections, repeated where that cannot do harm. Source: plugin-sdk.md, 4.2 and 5.

What is repeated, and after which failures:

            never reached the pod   429, 503 (refused)   502, 504, connection lost on the way
ALWAYS      yes                     yes                  yes          reads; writes that give the same result twice
IF_REFUSED  yes                     yes                  no           writes of items and edges: see outcome.py
IF_UNSENT   yes                     no                   no           mail, calls of plugins, exchanges of codes
"""

from __future__ import annotations

import enum
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx

from datapod.backoff import Backoff, asked_wait_seconds
from datapod.errors import CredentialsEnded, PodConnectionError, PodError
from datapod.request_log import hide_keys_of

_TIMEOUT = httpx.Timeout(600.0, connect=5.0)
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=60.0)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_REFUSED = frozenset({429, 503})
_UNCLEAR = frozenset({502, 504})
_CREDENTIALS_ENDED = 421
_NO_ENDPOINT = "Endpoint not found"

Result = TypeVar("Result")
Content = bytes | Callable[[], Iterator[bytes]]
"""A body, or what gives its pieces anew for each attempt."""


class Repeat(enum.Enum):
    """After which failures a request may be sent again."""

    ALWAYS = enum.auto()
    IF_REFUSED = enum.auto()
    IF_UNSENT = enum.auto()


class Transport:
    """Kept connections to one address, safe to use from several threads: each request takes a free one, or opens one."""

    def __init__(self, url: str, backoff: Backoff | None = None) -> None:
        self.url = url
        self.backoff = backoff or Backoff()
        try:
            hide_keys_of(url)
        except httpx.InvalidURL as error:
            raise PodConnectionError(url, str(error)) from error
        self._http = httpx.Client(transport=httpx.HTTPTransport(limits=_LIMITS, socket_options=_keep_alive_options()), timeout=_TIMEOUT)

    def close(self) -> None:
        self._http.close()

    def __del__(self) -> None:
        """Connections that nobody closed leave no open socket behind."""
        if "_http" in self.__dict__:
            self._http.close()

    def send(
        self, verb: str, address: str, content: Content | None = None, *, repeat: Repeat, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The pod's answer with status 200.

        Raises:
            PodError: Any other status.
            PodConnectionError: No answer, after all attempts.
        """

        def attempt() -> httpx.Response:
            body = content() if callable(content) else content
            response = self._http.request(verb, address, content=body, headers=headers)
            _check(response)
            return response

        return self._repeated(attempt, repeat)

    def download(self, address: str, content: bytes, path: Path, headers: dict[str, str]) -> None:
        """Write the answer's bytes to a file, a piece at a time. The file appears when it is whole."""

        def attempt() -> None:
            with self._http.stream("POST", address, content=content, headers=headers) as response:
                if response.status_code != 200:
                    response.read()
                    _check(response)
                descriptor, waiting = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
                try:
                    with os.fdopen(descriptor, "wb") as stream:
                        for piece in response.iter_bytes():
                            stream.write(piece)
                    Path(waiting).replace(path)
                except BaseException:
                    Path(waiting).unlink()
                    raise

        self._repeated(attempt, Repeat.ALWAYS)

    def _repeated(self, attempt: Callable[[], Result], repeat: Repeat) -> Result:
        number = 1
        while True:
            try:
                return attempt()
            except httpx.InvalidURL as error:
                raise PodConnectionError(self.url, str(error)) from error
            except httpx.TransportError as error:
                sent = not isinstance(error, _NEVER_SENT)
                if (sent and repeat is not Repeat.ALWAYS) or not self.backoff.wait(number):
                    raise PodConnectionError(self.url, str(error) or type(error).__name__, may_have_arrived=sent) from error
            except _Answered as error:
                if not (_may_repeat(error.response.status_code, repeat) and self.backoff.wait(number, _asked_wait(error.response))):
                    raise error.as_pod_error() from None
            number += 1


class _Answered(Exception):
    """An answer with another status than 200, on its way through the attempts."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response

    def as_pod_error(self) -> PodError:
        status, message = self.response.status_code, self.response.text
        if status == _CREDENTIALS_ENDED:
            return CredentialsEnded(status, message or "Plugin credentials are no longer valid")
        if status == 404 and message == _NO_ENDPOINT:
            name = self.response.url.path.split("/", 3)[-1]
            return PodError(status, f"{_NO_ENDPOINT}: this pod does not offer '{name.partition('/')[0] if 'upload' in name else name}'")
        return PodError(status, message)


def _check(response: httpx.Response) -> None:
    if response.status_code != 200:
        raise _Answered(response)


def _may_repeat(status: int, repeat: Repeat) -> bool:
    return repeat is not Repeat.IF_UNSENT and (status in _REFUSED or (status in _UNCLEAR and repeat is Repeat.ALWAYS))


def _asked_wait(response: httpx.Response) -> float | None:
    return asked_wait_seconds(response.headers.get("Retry-After"))


def is_unclear(error: PodError) -> bool:
    """Whether the pod may have carried out the request that failed like this."""
    return error.status in _UNCLEAR or (isinstance(error, PodConnectionError) and error.may_have_arrived)


def _keep_alive_options() -> list[tuple[int, int, int]]:
    """TCP keep-alive: a pod that vanished without a word is noticed although the answer may take long."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options

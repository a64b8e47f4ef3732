"""Asking a source over HTTP: login, budget, retries, and errors that say what to do next."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import httpx

from datapod.connectors.budget import RateBudget, retry_after_seconds
from datapod.connectors.errors import FatalError, LoginNeeded, RetriableError
from datapod.connectors.login import Login, NoLogin
from datapod.connectors.retrying import Retry

logger = logging.getLogger("datapod.connectors")

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_REDIRECTS = 10


class HttpSource:
    """One service. Safe to use from several threads; `close` it, or use it in a `with` statement.

    Args:
        base_url: Relative addresses are taken from here, and credentials are sent to its host only (see `trust`).
        max_bytes: Of an answer; a longer one is a FatalError, however long it would have become.
    """

    def __init__(
        self,
        base_url: str,
        login: Login | None = None,
        *,
        retry: Retry | None = None,
        budget: RateBudget | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 60.0,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.base_url = httpx.URL(base_url)
        self.login = login or NoLogin()
        self.retry = retry or Retry()
        self._budget = budget
        self._max_bytes = max_bytes
        self._trusted = {_origin(self.base_url)}
        agent = {"User-Agent": "datapod-connector"}
        self._http = httpx.Client(timeout=httpx.Timeout(timeout_seconds, connect=15.0), headers={**agent, **(headers or {})})

    def __enter__(self) -> HttpSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def trust(self, url: str | httpx.URL) -> None:
        """Send credentials to this address' host too: one that the source itself named as the place of the data."""
        self._trusted.add(_origin(self.base_url.join(url)))

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self.request("GET", url, **more)

    def request(
        self,
        method: str,
        url: str | httpx.URL,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        json: Any = None,
        follow: bool = True,
    ) -> httpx.Response:
        """The answer, if its status is below 400. Repeats what fails in passing; renews the login when it is refused.

        Args:
            follow: Go where the source redirects to; otherwise the redirect is the answer.

        Raises:
            FatalError: The source refuses (`status`), or answers with too much.
            RetriableError: It went on failing.
            LoginNeeded: It goes on refusing the login.
        """
        address = self.base_url.join(url)
        arguments = {"params": params, "content": content, "json": json}
        renewals = 0
        while True:
            response = self.retry.call(
                lambda: self._once(method, address, dict(headers or {}), arguments, follow), f"{method} {address.host}"
            )
            if response.status_code != 401:
                break
            if renewals == self.login.max_renewals:
                raise LoginNeeded(f"{address.host} refuses the login")
            self.retry.call(self.login.renew, f"renewing the login at {address.host}")
            renewals += 1
        if response.status_code >= 400:
            raise FatalError(f"{method} {_shown(address)} answered {response.status_code} {response.reason_phrase}", response.status_code)
        return response

    def _once(self, method: str, url: httpx.URL, headers: dict[str, str], arguments: dict[str, Any], follow: bool) -> httpx.Response:
        for _ in range(_MAX_REDIRECTS):
            response = self._exchange(method, url, headers, arguments)
            if not (follow and response.next_request is not None):
                return response
            url, arguments = response.next_request.url, {**arguments, "params": None}
            if response.status_code == 303:
                method, arguments = "GET", {}
        raise FatalError(f"{_shown(url)} redirects in a circle")

    def _exchange(self, method: str, url: httpx.URL, headers: dict[str, str], arguments: dict[str, Any]) -> httpx.Response:
        """One request on the wire; the answer read whole."""
        if self._budget is not None:
            self._budget.take()
        credentials = self.login.headers() if _origin(url) in self._trusted else {}
        request = self._http.build_request(method, url, headers={**headers, **credentials}, **arguments)
        try:
            response = self._http.send(request, stream=True)
            try:
                response._content = self._read(response)
            finally:
                response.close()
        except httpx.TransportError as error:
            raise RetriableError(f"{_shown(url)}: {error or type(error).__name__}") from error
        except (httpx.DecodingError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise FatalError(f"{_shown(url)}: {error}") from error
        if response.status_code in _PASSING:
            wait = retry_after_seconds(response.headers.get("Retry-After"))
            if wait is not None and self._budget is not None:
                self._budget.close_for(wait)
            raise RetriableError(f"{_shown(url)} answered {response.status_code}", wait)
        return response

    def _read(self, response: httpx.Response) -> bytes:
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > self._max_bytes:
                raise FatalError(f"{_shown(response.url)} answers with more than {self._max_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _shown(url: httpx.URL) -> str:
    """An address for messages and logs: without user, password and query, where secrets hide."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))

"""Logins at providers, for plugins that only ever see access tokens. Source: pod-protocol.md, 16; RFC 6749, 7636 (PKCE), 5849 (OAuth 1).

OAuth 2: the tokens of one platform lie in one `OauthFlow` item; when they expire, in a table beside it, since the item has no property for
that. A new refresh token is stored in the transaction before the access token is handed out. OAuth 1: nothing is stored.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from msgspec import Struct
from oauthlib import oauth1
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from datapod_server.errors import BadGateway, NotFound
from datapod_server.principal import OWNER, Principal

log = logging.getLogger("datapod.outside")

_TIMEOUT_SECONDS = 15.0
_EARLY_MS = 60_000  # a token that expires within a minute is renewed now
_REMEMBERED_SECONDS = 3600.0
_TABLE = "CREATE TABLE IF NOT EXISTS oauth_expiries (platform TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID"


class Platform(Struct, frozen=True, rename="camel"):
    """One provider, as the operator describes it."""

    version: Literal[1, 2]
    client_id: str
    client_secret: str
    token_url: str
    auth_url: str = ""
    request_token_url: str = ""

    def __repr__(self) -> str:
        return f"Platform({self.token_url})"


def read_platforms(path: Path) -> dict[str, Platform]:
    """The file of `--oauth-platforms`: a JSON object, a provider under each name.

    Raises:
        ValueError: It cannot be read, or lacks something; the text says what.
    """
    try:
        platforms = msgspec.json.decode(path.read_bytes(), type=dict[str, Platform])
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    for name, platform in platforms.items():
        needed = "authUrl" if platform.version == 2 else "requestTokenUrl"
        if not (platform.auth_url if platform.version == 2 else platform.request_token_url):
            raise ValueError(f"{path}: the platform {name} needs {needed}")
        for address in (platform.token_url, platform.auth_url, platform.request_token_url):
            if address and not _is_safe(address):
                raise ValueError(f"{path}: {address} of {name} is no https address: tokens would travel in clear")
    return platforms


class Items(Protocol):
    """What is needed of the pod's items."""

    def search(self, query: Mapping[str, Any], principal: Principal) -> list[dict[str, Any]]: ...

    def write(self, principal: Principal) -> AbstractContextManager[tuple[Any, Any]]: ...


class Database(Protocol):
    def write(self) -> AbstractContextManager[Any]: ...

    def read(self) -> AbstractContextManager[Any]: ...


class Platforms:
    """The logins of one pod. Safe to use from several threads; of two that need a new access token at once, one asks the provider."""

    def __init__(self, platforms: Mapping[str, Platform], items: Items, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._platforms = platforms
        self._items = items
        self._database = database
        self._clock = clock
        self._renewing = threading.Lock()
        self._requested: dict[str, tuple[str, float]] = {}
        if platforms:
            with database.write() as connection:
                connection.execute(_TABLE)

    def auth_url(self, name: str, scopes: str, redirect_uri: str) -> dict[str, str]:
        """Where the owner agrees, and what `authorize` needs afterwards. Raises `NotFound`."""
        platform = self._find(name, 2)
        client = WebApplicationClient(platform.client_id)
        verifier = client.create_code_verifier(64)
        challenge = client.create_code_challenge(verifier, "S256")
        state = secrets.token_urlsafe(24)
        query = {
            "response_type": "code",
            "client_id": platform.client_id,
            "redirect_uri": redirect_uri,
            "scope": scopes,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = add_params_to_uri(platform.auth_url, query.items())
        return {"authUrl": address, "pkceVerifier": verifier, "state": state}

    def authorize(self, name: str, code: str, redirect_uri: str, verifier: str | None) -> str:
        """Exchange a code for tokens and keep them; the access token. Raises `NotFound`, `BadGateway`."""
        platform = self._find(name, 2)
        client = WebApplicationClient(platform.client_id)
        body = client.prepare_request_body(
            code, redirect_uri, include_client_id=True, code_verifier=verifier, client_secret=platform.client_secret
        )
        with self._renewing:
            return self._keep(name, self._tokens(client, name, platform, body))

    def access_token(self, name: str) -> str:
        """The stored access token, renewed if it has expired. Raises `NotFound` where there is none, `BadGateway`."""
        platform = self._find(name, 2)
        with self._renewing:
            flow = self._flow(name)
            if flow is None or "accessToken" not in flow:
                raise NotFound(f"There is no login at {name} yet")
            expires = self._expires(name)
            if expires is None or self._clock() * 1000 < expires - _EARLY_MS:
                return str(flow["accessToken"])
            if "refreshToken" not in flow:
                raise NotFound(f"The login at {name} has expired: log in again")
            client = WebApplicationClient(platform.client_id)
            body = client.prepare_refresh_body(
                refresh_token=flow["refreshToken"], client_id=platform.client_id, client_secret=platform.client_secret
            )
            return self._keep(name, self._tokens(client, name, platform, body))

    def request_token(self, name: str, callback_url: str) -> dict[str, str]:
        """The first step of OAuth 1. Raises `NotFound`, `BadGateway`."""
        platform = self._find(name, 1)
        signer = oauth1.Client(platform.client_id, platform.client_secret, callback_uri=callback_url)
        answer = self._signed(name, platform.request_token_url, signer)
        now = self._clock()
        self._requested = {token: entry for token, entry in self._requested.items() if entry[1] > now}
        self._requested[answer["oauth_token"]] = (name, now + _REMEMBERED_SECONDS)
        return answer

    def exchange_verifier(self, verifier: str, token: str, token_secret: str) -> dict[str, str]:
        """The last step of OAuth 1; nothing is stored. Raises `NotFound`, `BadGateway`."""
        name = self.platform_of(token)
        platform = self._find(name, 1)
        signer = oauth1.Client(
            platform.client_id, platform.client_secret, resource_owner_key=token, resource_owner_secret=token_secret, verifier=verifier
        )
        return self._signed(name, platform.token_url, signer)

    def platform_of(self, token: str) -> str:
        """The platform that a request token of OAuth 1 came from, or the only one there is. Raises `NotFound`."""
        remembered = self._requested.get(token)
        if remembered is not None and remembered[1] > self._clock():
            return remembered[0]
        first = [name for name, platform in self._platforms.items() if platform.version == 1]
        if len(first) != 1:
            raise NotFound("This request token belongs to no platform that is configured")
        return first[0]

    def _find(self, name: str, version: int) -> Platform:
        platform = self._platforms.get(name)
        if platform is None or platform.version != version:
            raise NotFound(f"Platform {name} is not configured")
        return platform

    def _tokens(self, client: WebApplicationClient, name: str, platform: Platform, body: str) -> Mapping[str, Any]:
        answer = _post(name, platform.token_url, {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}, body)
        try:
            tokens: Mapping[str, Any] = client.parse_request_body_response(answer)
        except (OAuth2Error, Warning, ValueError) as error:
            raise BadGateway(f"{name} answered the login with an error: {error}") from error
        return tokens

    def _keep(self, name: str, tokens: Mapping[str, Any]) -> str:
        known = self._flow(name)
        properties = {"accessToken": str(tokens["access_token"])}
        if tokens.get("refresh_token"):
            properties["refreshToken"] = str(tokens["refresh_token"])
        lifetime = tokens.get("expires_in")
        with self._items.write(OWNER) as (writing, connection):
            if known is None:
                writing.create({"type": "OauthFlow", "service": name, **properties})
            else:
                writing.update({"id": known["id"], **properties})
            if lifetime is None:
                connection.execute("DELETE FROM oauth_expiries WHERE platform = ?", (name,))
            else:
                expires = int((self._clock() + float(lifetime)) * 1000)
                connection.execute("INSERT OR REPLACE INTO oauth_expiries VALUES (?, ?)", (name, expires))
        return properties["accessToken"]

    def _flow(self, name: str) -> dict[str, Any] | None:
        found = self._items.search({"type": "OauthFlow", "deleted": False, "service": name}, OWNER)
        return found[-1] if found else None

    def _expires(self, name: str) -> int | None:
        with self._database.read() as connection:
            found = connection.execute("SELECT expires FROM oauth_expiries WHERE platform = ?", (name,)).fetchone()
        return None if found is None else int(found[0])

    def _signed(self, name: str, address: str, signer: oauth1.Client) -> dict[str, str]:
        uri, headers, body = signer.sign(address, http_method="POST")
        fields = parse_qs(_post(name, uri, headers, body or ""))
        try:
            return {key: fields[key][0] for key in ("oauth_token", "oauth_token_secret")}
        except KeyError as error:
            raise BadGateway(f"{name} answered the login without {error}") from error


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))


def _post(name: str, address: str, headers: Mapping[str, str], body: str) -> str:
    try:
        answer = httpx.post(address, headers=dict(headers), content=body, timeout=_TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise BadGateway(f"{name} cannot be reached: {type(error).__name__}") from error
    if answer.status_code >= 500:
        raise BadGateway(f"{name} answered with status {answer.status_code}")
    if answer.status_code >= 400 and not answer.headers.get("content-type", "").startswith("application/json"):
        raise BadGateway(f"{name} refused the login with status {answer.status_code}")
    return answer.text

"""Logging in at an IMAP server: by user name and password, or by an access token that a provider gives and renews (OAuth 2)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode

import httpx
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from datapod.authenticators.oauth import OAuthAuthenticator
from datapod.client import PodClient
from datapod.connectors import BasicLogin, LoginNeeded, OAuthLogin
from datapod.schema import PluginRun

_NEEDED = ("authorize_url", "token_url", "client_id", "scope", "redirect_uri")


class Login(Protocol):
    """How a connection is opened for its owner."""

    def user(self) -> str: ...

    def enter(self, connection: IMAPClient) -> None:
        """Log in; raises LoginError when the server refuses."""
        ...

    def renew(self) -> None:
        """Get better credentials; raises LoginNeeded when there are none."""
        ...


class GivenLogin:
    """User name and password from the configuration."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password

    def user(self) -> str:
        return self._user

    def enter(self, connection: IMAPClient) -> None:
        connection.login(self._user, self._password)

    def renew(self) -> None:
        raise LoginNeeded(f"The server refuses user {self._user} with the password of the configuration")


class AccountLogin:
    """User name and password of the run's account; the owner is asked for what is missing or wrong."""

    def __init__(self, login: BasicLogin) -> None:
        self._login = login

    def _credentials(self) -> tuple[str, str]:
        found = self._login.credentials()
        if found is None:
            raise LoginNeeded("The run's account has no user name and password")
        return found

    def user(self) -> str:
        return self._credentials()[0]

    def enter(self, connection: IMAPClient) -> None:
        connection.login(*self._credentials())

    def renew(self) -> None:
        self._login.renew()


class TokenLogin:
    """An access token, by the mechanism XOAUTH2; the login renews it when it expires."""

    def __init__(self, user: str, login: OAuthLogin) -> None:
        self._user, self._login = user, login

    def user(self) -> str:
        return self._user

    def enter(self, connection: IMAPClient) -> None:
        token = self._login.headers()["Authorization"].removeprefix("Bearer ")
        try:
            connection.oauth2_login(self._user, token)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            raise LoginError(str(error)) from error

    def renew(self) -> None:
        self._login.renew()


class TokenProvider(OAuthAuthenticator):
    """Where access tokens for a mailbox come from: authorization code with PKCE (RFC 6749, RFC 7636).

    Args:
        provider: `authorize_url`, `token_url`, `client_id`, `scope`, `redirect_uri`, and `client_secret` where the provider wants one.

    Raises:
        ValueError: One of them is missing.
    """

    TOKEN_IN_SECRET: ClassVar[bool] = False  # the secret of a mail account is its password

    def __init__(self, client: PodClient, run: PluginRun, provider: Mapping[str, str]) -> None:
        super().__init__(client, run)
        missing = [name for name in _NEEDED if not provider.get(name)]
        if missing:
            raise ValueError(f"MailPlugin.oauth lacks {', '.join(missing)}")
        self._provider = provider
        self._verifier = secrets.token_urlsafe(48)

    def get_oauth_url(self) -> str:
        digest = hashlib.sha256(self._verifier.encode()).digest()
        query = {name: self._provider[name] for name in ("client_id", "scope", "redirect_uri")} | {
            "response_type": "code",
            "access_type": "offline",  # without it, some providers give no refresh token
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{self._provider['authorize_url']}?{urlencode(query)}"

    def get_tokens_from_code(self, code: str) -> Mapping[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._provider["redirect_uri"]}
        return self._exchange({**form, "code_verifier": self._verifier})

    def refresh_tokens(self, refreshToken: str) -> Mapping[str, Any]:  # noqa: N803 - a name of old code
        return self._exchange({"grant_type": "refresh_token", "refresh_token": refreshToken})

    def _exchange(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        own = {name: self._provider[name] for name in ("client_id", "client_secret") if self._provider.get(name)}
        answer = httpx.post(self._provider["token_url"], data={**form, **own}, timeout=30)
        answer.raise_for_status()
        return dict(answer.json())

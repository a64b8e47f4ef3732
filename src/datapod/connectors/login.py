"""Declared authentication: what a source wants to see, and where it comes from. Credentials live in the run's account, nowhere else.

NoLogin       nothing
BasicLogin    user name and password (`identifier` and `secret` of the account); the owner is asked when they are missing or wrong
OAuthLogin    a bearer token that an `OAuthAuthenticator` gets and renews; a rotated refresh token is stored before the new token is used
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from datapod.authenticators.oauth import OAuthAuthenticator
from datapod.authenticators.password import PasswordAuthenticator
from datapod.client import PodClient
from datapod.connectors.errors import LoginNeeded, RetriableError
from datapod.schema import Account, PluginRun

logger = logging.getLogger("datapod.connectors")


class Login(Protocol):
    """What `HttpSource` asks; called from the thread that makes the request."""

    max_renewals: int
    """How often `renew` may follow on one refused request."""

    def headers(self) -> Mapping[str, str]:
        """Of one request. Called before each; may ask the owner. Raises LoginNeeded."""
        ...

    def renew(self) -> None:
        """The source refused what `headers` gave last (401): get something better. Raises LoginNeeded when there is nothing."""
        ...


class NoLogin:
    """For sources that are open to everybody."""

    max_renewals = 1

    def headers(self) -> Mapping[str, str]:
        return {}

    def renew(self) -> None:
        raise LoginNeeded("The source wants a login, and the connector has none to offer")


class BasicLogin:
    """User name and password from the run's account. Also for sources that are no HTTP servers: `credentials()`.

    Args:
        optional: An account without a password sends no credentials, instead of asking the owner.
    """

    max_renewals = 3

    def __init__(self, client: PodClient, run: PluginRun, *, optional: bool = False) -> None:
        self._dialogue = PasswordAuthenticator(client, run)
        self._optional = optional
        self._renewals = 0

    def credentials(self) -> tuple[str, str] | None:
        """User name and password; None if the account has none and none are needed.

        Raises:
            LoginNeeded: The owner did not enter any in time, or cancelled.
        """
        account = self._dialogue.get_account()
        if account.identifier and account.secret:
            return account.identifier, account.secret
        return None if self._optional else self._ask()

    def renew(self) -> None:
        """What the account holds is wrong: ask the owner, at most `max_renewals` times in a run."""
        self._renewals += 1
        if self._renewals > self.max_renewals:
            raise LoginNeeded("User name and password were refused too often")
        self._ask()

    def _ask(self) -> tuple[str, str]:
        try:
            self._dialogue.request_user_credentials()
            found = self._dialogue.poll_credentials()
            self._dialogue._go_on()
        except Exception as error:
            raise LoginNeeded(f"User name and password are needed: {error}") from error
        return found

    def headers(self) -> Mapping[str, str]:
        found = self.credentials()
        if found is None:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(":".join(found).encode()).decode()}


class OAuthLogin:
    """The bearer token of the run's account, renewed when it expires or is refused.

    A refresh token that the service rotates is worth nothing after its use: so both tokens are stored, in one update, before the new access
    token is used, and another run of the same account is looked for before a refresh token is spent.

    Args:
        authenticator: Its `refresh_tokens` may answer `expires_in` (seconds) besides the tokens.
    """

    max_renewals = 1
    EARLY_SECONDS = 60.0
    """A token is renewed so long before it expires."""

    def __init__(self, authenticator: OAuthAuthenticator) -> None:
        self._authenticator = authenticator
        self._expires_at: float | None = None
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            account = self._authenticator.get_account()
            if not account.accessToken:
                self._log_in()
            elif self._expires_at is not None and time.monotonic() > self._expires_at - self.EARLY_SECONDS:
                self._refresh(account)
            return {"Authorization": f"Bearer {account.accessToken}"}

    def renew(self) -> None:
        with self._lock:
            self._refresh(self._authenticator.get_account())

    def _refresh(self, account: Account) -> None:
        refused = account.accessToken
        self._authenticator.client.refresh(account, "remote")
        if account.accessToken and account.accessToken != refused:
            return  # another run renewed it meanwhile
        tokens = self._exchanged(account.refreshToken) if account.refreshToken else None
        if tokens is None:
            self._log_in()
            return
        self.store(tokens)

    def _exchanged(self, refresh_token: str) -> Mapping[str, Any] | None:
        try:
            tokens = self._authenticator.refresh_tokens(refresh_token)
        except httpx.TransportError as error:
            raise RetriableError(f"The token could not be renewed: {error or type(error).__name__}") from error
        except RetriableError:
            raise  # the refresh token may be good all the same
        except Exception as error:  # noqa: BLE001 - the author's code says "cannot refresh" by any exception
            logger.warning("the refresh token is no good any more: %s", error)
            return None
        return tokens if tokens and tokens.get("access_token") else None

    def store(self, tokens: Mapping[str, Any]) -> None:
        """Write the tokens to the account, all in one update.

        Raises:
            LoginNeeded: The pod did not take them; using them all the same would lose the rotated refresh token with this process.
        """
        account = self._authenticator.get_account()
        account.accessToken = str(tokens["access_token"])
        if self._authenticator.TOKEN_IN_SECRET:
            account.secret = account.accessToken
        if tokens.get("refresh_token"):
            account.refreshToken = str(tokens["refresh_token"])
        client = self._authenticator.client
        if not client.update_item(account):
            raise LoginNeeded(f"The renewed tokens could not be stored: {client.last_error}")
        expires_in = tokens.get("expires_in")
        self._expires_at = time.monotonic() + float(expires_in) if expires_in else None

    def _log_in(self) -> None:
        self._authenticator.get_account().accessToken = None  # what is stored was refused
        self._authenticator.get_account().refreshToken = None
        try:
            self._authenticator.authenticate()
            self._expires_at = self._authenticator.expires_at
        except Exception as error:
            raise LoginNeeded(f"A login at the service is needed: {error}") from error

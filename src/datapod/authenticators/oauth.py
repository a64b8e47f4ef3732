"""OAuth: the user logs in at the service, the front end brings back a code, the plugin exchanges it for tokens.

Source: plugin-sdk.md, 9.2.
"""

from __future__ import annotations

import abc
import logging
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from datapod.authenticators.dialogue import Authenticator, LoginCancelled
from datapod.client import PodClient
from datapod.errors import PodError
from datapod.schema import PluginRun

logger = logging.getLogger("datapod.authenticators")

Tokens = Mapping[str, Any]


class OAuthAuthenticator(Authenticator, abc.ABC):
    """Implement `get_oauth_url`, `get_tokens_from_code` and `refresh_tokens`; call `authenticate`.

    Afterwards the run's account holds the token as `accessToken` and, for old code, as `secret`.
    """

    TOKEN_IN_SECRET: ClassVar[bool] = True
    EARLY_SECONDS: ClassVar[float] = 60.0
    """`access_token` renews a token so long before it expires."""

    def __init__(self, client: PodClient, pluginRun: PluginRun) -> None:  # noqa: N803 - a name of old code
        super().__init__(client, pluginRun)
        self.expires_at: float | None = None
        """When the token expires (`time.monotonic()`); None: unknown. From `expires_in` (seconds) among the tokens."""

    @abc.abstractmethod
    def get_oauth_url(self) -> str:
        """The address that the user must visit."""

    @abc.abstractmethod
    def get_tokens_from_code(self, code: str) -> Tokens:
        """Exchange a code: `access_token` and perhaps `refresh_token`."""

    @abc.abstractmethod
    def refresh_tokens(self, refreshToken: str) -> Tokens:  # noqa: N803 - a name of old code
        """Exchange a refresh token likewise; an exception or an empty answer means that the user must log in again."""

    def verify_access_token(self, token: str) -> Any:
        """Whether a stored token is still good; by default it is not trusted."""
        return False

    def get_api_instance(self) -> Any:
        """A client of the service, for the author's own use."""
        return None

    def authenticate(self) -> None:
        """Make sure that the account holds a usable token, asking the user if need be.

        Raises:
            Exception: The front end cancelled the login, or the service gave no token for the code.
            RuntimeError: The user did not log in in time.
            PodError: The pod did not store the tokens.
        """
        account = self.get_account()
        if account.accessToken and self.verify_access_token(account.accessToken):
            if self.TOKEN_IN_SECRET and not account.secret:
                self._write_account(secret=account.accessToken)
            return
        tokens = self._refreshed(account.refreshToken) if account.refreshToken else None
        if tokens is None:
            code = "dummy_code" if self.isTest else self._code_from_user()
            tokens = self._exchanged(code)
        self.store_tokens(tokens)

    def access_token(self) -> str:
        """The account's token, renewed when it is about to expire; the user is asked when it can be renewed no more.

        Raises:
            As `authenticate`.
        """
        account = self.get_account()
        if not account.accessToken:
            self.authenticate()
        elif self.expires_at is not None and time.monotonic() > self.expires_at - self.EARLY_SECONDS:
            account.accessToken = None  # else `verify_access_token` might take it once more
            self.authenticate()
        return str(account.accessToken)

    def _exchanged(self, code: str) -> Tokens:
        """The tokens for a code, which is good once: whatever comes of it, it is not kept."""
        self.get_account().code = None
        tokens: Tokens | None = None
        try:
            tokens = self.get_tokens_from_code(code)
        finally:
            if not tokens or not tokens.get("access_token"):
                self._write_account()
        if not tokens or not tokens.get("access_token"):
            raise Exception("Error in plugin.authenticators.oauth: the service gave no access token for the code")
        return tokens

    def _refreshed(self, refresh_token: str) -> Tokens | None:
        try:
            tokens = self.refresh_tokens(refresh_token)
        except Exception as error:  # noqa: BLE001 - the author's code says "cannot refresh" by any exception
            # Some libraries put the address, and some services want the token in it.
            logger.warning("refreshing the token failed, the user is asked to log in: %s", str(error).replace(refresh_token, "***"))
            return None
        return tokens if tokens and tokens.get("access_token") else None

    def _code_from_user(self) -> str:
        code = self.present_url_to_user(self.get_oauth_url())
        return code if code is not None else self.poll_for_code()

    def present_url_to_user(self, url: str) -> Any:
        """Show the address; an override may wait and return the code itself."""
        self._write_run(authUrl=url)
        self._ask()

    def poll_for_code(self) -> str:
        """The code that the front end wrote into the account."""
        deadline = self._deadline()
        while True:
            try:
                self._wait_until_ready(deadline)
            except LoginCancelled as error:
                raise Exception(f"Error in plugin.authenticators.oauth {error}") from error
            except TimeoutError as error:
                raise self._fail(str(error)) from error
            code = self.get_account().code
            if code:
                return code
            self._ask()

    def store_tokens(self, tokens: Tokens) -> None:
        """Write the tokens to the account, in one update, and let the run go on; a missing refresh token keeps the old one.

        Raises:
            PodError: The pod did not take them. Using them all the same would lose a rotated refresh token with this process.
        """
        token = tokens["access_token"]
        values = {"accessToken": token}
        if self.TOKEN_IN_SECRET:
            values["secret"] = token
        if tokens.get("refresh_token"):
            values["refreshToken"] = tokens["refresh_token"]
        if not self._write_account(**values):
            raise PodError(None, f"The tokens could not be stored: {self.client.last_error}")
        expires_in = tokens.get("expires_in")
        self.expires_at = time.monotonic() + float(expires_in) if expires_in else None
        self._go_on()

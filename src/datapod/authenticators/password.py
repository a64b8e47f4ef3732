"""User name and password, asked for through the front end. Source: plugin-sdk.md, 9.3.

Two protocols in one class: `get_token` implemented by a sub-class (founding code), or a callback given to `authenticate`.
Outside of test mode a password is never printed or logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from datapod.authenticators.dialogue import Authenticator
from datapod.client import PodClient
from datapod.states import RUN_USER_ACTION_COMPLETED
from datapod.views import get_default_cvu

TOO_OFTEN = "Reached max login attempts."


class PasswordAuthenticator(Authenticator):
    """`token = PasswordAuthenticator(client, run).authenticate()`; set `isTest` to try it without a front end."""

    DEFAULT_CVU: ClassVar[str] = "password_auth.cvu"
    MAX_LOGIN_ATTEMPTS: ClassVar[int] = 3

    def get_token(self, username: str, password: str) -> Any:
        """A token for these credentials, or something falsy when they are wrong. Sub-classes implement it."""
        if self.isTest:
            return "dummy_token"
        raise NotImplementedError("implement get_token(username, password), or pass a callback to authenticate")

    def authenticate(self, login_callback: Callable[[str, str], Any] | None = None) -> Any:
        """The token of a successful login, or the callback's result.

        Raises:
            RuntimeError: The credentials were wrong too often, or none came in time.
        """
        return self._authenticate_by_token() if login_callback is None else self._authenticate_by_callback(login_callback)

    def _authenticate_by_token(self) -> Any:
        account = self.get_account()
        if account.identifier and account.secret:
            token = self._try(account.identifier, account.secret)
            if token:
                return token
        for _ in range(self.MAX_LOGIN_ATTEMPTS):
            identifier, secret = ("username", "password") if self.isTest else self._credentials_from_user()
            token = self._try(identifier, secret)
            if token:
                self._write_account(identifier=identifier, secret=secret)
                if not self.isTest:
                    self._go_on()
                return token
        raise self._fail(TOO_OFTEN)

    def _try(self, identifier: str, secret: str) -> Any:
        if self.isTest:
            print(f"logging in with account {identifier} and password {secret}", flush=True)
        return self.get_token(identifier, secret)

    def _authenticate_by_callback(self, login_callback: Callable[[str, str], Any]) -> Any:
        for attempt in range(1, self.MAX_LOGIN_ATTEMPTS + 1):
            identifier, secret = self._credentials_from_user()
            try:
                result = login_callback(identifier, secret)
            except Exception as error:  # noqa: BLE001 - the author's code says "wrong credentials" by any exception
                print("Login failed, invalid credentials.", flush=True)
                print(f"ERROR: {error}", flush=True)
                remaining = self.MAX_LOGIN_ATTEMPTS - attempt
                self._write_account(errorMessage=f"{TOO_OFTEN} {remaining} attempts remaining")
            else:
                self._go_on()
                return result
        raise self._fail(TOO_OFTEN)

    def _credentials_from_user(self) -> tuple[str, str]:
        self.request_user_credentials()
        return self.poll_credentials()

    def request_user_credentials(self) -> None:
        """Show the view that asks for name and password, once per run, and wait for the user."""
        if not self.pluginRun.view:
            view = get_default_cvu(self.DEFAULT_CVU)
            edge = self.pluginRun.add_edge("view", view)
            self.client.bulk_action(create_items=[view], create_edges=[edge])
        self._ask()

    def poll_credentials(self) -> tuple[str, str]:
        """Name and password as the front end wrote them into the account."""
        try:
            self._wait_until_ready(self._deadline())
        except TimeoutError as error:
            raise self._fail(str(error)) from error
        account = self.get_account()
        return account.identifier or "", account.secret or ""


def set_account_credentials(pod_client: PodClient, run_id: str, username: str, password: str) -> None:
    """Play the front end: the account first, then the run's status, so that the plugin never reads stale credentials."""
    run: Any = pod_client.get(run_id)
    print(f"Setting username and password for {run_id}'s Account'", flush=True)
    account = run.account[0]
    account.identifier = username
    account.secret = password
    pod_client.update_item(account)
    run.status = RUN_USER_ACTION_COMPLETED
    pod_client.update_item(run)

"""Asking the user's front end for something, and waiting for the answer, over the run and its account.

The plugin asks by status `userActionNeeded`; the front end changes the account first and then sets the run's status to `ready`.
Updates are partial: neither side overwrites the other's properties. Source: plugin-sdk.md, 9.1.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, ClassVar

from datapod.client import PodClient
from datapod.errors import PodError
from datapod.schema import Account, PluginRun
from datapod.states import RUN_FAILED, RUN_STARTED, RUN_USER_ACTION_COMPLETED, RUN_USER_ACTION_NEEDED, canonical_state

logger = logging.getLogger("datapod.authenticators")


class LoginCancelled(Exception):
    """The front end set the run's status to `error` while the plugin was waiting."""


class Authenticator:
    """What the dialogues share. `pluginRun` stays one object: the plugin sees every change on its own `self.pluginRun`."""

    SLEEP_INTERVAL: ClassVar[float] = 1.0
    """Seconds between two looks at the run."""
    MAX_POLL_TIME: ClassVar[float] = 600
    """Seconds to wait for the user; 0 waits for ever."""

    def __init__(self, client: PodClient, pluginRun: PluginRun) -> None:  # noqa: N803 - a name of old code
        self.client = client
        self.pluginRun = pluginRun
        self.isTest = False

    def get_account(self) -> Account:
        """The account of the run; made and linked if there is none.

        Raises:
            PodError: The account could not be written.
        """
        if not self.pluginRun.account:
            self.client.expand(self.pluginRun)
        if not self.pluginRun.account:
            account = Account(service=self.pluginRun.pluginName)
            edge = self.pluginRun.add_edge("account", account)
            if not self.client.bulk_action(create_items=[account], create_edges=[edge]):
                raise PodError(None, f"The run's account could not be created: {self.client.last_error}")
        return self.pluginRun.account[0]

    def _write_run(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.pluginRun, name, value)
        self.client.update_item(self.pluginRun)

    def _write_account(self, **values: Any) -> bool:
        """Write these values, and what else changed locally; whether the pod took them."""
        account = self.get_account()
        for name, value in values.items():
            setattr(account, name, value)
        return self.client.update_item(account)

    def _ask(self) -> None:
        self._write_run(status=RUN_USER_ACTION_NEEDED)

    def _go_on(self) -> None:
        self._write_run(status=RUN_STARTED, authUrl=None)

    def _fail(self, message: str) -> RuntimeError:
        """Note the failure in the run and the account; returns the error to raise."""
        self._write_account(errorMessage=message)
        self._write_run(status=RUN_FAILED, error=message)
        return RuntimeError(message)

    def _wait_until_ready(self, deadline: float | None) -> None:
        """Look at the run until the front end says `ready`, then read the account.

        Raises:
            LoginCancelled: The front end set `error`.
            TimeoutError: The deadline passed.
        """
        pause = threading.Event()
        while True:
            self.client.refresh(self.pluginRun, "remote")
            status = canonical_state(self.pluginRun.status)
            if status == RUN_USER_ACTION_COMPLETED:
                self.client.refresh(self.get_account(), "remote")
                return
            if status == RUN_FAILED:
                raise LoginCancelled(self.pluginRun.error or "the login was cancelled")
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError("Stop polling, max time reached.")
            logger.debug("run %s is %s, waiting for the user", self.pluginRun.id, status)
            pause.wait(self.SLEEP_INTERVAL)

    def _deadline(self) -> float | None:
        return time.monotonic() + self.MAX_POLL_TIME if self.MAX_POLL_TIME else None

"""The front end of password logins, played at a terminal while a plugin is developed. Source: plugin-sdk.md, 9.6."""

from __future__ import annotations

import getpass
import threading
from typing import Any

from datapod.authenticators.password import set_account_credentials
from datapod.cli.access import access_with_keys
from datapod.cli.options import NOT_PASSED
from datapod.states import RUN_COMPLETED, RUN_FAILED, RUN_USER_ACTION_NEEDED, canonical_state

_PAUSE_SECONDS = 1.0


def run_password_simulator(
    database_key: str | None = None, owner_key: str | None = None, run_id: str | None = None, pod_full_address: str | None = NOT_PASSED
) -> None:
    """Ask for name and password whenever the run wants them, until the run has ended.

    Raises:
        ValueError: No run is named, or there is no such run.
    """
    from datapod.client import PodClient

    if not run_id:
        raise ValueError("Name the run: run_password_simulator(run_id=...)")
    access = access_with_keys(pod_full_address, database_key, owner_key)
    client = PodClient(url=access.address, owner_key=access.owner_key, database_key=access.database_key)
    print("FRONTEND PASSWORD SIMULATOR", flush=True)
    pause = threading.Event()
    while True:
        run: Any = client.get(run_id, expanded=False)
        status = canonical_state(run.status)
        if status in (RUN_FAILED, RUN_COMPLETED):
            return
        if status == RUN_USER_ACTION_NEEDED:
            username = input("Enter username: ")
            set_account_credentials(client, run_id, username, getpass.getpass("Enter password: "))
            print("Done authenticating", flush=True)
        pause.wait(_PAUSE_SECONDS)

"""`simulate_enter_credentials`: play the front end of a password login. Source: plugin-sdk.md, 10.4 and 11.5."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from datapod.cli.access import access_with_keys
from datapod.cli.options import NOT_PASSED, CommandOption, WrongUsage, parse, run_command
from datapod.keyfile import plugin_folder

OPTIONS = (
    CommandOption("run_id", str, "Run that waits for credentials; the plugin's newest one if left out."),
    CommandOption("plugin", str, "Plugin whose credentials.json holds name and password; asked for if left out."),
    CommandOption("pod_full_address", str, "The pod full address; http://localhost:3030 if left out."),
    CommandOption("database_key", str, "Database key of the pod; that of the key file if left out."),
    CommandOption("owner_key", str, "Owner key of the pod; that of the key file if left out."),
)


def simulate_enter_credentials(
    run_id: str | None = None,
    plugin: str | None = None,
    pod_full_address: str | None = NOT_PASSED,
    database_key: str | None = None,
    owner_key: str | None = None,
) -> None:
    """Write name and password into the account of a run, and tell the run that they are there."""
    from datapod.authenticators.password import set_account_credentials
    from datapod.client import PodClient

    if run_id is None:
        run_id = _newest_run(plugin)
    if plugin is not None:
        username, password = _stored(plugin)
    else:
        username = input(f"Enter username for service used by {run_id}: ")
        password = getpass.getpass("Enter password: ")
    access = access_with_keys(pod_full_address, database_key, owner_key)
    client = PodClient(url=access.address, owner_key=access.owner_key, database_key=access.database_key)
    set_account_credentials(client, run_id, username, password)


def read_username_password(plugin: str) -> tuple[str, str]:
    """Name and password that a developer wrote into `plugins/<plugin>/credentials.json` of the home folder."""
    entries = json.loads((plugin_folder() / plugin / "credentials.json").read_text(encoding="utf-8"))
    return entries["username"], entries["password"]


def _stored(plugin: str) -> tuple[str, str]:
    try:
        return read_username_password(plugin)
    except (OSError, ValueError, KeyError) as error:
        print(error)
        raise SystemExit(
            f"Could not find credentials for plugin {plugin}, if you don't want to set those locally remove the --plugin arg. Exiting"
        ) from error


def _newest_run(plugin: str | None) -> str:
    from datapod.driver import run_info_path

    if plugin is None:
        raise WrongUsage("Pass --run_id, or --plugin for the newest run of a plugin")
    path: Path = run_info_path(plugin)
    print(f"Reading run id from {path}", flush=True)
    return str(json.loads(path.read_text(encoding="utf-8"))["id"])


def command(argv: Sequence[str]) -> int:
    """The command line: `simulate_enter_credentials`, and `datapod plugin credentials`."""
    options = parse("simulate_enter_credentials", "Enter user name and password for a waiting run.", OPTIONS, argv)
    return run_command(lambda: simulate_enter_credentials(**options))


def main() -> int:
    return command(sys.argv[1:])

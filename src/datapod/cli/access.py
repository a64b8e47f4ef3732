"""Which pod a command talks to and with which keys: passed, from the environment, or from the key file.

Source: plugin-sdk.md, 11.2, the table "Where each value comes from".
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NamedTuple

from datapod.api import default_pod_address
from datapod.cli.options import NOT_PASSED
from datapod.keyfile import read_pod_key

FULL_ADDRESS = "POD_FULL_ADDRESS"
TARGET_ITEM = "POD_TARGET_ITEM"
PLUGINRUN_ID = "POD_PLUGINRUN_ID"
OWNER_KEY = "POD_OWNER"
AUTH_JSON = "POD_AUTH_JSON"
PLUGIN_DNS = "PLUGIN_DNS"


class Access(NamedTuple):
    """Address and credentials; exactly one of `database_key` and `auth_json` is set. The text form shows no key."""

    address: str
    owner_key: str
    database_key: str | None
    auth_json: dict[str, Any] | None

    def __repr__(self) -> str:
        return f"Access({self.address})"


def was_passed(value: Any) -> bool:
    return value is not NOT_PASSED and value is not None


def access_with_keys(address: Any, database_key: Any, owner_key: Any) -> Access:
    """Keys as passed, else from the key file: the database key first, and only those that are missing."""
    database = database_key if was_passed(database_key) else read_pod_key("database_key")
    owner = owner_key if was_passed(owner_key) else read_pod_key("owner_key")
    return Access(address_of(address), owner, database, None)


def access_from_environment(address: Any, database_key: Any, owner_key: Any) -> Access:
    """What the pod gave to the process that it started; passed values win, one by one.

    The credentials are removed from the environment, so that the plugin's code does not see them.
    """
    place = address if was_passed(address) else os.environ.get(FULL_ADDRESS) or default_pod_address()
    owner = owner_key if was_passed(owner_key) else needed(OWNER_KEY)
    auth = None if was_passed(database_key) else json_variable(AUTH_JSON)
    os.environ.pop(AUTH_JSON, None)
    return Access(place, owner, database_key if was_passed(database_key) else None, auth)


def address_of(address: Any) -> str:
    return address if was_passed(address) else default_pod_address()


def needed(name: str) -> str:
    """A variable that must be there; otherwise the command fails."""
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"Missing parameter: '{name}'")
    return value


def json_variable(name: str) -> dict[str, Any]:
    """A variable that holds a JSON object; otherwise the command fails, naming the variable."""
    try:
        value = json.loads(needed(name))
    except ValueError as error:
        raise SystemExit(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SystemExit(f"{name} is no JSON object")
    return value


def run_id_from_environment() -> str:
    """Id of the run that the pod started this process for."""
    if os.environ.get(TARGET_ITEM):
        target = json_variable(TARGET_ITEM)
        print(target, flush=True)
    run_id = os.environ.get(PLUGINRUN_ID)
    if run_id:
        return run_id
    target = json_variable(TARGET_ITEM)
    if not isinstance(target.get("id"), str):
        raise SystemExit(f"{TARGET_ITEM} holds no 'id'")
    return str(target["id"])


def print_access(access: Access) -> None:
    """The lines of the founding document, in their order."""
    if os.environ.get(PLUGIN_DNS):
        print(f"Plugin accessible via {os.environ[PLUGIN_DNS]}:8080")
    print(f"pod_full_address={access.address}")
    print(f"owner_key={access.owner_key}")
    sys.stdout.flush()

"""Datapod's SDK: what plugin authors and users import. Every name below is imported when it is first used.

item.py, edge.py       items, and the edges between them; declaration.py reads what a class declares
schema/                the built-in item types
api.py                 the pod protocol, one method per end point; request_log.py keeps keys out of the HTTP library's log
store.py               the local store: one Python object per item
client.py              `PodClient`: items in, items out; registration.py tells the pod about types; bulk.py cuts batches
plugin.py, driver.py   what a plugin is, and how a run of it goes; listeners.py watches for abort
authenticators/        login dialogues over items
connectors/            the kit for plugins that import; plugins/ has those that ship
cli/                   the command lines
connection.py          `connect` and `open`: the /v1 side of a pod, far or in this process
compat.py              old module paths, under the name `pymemri` only
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datapod import schema as schema
    from datapod.api import PodAPI as PodAPI
    from datapod.authenticators.code_flow import CodeFlowAuthenticator as CodeFlowAuthenticator
    from datapod.authenticators.oauth import OAuthAuthenticator as OAuthAuthenticator
    from datapod.authenticators.password import PasswordAuthenticator as PasswordAuthenticator
    from datapod.cli.keys import store_keys as store_keys
    from datapod.cli.run_plugin import run_plugin as run_plugin
    from datapod.cli.simulate import simulate_run_plugin_from_frontend as simulate_run_plugin_from_frontend
    from datapod.client import PodClient as PodClient
    from datapod.connection import connect as connect
    from datapod.connection import open as open  # noqa: A004 - read as `datapod.open`
    from datapod.edge import Edge as Edge
    from datapod.edge import EdgeList as EdgeList
    from datapod.endpoints import register_endpoint as register_endpoint
    from datapod.errors import PluginError as PluginError
    from datapod.errors import PodConnectionError as PodConnectionError
    from datapod.errors import PodError as PodError
    from datapod.errors import SchemaConflict as SchemaConflict
    from datapod.errors import ValidationError as ValidationError
    from datapod.item import Item as Item
    from datapod.item import ItemBase as ItemBase
    from datapod.plugin import PluginBase as PluginBase
    from datapod.query import Query as Query
    from datapod.registration import SchemaMeta as SchemaMeta
    from datapod.schema import Account as Account
    from datapod.schema import CVUStoredDefinition as CVUStoredDefinition
    from datapod.schema import Dataset as Dataset
    from datapod.schema import File as File
    from datapod.schema import Photo as Photo
    from datapod.schema import PluginRun as PluginRun
    from datapod.states import RUN_ABORTED as RUN_ABORTED
    from datapod.states import RUN_AUTHENTICATED as RUN_AUTHENTICATED
    from datapod.states import RUN_COMPLETED as RUN_COMPLETED
    from datapod.states import RUN_DAEMON as RUN_DAEMON
    from datapod.states import RUN_FAILED as RUN_FAILED
    from datapod.states import RUN_IDLE as RUN_IDLE
    from datapod.states import RUN_INITIALIZED as RUN_INITIALIZED
    from datapod.states import RUN_STARTED as RUN_STARTED
    from datapod.states import RUN_USER_ACTION_COMPLETED as RUN_USER_ACTION_COMPLETED
    from datapod.states import RUN_USER_ACTION_NEEDED as RUN_USER_ACTION_NEEDED
    from datapod.store import DB as DB
    from datapod.store import Priority as Priority
    from datapod.triggers import TriggerPluginBase as TriggerPluginBase

    __version__: str

_HOMES = {
    "datapod.api": ("PodAPI",),
    "datapod.authenticators.code_flow": ("CodeFlowAuthenticator",),
    "datapod.authenticators.oauth": ("OAuthAuthenticator",),
    "datapod.authenticators.password": ("PasswordAuthenticator",),
    "datapod.cli.keys": ("store_keys",),
    "datapod.cli.run_plugin": ("run_plugin",),
    "datapod.cli.simulate": ("simulate_run_plugin_from_frontend",),
    "datapod.client": ("PodClient",),
    "datapod.connection": ("connect", "open"),
    "datapod.edge": ("Edge", "EdgeList"),
    "datapod.endpoints": ("register_endpoint",),
    "datapod.errors": ("PluginError", "PodConnectionError", "PodError", "SchemaConflict", "ValidationError"),
    "datapod.item": ("Item", "ItemBase"),
    "datapod.plugin": ("PluginBase",),
    "datapod.query": ("Query",),
    "datapod.registration": ("SchemaMeta",),
    "datapod.schema": ("Account", "CVUStoredDefinition", "Dataset", "File", "Photo", "PluginRun"),
    "datapod.states": (
        "RUN_ABORTED",
        "RUN_AUTHENTICATED",
        "RUN_COMPLETED",
        "RUN_DAEMON",
        "RUN_FAILED",
        "RUN_IDLE",
        "RUN_INITIALIZED",
        "RUN_STARTED",
        "RUN_USER_ACTION_COMPLETED",
        "RUN_USER_ACTION_NEEDED",
    ),
    "datapod.store": ("DB", "Priority"),
    "datapod.triggers": ("TriggerPluginBase",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "schema", "__version__"])


def __getattr__(name: str) -> Any:
    """Import a name's module when the name is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("datapod")
    elif name == "schema":
        value = importlib.import_module("datapod.schema")
    elif name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module 'datapod' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

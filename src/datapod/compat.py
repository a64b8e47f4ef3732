"""Old module paths, under the name `pymemri` only: one table, from old module to the things that stand elsewhere today.

`install_pymemri_alias` puts an import hook in place that makes these modules when they are imported. Source: plugin-sdk.md, 1.2 and 1.4.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

OLD_NAME = "pymemri"

_SCHEMA = "datapod.schema:*"
_BASE = "datapod.item:Item,ItemBase datapod.edge:Edge,EdgeList"
_COMMANDS = "datapod.cli.run_plugin:run_plugin datapod.cli.simulate:simulate_run_plugin_from_frontend datapod.cli.keys:store_keys"
_ENVIRONMENT = (
    "datapod.cli.access:FULL_ADDRESS=POD_FULL_ADDRESS_ENV,TARGET_ITEM=POD_TARGET_ITEM_ENV,OWNER_KEY=POD_OWNER_KEY_ENV,"
    "AUTH_JSON=POD_AUTH_JSON_ENV,PLUGIN_DNS=POD_PLUGIN_DNS_ENV"
)
_STATES = (
    "datapod.states:RUN_IDLE,RUN_INITIALIZED,RUN_STARTED,RUN_USER_ACTION_NEEDED,RUN_USER_ACTION_COMPLETED,RUN_AUTHENTICATED,RUN_COMPLETED,"
    "RUN_FAILED,RUN_ABORTED,RUN_DAEMON"
)
_CREDENTIALS = "datapod.cli.credentials:simulate_enter_credentials"

OLD_MODULES: dict[str, str] = {
    "data.itembase": f"{_BASE} datapod.item:ALL_EDGES",
    "data.schema": f"{_BASE} {_SCHEMA}",
    "data.schema.schema": f"{_BASE} {_SCHEMA} datapod.registration:SchemaMeta,ItemSchema",
    "data.schema.itembase": f"{_BASE} datapod.registration:SchemaMeta,ItemSchema",
    "data.photo": "datapod.schema:Photo",
    "data.dataset": "datapod.schema:Dataset datapod.old_files:filter_rows",
    "data.basic": "datapod.old_files:read_json,write_json,read_file,unzip,HOME_DIR",
    "data.oauth": "datapod.schema:OauthFlow",
    "pod.client": "datapod.client:PodClient datapod.examples.example_schema:Dog "
    "datapod.api:DEFAULT_POD_ADDRESS,POD_VERSION datapod.errors:PodError",
    "pod.api": "datapod.api:PodAPI,DEFAULT_POD_ADDRESS,POD_VERSION,allowed_addresses()=POD_ALLOWED_ORIGINS datapod.errors:PodError",
    "pod.graphql_utils": "datapod.graph_query:GQLQuery",
    "pod.db": "datapod.store:DB,Priority",
    "pod.utils": "datapod.keyfile:read_pod_key,key_file_path()=DEFAULT_POD_KEY_PATH,home_folder()=PYMEMRI_FOLDER,"
    "key_folder()=POD_KEYS_FULL_FOLDER,KEY_FOLDER_NAME=POD_KEYS_FOLDER,KEY_FILE_NAME=POD_KEYS_FILENAME",
    "plugin.pluginbase": "datapod.plugin:PluginBase datapod.errors:PluginError datapod.examples.example_plugin:ExamplePlugin "
    "datapod.driver:get_plugin_cls,run_plugin_from_run_id,write_run_info,parse_config "
    "datapod.description:parse_metadata,create_run_expanded "
    f"{_COMMANDS} {_ENVIRONMENT}",
    "plugin.cli": _COMMANDS,
    "plugin.constants": _ENVIRONMENT,
    "plugin.schema": "datapod.schema:Account,PluginRun",
    "plugin.states": _STATES,
    "plugin.listeners": "datapod.listeners:StatusListener,StatusListener=PluginRunStatusListener,PodHTTPStatusListener,"
    "get_abort_plugin_listener,get_pod_restart_listener,force_exit_callback",
    "plugin.authenticators.oauth": "datapod.authenticators.oauth:OAuthAuthenticator datapod.examples.plugins:ExampleOAuthAuthenticator",
    "plugin.authenticators.password": "datapod.authenticators.password:PasswordAuthenticator,set_account_credentials "
    f"datapod.examples.plugins:ExamplePasswordAuthenticator {_CREDENTIALS}",
    "plugin.authenticators.credentials": "datapod.cli.credentials:read_username_password datapod.keyfile:plugin_folder()=PLUGIN_DIR",
    "plugin.trigger_plugin_base": "datapod.triggers:TriggerPluginBase",
    "webserver.public_api": "datapod.endpoints:register_endpoint,ENDPOINT_METADATA",
    "webserver.models.trigger": "datapod.triggers:TriggerRequest=TriggerReq",
    "cvu.utils": "datapod.views:get_default_cvu,list_default_cvus,CVU_BASE_PATH",
    "exporters.exporters": "datapod.query:Query",
    "importers.importer": "datapod.importers:ImporterBase",
    "importers.util": "datapod.importers:batch",
    "indexers.indexer": "datapod.importers:IndexerBase",
    "client_simulator.password_simulator": "datapod.cli.password_simulator:run_password_simulator",
    "template.formatter": "datapod.cli.template:plugin_from_template",
    "template.config": "datapod.cli.form:create_config,create_plugin_config",
    "test_utils": "datapod.old_files:get_ci_variables,get_project_root",
    "examples.example_plugin": "datapod.examples.example_plugin:ExamplePlugin",
    "examples.example_schema": "datapod.examples.example_schema:Dog",
    "examples.plugins": "datapod.examples.plugins:*",
}
"""Old module (below `pymemri`) to places of today: `module:name,name=old name,function()=old name`; `*` stands for all of the module."""


class _OldModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `pymemri` and its sub-modules in the table."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != OLD_NAME and not fullname.startswith(f"{OLD_NAME}."):
            return None
        below = fullname[len(OLD_NAME) + 1 :]
        is_package = any(old.startswith(f"{below}.") or not below for old in OLD_MODULES)
        if not is_package and below not in OLD_MODULES:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=is_package, origin="datapod.compat")

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        places = OLD_MODULES.get(module.__name__[len(OLD_NAME) + 1 :], "")
        names = _names(places)
        module.__dict__["__all__"] = sorted(names)

        def find(name: str) -> Any:
            if name not in names:
                raise AttributeError(f"module '{module.__name__}' has no attribute '{name}'")
            home, today = names[name]
            found = getattr(importlib.import_module(home), today.removesuffix("()"))
            return found() if today.endswith("()") else found

        module.__dict__["__getattr__"] = find


def _names(places: str) -> dict[str, tuple[str, str]]:
    """Old name to module and name of today."""
    names: dict[str, tuple[str, str]] = {}
    for place in places.split():
        home, _, entries = place.partition(":")
        if entries == "*":
            module = importlib.import_module(home)
            listed = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
            names.update({name: (home, name) for name in listed})
            continue
        for entry in entries.split(","):
            today, _, old = entry.partition("=")
            names[old or today] = (home, today)
    return names


def install_pymemri_alias() -> bool:
    """Make `pymemri` importable, unless the real package is installed. True if the alias stands afterwards."""
    if any(isinstance(finder, _OldModules) for finder in sys.meta_path):
        return True
    if OLD_NAME in sys.modules or importlib.util.find_spec(OLD_NAME) is not None:
        return False
    sys.meta_path.append(_OldModules())
    return True

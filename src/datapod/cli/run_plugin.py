"""`run_plugin`: run a plugin in this process. As a function it never looks at `sys.argv`. Source: plugin-sdk.md, 11.2."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datapod.cli.access import (
    TARGET_ITEM,
    Access,
    access_from_environment,
    access_with_keys,
    print_access,
    run_id_from_environment,
    was_passed,
)
from datapod.cli.options import NOT_PASSED, CommandOption, WrongUsage, parse, run_command

OPTIONS = (
    CommandOption("pod_full_address", str, "The pod full address; http://localhost:3030 if left out."),
    CommandOption("plugin_run_id", str, "Run id of the plugin to be executed."),
    CommandOption("database_key", str, "Database key of the pod; that of the key file if left out."),
    CommandOption("owner_key", str, "Owner key of the pod; that of the key file if left out."),
    CommandOption("read_args_from_env", bool, "Read the args from the environment."),
    CommandOption("config_file", str, "A plugin configuration, or a description of the run."),
    CommandOption("metadata", str, "A description of the run."),
)


def run_plugin(
    pod_full_address: str | None = NOT_PASSED,
    plugin_run_id: str | None = None,
    database_key: str | None = None,
    owner_key: str | None = None,
    read_args_from_env: bool = False,
    config_file: str | None = None,
    metadata: str | None = None,
) -> None:
    """Run a plugin: that of an existing run, or that which a description names. Passed arguments win over the environment.

    Raises:
        PluginError: The plugin failed; its traceback was printed and the run in the pod says so.
        WrongUsage: Nothing says which plugin to run.
    """
    run_described_plugin(pod_full_address, plugin_run_id, database_key, owner_key, read_args_from_env, config_file, metadata, None)


def run_described_plugin(
    pod_full_address: Any,
    plugin_run_id: str | None,
    database_key: Any,
    owner_key: Any,
    read_args_from_env: bool,
    config_file: str | None,
    metadata: str | None,
    plugin: str | None,
) -> None:
    """`run_plugin`, or with `plugin` (`module:Class`) a run made for that class."""
    from datapod.description import is_description, read_description, read_json_object

    config = read_json_object(config_file) if config_file else None
    described = read_json_object(metadata) if metadata else None
    if plugin:
        module, _, name = plugin.partition(":")
        described = {"pluginModule": module, "pluginName": name}
    if described is None and config is not None and is_description(config):
        described, config = config, None
    description = read_description(described) if described else None
    implicit = not (plugin_run_id or config_file or metadata or plugin) and bool(os.environ.get(TARGET_ITEM))
    from_environment = read_args_from_env or implicit
    if not (from_environment or description or plugin_run_id):
        raise WrongUsage("Nothing to run: pass --plugin_run_id, --metadata, --config_file or --read_args_from_env")
    access, run_id = _access_and_run(
        pod_full_address, database_key, owner_key, from_environment, plugin_run_id if description is None else ""
    )
    print_access(access)
    print(flush=True)
    _carry_out(access, run_id, description, config)


def _access_and_run(address: Any, database_key: Any, owner_key: Any, from_environment: bool, run_id: str | None) -> tuple[Access, str]:
    if not from_environment:
        return access_with_keys(address, database_key, owner_key), run_id or ""
    print("Reading `run_plugin()` parameters from environment variables", flush=True)
    access = access_from_environment(address, database_key, owner_key)
    return access, run_id if was_passed(run_id) and run_id is not None else run_id_from_environment()


def _carry_out(access: Access, run_id: str, description: Any, config: dict[str, Any] | None) -> None:
    from datapod.client import PodClient
    from datapod.driver import mark_failed, parse_config, run_plugin_from_run_id, stay
    from datapod.errors import PluginError, PodError
    from datapod.states import RUN_DAEMON

    client = PodClient(url=access.address, owner_key=access.owner_key, database_key=access.database_key, auth_json=access.auth_json)
    if description is not None:
        description.run.containerImage = "none"  # else the pod would start a second copy
        run_id = description.run.id
        if not _create_run(client, description):
            raise PodError(None, f"The run could not be created: {client.last_error}")
    try:
        stored = client.get(run_id, expanded=False) if config is None and description is None else None
        if config is None:
            config = parse_config(stored.config) if stored is not None else description.config if description else {}
        plugin = run_plugin_from_run_id(run_id, client, **config)
        if plugin.daemon or plugin._status == RUN_DAEMON:  # it may have taken `daemon` back while the status was written
            stay(plugin)
    except SystemExit as error:
        if error.code not in (None, 0):
            mark_failed(client, run_id, error)
        raise
    except Exception as error:
        mark_failed(client, run_id, error)
        raise PluginError("The plugin quit unexpectedly.") from error


def _create_run(client: Any, description: Any) -> bool:
    """Account, run and the edge between them, in one request."""
    items = [description.run]
    edges = []
    if description.account is not None:
        items.insert(0, description.account)
        edges.append(description.run.add_edge("account", description.account))
    return bool(client.bulk_action(create_items=items, create_edges=edges))


_LEFT_OUT: dict[str, Any] = {option.name: None for option in OPTIONS} | {
    "pod_full_address": NOT_PASSED,
    "read_args_from_env": False,
    "plugin": None,
}


def command(argv: Sequence[str]) -> int:
    """The command line: `run_plugin`, and `datapod plugin run [module:Class]`."""
    options = parse("run_plugin", "Run a plugin in this process.", OPTIONS, argv, positional="plugin")
    status = run_command(lambda: run_described_plugin(**{**_LEFT_OUT, **options}))
    if status:
        _end_at_once(status)
    return status


def _end_at_once(status: int) -> None:
    """End the process of a failed plugin that left threads behind which would keep it alive; without any, it ends by itself."""
    if any(not thread.daemon and thread is not threading.current_thread() for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> int:
    """Entry point of the script `run_plugin`; a console script found without the current folder would not see the user's plugin."""
    here = str(Path.cwd())
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)
    return command(sys.argv[1:])

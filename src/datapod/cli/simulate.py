"""`simulate_run_plugin_from_frontend`: ask the pod to start a plugin, as the app does. Source: plugin-sdk.md, 11.3."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datapod.cli.access import access_with_keys, print_access
from datapod.cli.options import NOT_PASSED, CommandOption, WrongUsage, parse, run_command

if TYPE_CHECKING:
    from datapod.description import Description
    from datapod.schema import PluginRun

logger = logging.getLogger("datapod.cli")

OPTIONS = (
    CommandOption("pod_full_address", str, "The pod full address; http://localhost:3030 if left out."),
    CommandOption("database_key", str, "Database key of the pod; that of the key file if left out."),
    CommandOption("owner_key", str, "Owner key of the pod; that of the key file if left out."),
    CommandOption("container", str, "Pod container to run from."),
    CommandOption("plugin_path", str, "Plugin path: package.module.ClassName."),
    CommandOption("settings_file", str, "Plugin settings (json)."),
    CommandOption("config_file", str, "A plugin configuration, or a description of the run."),
    CommandOption("account_id", str, "Account id to be used inside the plugin."),
    CommandOption("metadata", str, "A description of the run."),
    CommandOption("permissions", str, "Rights of the run: file or JSON text, or the word unrestricted."),
    CommandOption("every", str, "Run again that long after each start: 30s, 15m, 6h, 7d."),
    CommandOption("cron", str, "Run again when these five fields fit the clock."),
    CommandOption("timezone", str, "Whose clock, such as Europe/Amsterdam; UTC if left out."),
    CommandOption("on", str, "Run again when items begin to match this search (json, or a file of it)."),
    CommandOption("unattended", bool, "Also while the pod is locked, where the server can do that."),
    CommandOption("restart", str, "Start it again after its end: never, on-failure, always."),
    CommandOption("wait", bool, "Wait for the end; exit status 0 if the run is done, else 1."),
)


def simulate_run_plugin_from_frontend(
    pod_full_address: str | None = NOT_PASSED,
    database_key: str | None = None,
    owner_key: str | None = None,
    container: str | None = None,
    plugin_path: str | None = None,
    settings_file: str | None = None,
    config_file: str | None = None,
    account_id: str | None = None,
    metadata: str | None = None,
    permissions: str | None = None,
    every: str | None = None,
    cron: str | None = None,
    on: str | None = None,
    timezone: str | None = None,
    unattended: bool = False,
    restart: str | None = None,
    wait: bool = False,
) -> PluginRun:
    """Create a run that the pod starts; answers with the run. Asks nothing about its rights and prints nothing about them.

    Args:
        every, cron, on: When it is to run again; at most one of them.
        restart: Whether it is started again after its end.
        wait: Return when its status is final.

    Raises:
        SystemExit: With `wait`, and the run is not done.
        ValueError: Keys are missing, or a file is wrong.
        PodError: The pod refused the run.
        WrongUsage: Nothing says which plugin to start.
    """
    return start_run(
        None,
        pod_full_address=pod_full_address,
        database_key=database_key,
        owner_key=owner_key,
        container=container,
        plugin_path=plugin_path,
        settings_file=settings_file,
        config_file=config_file,
        account_id=account_id,
        metadata=metadata,
        permissions=permissions,
        every=every,
        cron=cron,
        on=on,
        timezone=timezone,
        unattended=unattended,
        restart=restart,
        wait=wait,
    )


def start_run(
    ask: Callable[[str, dict[str, Any] | None], None] | None,
    pod_full_address: Any = NOT_PASSED,
    database_key: str | None = None,
    owner_key: str | None = None,
    container: str | None = None,
    plugin_path: str | None = None,
    settings_file: str | None = None,
    config_file: str | None = None,
    account_id: str | None = None,
    metadata: str | None = None,
    permissions: str | None = None,
    every: str | None = None,
    cron: str | None = None,
    on: str | None = None,
    timezone: str | None = None,
    unattended: bool = False,
    restart: str | None = None,
    wait: bool = False,
) -> PluginRun:
    """`simulate_run_plugin_from_frontend`; `ask` is called with plugin and rights before anything is written, and may raise."""
    from datapod.client import PodClient
    from datapod.errors import PodError

    description = _description(plugin_path, container, settings_file, config_file, metadata)
    access = _access(pod_full_address, database_key, owner_key)
    print_access(access)
    if plugin_path and not container and f"{description.run.pluginModule}.{description.run.pluginName}" == plugin_path:
        print(f"Inferred '{description.run.containerImage}' as plugin container name", flush=True)
    client = PodClient(url=access.address, owner_key=access.owner_key, database_key=access.database_key)
    run = description.run
    rights = _set_rights(run, permissions, description.permissions)
    _set_schedule(run, every, cron, on, timezone, unattended)
    if restart is not None:
        run.pluginRestart = restart
    if ask is not None:
        ask(f"{run.pluginModule}.{run.pluginName}", rights)
    account: Any = description.account
    if account_id:
        account = client.get(account_id, expanded=False)
        print(f"Using existing {account}", flush=True)
    new_items = [run] if account is None or account_id else [account, run]
    edges = [run.add_edge("account", account)] if account is not None else []
    print(flush=True)
    print(f"calling the `create` api on {access.address} to make your Pod start a plugin with id {run.id}.", flush=True)
    print("*Check the pod log/console for debug output.*", flush=True)
    # Account, run and edge in one request: the started plugin never sees a run without its account.
    if not client.bulk_action(create_items=new_items, create_edges=edges):
        raise PodError(None, f"The pod did not take the run: {client.last_error}")
    from datapod.driver import write_run_info

    write_run_info(run.containerImage or "", run.id)
    logger.info("Created pluginrun with id %s on %s", run.id, access.address)
    if wait:
        from datapod.cli.runs import await_end

        status = await_end(client, run.id)
        if status != "done":
            raise SystemExit(f"The run {run.id} ended with the status {status}: {client.api.get_item(run.id)[0].get('error', '')}")
    return run


def _set_schedule(run: PluginRun, every: str | None, cron: str | None, on: str | None, timezone: str | None, unattended: bool) -> None:
    given: dict[str, Any] = {name: value for name, value in (("every", every), ("cron", cron), ("on", on)) if value is not None}
    if len(given) > 1:
        raise WrongUsage(f"A run has one schedule: choose one of {', '.join(f'--{name}' for name in given)}")
    if not given and (timezone is not None or unattended):
        raise WrongUsage("--timezone and --unattended belong to a schedule: add --every, --cron or --on")
    if on is not None:
        given["on"] = json.loads(on if on.lstrip().startswith("{") else Path(on).read_text(encoding="utf-8"))
    if timezone is not None:
        given["timezone"] = timezone
    if unattended:
        given["unattended"] = True
    if given:
        run.pluginSchedule = json.dumps(given)


def _access(address: Any, database_key: Any, owner_key: Any) -> Any:
    try:
        return access_with_keys(address, database_key, owner_key)
    except ValueError as error:
        raise ValueError(f"Missing Pod credentials: {error}") from error


def _description(
    plugin_path: str | None, container: str | None, settings: str | None, config: str | None, metadata: str | None
) -> Description:
    """The run to create; a description wins over `plugin_path`."""
    from datapod.description import is_description, read_description, read_json_object

    configuration = read_json_object(settings) if settings else None
    described = read_json_object(metadata) if metadata else None
    if config:
        content = read_json_object(config)
        if described is None and is_description(content):
            described = content
        else:
            configuration = content
    if described is not None and plugin_path:
        logger.warning("--plugin_path is not looked at: a description names the plugin")
    if described is None and plugin_path:
        module, _, name = plugin_path.rpartition(".")
        described = {"containerImage": container or plugin_path.partition(".")[0], "pluginModule": module, "pluginName": name}
    if described is None:
        raise WrongUsage("Nothing to start: pass --plugin_path, --metadata or --config_file")
    description = read_description(described)
    if container:
        description.run.containerImage = container
    if configuration is not None:
        description.run.config = json.dumps(configuration)
    if description.run.containerImage is None:
        description.run.containerImage = (description.run.pluginModule or "").partition(".")[0]
    return description


def _set_rights(run: PluginRun, passed: str | None, described: dict[str, Any] | None) -> dict[str, Any] | None:
    """`permissions` as passed, else of the description, else of the class, if it can be imported here; None: unrestricted.

    Raises:
        ValueError: What was passed is no JSON object.
    """
    rights: Any = described
    if passed == "unrestricted":
        rights = None
    elif passed:
        text = passed if passed.lstrip().startswith("{") else Path(passed).read_text(encoding="utf-8")
        try:
            rights = json.loads(text)
        except ValueError as error:
            raise ValueError(f"The permissions are not JSON: {error}") from error
        if not isinstance(rights, dict):
            raise ValueError("The permissions must be a JSON object, or the word unrestricted")
    elif described is None:
        rights = _rights_of_class(run)
    if rights is None:
        logger.warning("the run is unrestricted: nothing declares its rights")
        return None
    run.pluginPermissions = json.dumps(rights)
    return dict(rights)


def _rights_of_class(run: PluginRun) -> Any:
    from datapod.driver import get_plugin_cls

    try:
        return getattr(get_plugin_cls(run.pluginModule, run.pluginName), "permissions", None)
    except ImportError:
        return None  # the plugin lives where the pod starts it, not here


def command(argv: Sequence[str]) -> int:
    """The command line of `simulate_run_plugin_from_frontend`."""
    options = parse("simulate_run_plugin_from_frontend", "Ask the pod to start a plugin.", OPTIONS, argv)
    return run_command(lambda: simulate_run_plugin_from_frontend(**options))


def main() -> int:
    return command(sys.argv[1:])

"""Run descriptions: a JSON file that says which plugin to run, for which account, how configured.

The same option, `config_file`, meant two things: a description (2021) or a configuration (later); it is told by content.
Source: plugin-sdk.md, 12.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from datapod.schema import Account, PluginRun

if TYPE_CHECKING:
    from datapod.client import PodClient

Json = dict[str, Any]


class Description(NamedTuple):
    """A new run, with its account if the description names one, and the rights that it asks for."""

    run: PluginRun
    account: Account | None
    config: Json
    permissions: Json | None


def read_json_object(path: str | Path) -> Json:
    """A JSON object from a file.

    Raises:
        ValueError: No such file, no JSON, or no object.
    """
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"Incorrect plugin config format, expected a dict, got a {type(content).__name__}")
    return content


def is_description(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object describes a run; otherwise it is a configuration."""
    return isinstance(content.get("pluginModule"), str) and isinstance(content.get("pluginName"), str)


def read_description(content: Mapping[str, Any]) -> Description:
    """The run that a description asks for; what it does not know, it ignores.

    Raises:
        ValueError: `pluginModule` or `pluginName` is missing, or the configuration is no object.
    """
    from datapod.driver import parse_config

    for key in ("pluginModule", "pluginName"):
        if not content.get(key):
            raise ValueError(f"Missing metadata: {key}")
    config = parse_config(content.get("config", content.get("settings")))
    names = {**{name: name for name in PluginRun.properties}, **PluginRun.aliases}
    values: Json = {}
    for name, canonical in names.items():
        if name in content and canonical != "config":
            values.setdefault(canonical, content[name])
    if config:
        values["config"] = json.dumps(config)
    account = None
    if isinstance(content.get("account"), Mapping):
        account = Account(**{name: value for name, value in content["account"].items() if name in Account.properties})
    permissions = content.get("permissions")
    return Description(PluginRun(**values), account, config, dict(permissions) if isinstance(permissions, Mapping) else None)


def parse_metadata(metadata: str | Path | Mapping[str, Any], remove_container: bool = False) -> PluginRun:
    """The run of a description, with its account linked. A name of old code.

    Args:
        remove_container: Let no pod start it: the caller runs it.
    """
    content = metadata if isinstance(metadata, Mapping) else read_json_object(metadata)
    description = read_description(content)
    if remove_container:
        description.run.containerImage = "none"
    if description.account is not None:
        description.run.add_edge("account", description.account)
    return description.run


def create_run_expanded(client: PodClient, plugin_run: PluginRun) -> bool:
    """Write a run, its accounts and the edges between them in one request. A name of old code."""
    accounts = list(plugin_run.account)
    return client.bulk_action(create_items=[*accounts, plugin_run], create_edges=list(plugin_run.get_edges("account")))

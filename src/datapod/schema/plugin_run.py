"""One run of a plugin. Plugin, pod and front end talk to each other through this item. Source: plugin-sdk.md, 3.1."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from datapod.item import Item, _reading

if TYPE_CHECKING:
    from datapod.client import PodClient
    from datapod.schema.accounts import Account
    from datapod.schema.plugins import CVUStoredDefinition, Plugin, Trigger


class PluginRun(Item):
    """`PluginRun(containerImage, pluginModule, pluginName)`, or keywords. `id` and `targetItemId` fill in for each other."""

    authUrl: str | None = None
    containerImage: str | None = None
    config: str | None = None
    pluginModule: str | None = None
    pluginName: str | None = None
    status: str | None = None
    targetItemId: str | None = None
    error: str | None = None
    containerId: str | None = None
    authImage: str | None = None
    pluginPermissions: str | None = None
    pluginRestart: str | None = None
    pluginSchedule: str | None = None
    scheduledBy: str | None = None
    progress: float | None = None
    webserverPort: int | None = None
    plugin: list[Plugin] = []
    view: list[CVUStoredDefinition] = []
    account: list[Account] = []
    trigger: list[Trigger] = []

    aliases: ClassVar[Mapping[str, str]] = {"state": "status", "oAuthUrl": "authUrl", "settings": "config", "message": "error"}

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        keywords = {**_named(arguments), **keywords}
        if not _reading.get():
            run_id = keywords.get("id") or keywords.get("targetItemId") or self.create_id()
            keywords["id"] = keywords.get("id") or run_id
            keywords["targetItemId"] = keywords.get("targetItemId") or run_id
        super().__init__(**keywords)

    def reload(self, client: PodClient) -> None:
        """Bring this very object up to date with the pod."""
        client.refresh(self)


def _named(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Positional arguments under their names; the releases disagreed about the order, so it is told from the values.

    Source: plugin-sdk.md, 3.1.
    """
    if len(arguments) <= 3:
        return dict(zip(("containerImage", "pluginModule", "pluginName"), arguments, strict=False))
    container, second, third, *rest = arguments
    if not second or "://" in second:
        names = ["pluginModule", "pluginName", "status", "targetItemId", "error", "config", "progress"]
        if not third or third.startswith("data:") or "://" in third:
            return {"containerImage": container, "authUrl": second, "authImage": third, **dict(zip(names, rest, strict=False))}
        return {"containerImage": container, "authUrl": second, **dict(zip(names, [third, *rest], strict=False))}
    result = {"containerImage": container, "pluginModule": second, "pluginName": third}
    if isinstance(rest[0], (list, tuple)):
        names = ["account", "status", "config"]
    else:
        names = ["status", "config"]
    return {**result, **dict(zip(names, rest, strict=False))}

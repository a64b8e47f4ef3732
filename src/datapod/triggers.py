"""Plugins that a pod calls when items appear. Source: plugin-sdk.md, 13.4."""

from __future__ import annotations

import abc
import logging
import threading
import traceback
from typing import Any

import msgspec

from datapod.plugin import PluginBase

logger = logging.getLogger("datapod.triggers")


class TriggerRequest(msgspec.Struct, frozen=True):
    """Which items set off which trigger."""

    trigger_id: str
    item_ids: list[str] = []
    item_id: str | None = None

    @property
    def ids(self) -> list[str]:
        """All items, in whichever of the two forms they were sent."""
        return self.item_ids or ([self.item_id] if self.item_id else [])


class TriggerPluginBase(PluginBase):
    """A plugin that stays and handles triggers; implement `trigger`."""

    def __init__(self, pluginRun: Any = None, client: Any = None, **keywords: Any) -> None:  # noqa: N803 - names of old code
        super().__init__(pluginRun=pluginRun, client=client, **keywords)
        self.daemon = True
        self.endpoints.add("/v1/item/trigger", "POST", self.trigger_endpoint)
        self.endpoints.needs_server = True

    def run(self) -> None:
        """Nothing to do but to wait for triggers."""

    @abc.abstractmethod
    def trigger(self, req: TriggerRequest) -> Any:
        """Handle one trigger; called in a thread of its own. An exception is reported to the pod."""

    def trigger_endpoint(self, req: TriggerRequest) -> str:
        threading.Thread(target=self._handle, args=(req,), daemon=True).start()
        return "ok"

    def _handle(self, req: TriggerRequest) -> None:
        try:
            self.trigger(req)
        except Exception as error:  # noqa: BLE001 - the plugin's failure is the very thing being reported
            traceback.print_exc()
            status = f"Error while handling the trigger {req.trigger_id}, reason {error}"
        else:
            status = "OK"
        self.client.send_trigger_status(req.ids, req.trigger_id, status)

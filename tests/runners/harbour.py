"""A registered account on a real server, whose plugins run as processes and scripts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import psutil

PLUGINS = """
import time

from datapod import Item, PluginBase, register_endpoint
from datapod.triggers import TriggerPluginBase


class Boat(Item):
    name: str | None = None


class Sails(PluginBase):
    schema_classes = [Boat]

    def run(self):
        for number in (1, 2, 3):
            assert self.client.create(Boat(name=f"boat {number}"))
            self.set_progress(number / 4)


class Sinks(PluginBase):
    def run(self):
        raise RuntimeError("hit an iceberg")


class Drifts(PluginBase):
    def run(self):
        while True:
            time.sleep(0.05)


class Lighthouse(TriggerPluginBase):
    schema_classes = [Boat]

    def trigger(self, req):
        self.client.create(Boat(name=f"{req.trigger_id} saw {req.item_id} {req.item_ids}"))


class Harbourmaster(PluginBase):
    daemon = True

    def run(self):
        print("the office is open", flush=True)

    @register_endpoint("/v1/moor", "POST")
    def moor(self, name: str, metres: float, crew: dict) -> dict:
        return {"name": name, "metres": metres, "crew": crew}

    @register_endpoint("/v1/berths", "GET")
    def berths(self, free: bool) -> list:
        return [1, 2] if free else []
"""


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Harbour:
    """A registered account on a server of its own, whose runs of the image `boats` are processes and of `probe` a script."""

    def __init__(self, start_server, wait_until, folder: Path, *options: str) -> None:
        self.folder = folder / "server"
        self.folder.mkdir(parents=True)
        (self.folder / "boats.py").write_text(PLUGINS)
        self.told = self.folder / "told"
        probe = self.folder / "probe.sh"
        # Tells its environment and its process id, then waits.
        probe.write_text(
            f"#!/bin/sh\nenv -0 > {shlex.quote(str(self.told))}.part\nmv {self.told}.part {self.told}\nwhile :; do sleep 0.05; done\n"
        )
        probe.chmod(0o755)
        self._start_server = start_server
        # Other images are not to reach an engine of this machine, unless the options say which.
        engine = ("--plugins-container-engine", "/no/such/engine")
        self._options = ("--plugins-process", "boats", "--insecure-plugin-script", f"probe={probe}", *engine, *options)
        self._wait_until = wait_until
        self.start()

    def start(self) -> None:
        self.server = self._start_server(*self._options)
        keys = {"ownerKey": self.server.owner_key, "databaseKey": self.server.database_key}
        assert self.server.http.post(self.server.address + "/v4/account", json=keys).status_code < 500

    def run(self, name: str | None = None, image: str = "boats", **properties: Any) -> str:
        """Create a `PluginRun`; returns its id."""
        run_id = "run-" + (name or image)
        plugin = {} if name is None else {"pluginModule": "boats", "pluginName": name}
        item = {"type": "PluginRun", "id": run_id, "targetItemId": run_id, "containerImage": image, **plugin, **properties}
        answer = self.server.v4("create_item", item)
        assert (answer.status_code, answer.json()) == (200, run_id), answer.text
        return run_id

    def item(self, run_id: str) -> dict:
        return self.server.v4("get_item", run_id).json()[0]

    def await_status(self, run_id: str, *statuses: str) -> dict:
        self._wait_until(lambda: self.item(run_id).get("status") in statuses, seconds=30, what=f"status {statuses} of {run_id}")
        return self.item(run_id)

    def state(self, run_id: str) -> str:
        """What `plugin/status` says."""
        return self.server.v4("plugin/status", {"plugins": [run_id]}).json()["plugins"][run_id]["status"]

    def listed(self, *run_ids: str) -> list[dict]:
        """What `plugin/runs` says."""
        answer = self.server.v4("plugin/runs", {"ids": list(run_ids)} if run_ids else {})
        assert answer.status_code == 200, answer.text
        return answer.json()["runs"]

    def environment(self) -> dict[str, str]:
        """What the probe was told."""
        self._wait_until(self.told.exists, what="the probe's start")
        return dict(entry.split("=", 1) for entry in self.told.read_text().split("\0") if entry)

    def as_plugin(self, endpoint: str, payload: object, data: dict, owner_key: str | None = None):
        body = {"auth": {"type": "PluginAuth", "data": data}, "payload": payload}
        return self.server.http.post(f"{self.server.address}/v4/{owner_key or self.server.owner_key}/{endpoint}", json=body)

    def processes(self) -> list[int]:
        """The processes of the plugins of this server."""
        family = psutil.Process(self.server.process.pid).children(recursive=True)
        return [process.pid for process in family if self._is_plugin(process)]

    def _is_plugin(self, process: psutil.Process) -> bool:
        try:
            words = process.cmdline()
        except psutil.NoSuchProcess:  # it ended since it was listed
            return False
        return str(self.folder) in " ".join(words) or "plugin" in words

"""A shipped connector as a user runs it: against a real server, by the command line or by the pod, and killed in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any


class Outside:
    """One server and the plugins that run against it."""

    def __init__(self, server, tmp_path: Path, datapod_command, wait_until) -> None:
        self.server = server
        self.folder = tmp_path
        self.command = datapod_command
        self.wait_until = wait_until
        self.started: list[subprocess.Popen[str]] = []
        self._runs = 0

    def start(self, plugin: str, config: dict[str, Any], account: dict[str, Any] | None = None) -> subprocess.Popen[str]:
        """`datapod plugin run`, left running."""
        self._runs += 1
        module, name = plugin.split(":")
        if account:
            path = self.folder / f"run{self._runs}.json"
            path.write_text(json.dumps({"pluginModule": module, "pluginName": name, "config": config, "account": account}))
            arguments = ["--metadata", str(path)]
        else:
            path = self.folder / f"config{self._runs}.json"
            path.write_text(json.dumps(config))
            arguments = [plugin, "--config_file", str(path)]
        process = subprocess.Popen(
            self.command("plugin", "run", *arguments, "--pod_full_address", self.server.address),
            env=self.server.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, plugin: str, config: dict[str, Any], account: dict[str, Any] | None = None) -> str:
        """A run to its end; what it printed. Fails when the run does."""
        process = self.start(plugin, config, account)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output

    def kill_when(self, process: subprocess.Popen[str], condition) -> None:
        """SIGKILL as soon as the condition is met; the run must not be over by then."""
        self.wait_until(condition, seconds=60, what="the moment to kill the run")
        assert process.poll() is None, f"the run was over before it could be killed: {process.communicate()[0]}"
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)

    def run_by_pod(self, plugin: str, config: dict[str, Any], permissions: Any, account: dict[str, Any] | None = None) -> dict[str, Any]:
        """A run that the pod starts, which may do what the declaration says and nothing else; the finished run."""
        module, name = plugin.split(":")
        run_id = f"podrun{self._runs:030}"
        self._runs += 1
        run = {"id": run_id, "type": "PluginRun", "containerImage": "datapod", "pluginModule": module, "pluginName": name}
        run |= {"config": json.dumps(config), "targetItemId": run_id, "pluginPermissions": json.dumps(permissions)}
        items, edges = [run], []
        if account:
            items.insert(0, {"id": f"acc{run_id[3:]}", "type": "Account", **account})
            edges.append({"_source": run_id, "_target": f"acc{run_id[3:]}", "_name": "account"})
        answer = self.server.v4("bulk", {"createItems": items, "createEdges": edges})
        assert answer.status_code == 200, answer.text

        def ended():
            found = self.server.v4("get_item", run_id).json()[0]
            return found if found.get("status") in ("done", "error") else None

        found = self.wait_until(ended, seconds=90, what="the end of the run")
        log = self.server.v4("get_pluginrun_log", run_id)
        return {**found, "log": log.json()["logs"] if log.status_code == 200 else ""}

    def items(self, item_type: str) -> list[dict[str, Any]]:
        return list(self.server.v4("search", {"type": item_type, "deleted": False}).json())

    def snapshot(self, *types: str) -> tuple[dict[str, dict[str, Any]], Counter[tuple[str, str, str]]]:
        """Live items of these types without dates, and the edges that begin at them, with their number."""
        items: dict[str, dict[str, Any]] = {}
        edges: Counter[tuple[str, str, str]] = Counter()
        for item_type in types:
            for item in self.server.v4("search", {"type": item_type, "deleted": False, "[[edges]]": {}}).json():
                for edge in item.pop("[[edges]]"):
                    if not edge["_item"]["deleted"]:
                        edges[item["id"], edge["_edge"], edge["_item"]["id"]] += 1
                items[item["id"]] = {name: value for name, value in item.items() if not name.startswith("date")}
        return items, edges

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()

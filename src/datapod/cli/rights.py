"""`datapod plugin audit` and `grant`: what runs touched, and what all runs of a plugin are granted. Source: pod-protocol.md, 23.4, 23.9."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datapod.client import PodClient


def audit(client: PodClient, run_id: str) -> dict[str, Any]:
    """Raises PodError (404) for an unknown run."""
    return client.api.plugin_audit(run_id)


def audit_lines(report: dict[str, Any]) -> list[str]:
    """The record for people."""
    lines = ["granted"]
    for grant in report["granted"]:
        permissions = grant["permissions"]
        text = permissions if isinstance(permissions, str) else json.dumps(permissions)
        lines.append(f"  {_when(grant['time'])}  by {grant['by']}  {text}")
    lines.append("touched")
    for entry in report["touched"]:
        names = f" ({', '.join(entry['properties'])})" if entry["properties"] else ""
        times = f"{entry['count']} in {entry['calls']} calls, last {_when(entry['last'])}"
        lines.append(f"  {entry['direction']:<5}  {entry['kind']} {entry['name']}{names}  {times}")
    lines.append("refused")
    lines += [f"  {entry['right']}  {entry['calls']} times, last {_when(entry['last'])}" for entry in report["refused"]]
    return lines


def grant(client: PodClient, plugin: str, file: Path | None) -> None:
    """Narrow all runs of an image or a class to the declaration in a file; None takes the grant back.

    Raises:
        ValueError: The file is no JSON object.
        PodError: The pod does not take the declaration.
    """
    permissions: Any = None
    if file is not None:
        permissions = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(permissions, dict):
            raise ValueError(f"{file} must hold a JSON object")
    client.api.plugin_grant(subject(plugin), permissions)


def subject(plugin: str) -> dict[str, str]:
    """What a standing grant is for: `module:Class` or `package.module.Class` is a class, everything else an image.

    >>> subject("boats.imports:LogbookPlugin"), subject("registry.example/boats:1.2")
    ({'pluginModule': 'boats.imports', 'pluginName': 'LogbookPlugin'}, {'containerImage': 'registry.example/boats:1.2'})
    """
    for separator in (":", "."):
        module, found, name = plugin.rpartition(separator)
        if found and name.isidentifier() and name[0].isupper() and all(part.isidentifier() for part in module.split(".")):
            return {"pluginModule": module, "pluginName": name}
    return {"containerImage": plugin}


def _when(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds / 1000))

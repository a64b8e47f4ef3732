"""Standing grants, and the audit record of a run: for the owner only. Source: pod-protocol.md, 23.4, 23.9."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from datapod_server.api.v4.envelope import Asked
from datapod_server.errors import Invalid, NotFound
from datapod_server.items.grants import Subject
from datapod_server.principal import OWNER, Scope
from datapod_server.rights import parse_rights


class Grant(Subject, frozen=True, rename="camel"):
    """A declaration for all runs of an image or a class; null takes it back."""

    permissions: dict[str, Any] | str | UnsetType | None = UNSET


class RunId(msgspec.Struct, frozen=True):
    id: str


def set_grant(asked: Asked, grant: Grant) -> dict[str, str]:
    asked.principal.require(Scope.ADMIN)
    if grant.permissions is UNSET:
        raise Invalid("Invalid permissions: missing; give a declaration, or null to take the grant back")
    text = grant.permissions
    if text is not None and not isinstance(text, str):
        parse_rights(text)
        text = msgspec.json.encode(text).decode()
    asked.pod.items.grants.set_standing(grant, text)
    return {}


def get_audit(asked: Asked, run: RunId) -> dict[str, Any]:
    asked.principal.require(Scope.ADMIN)
    item = asked.pod.items.find_item(run.id, OWNER)
    if item is None or item["type"] != "PluginRun":
        raise NotFound(f"No plugin run {run.id}")
    return asked.pod.items.audit.report(run.id)

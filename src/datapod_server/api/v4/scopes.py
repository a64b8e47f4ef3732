"""Which scope of an access token each endpoint of `/v4` needs. Owners have all scopes; runs have rules of their own.

Source: pod-protocol.md, 23.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from datapod_server.items.bulk import Bulk
from datapod_server.principal import Kind, Principal, Scope
from datapod_server.rights import missing

SCOPES: Mapping[Scope, frozenset[str]] = MappingProxyType(
    {
        Scope.READ: frozenset({"get_item", "get_edges", "search", "graphql", "get_file", "get_pluginrun_log", "plugin/status"}),
        Scope.RECORD: frozenset(
            {
                "create_item",
                "update_item",
                "delete_item",
                "create_edge",
                "delete_edge_by_source_target",
                "bulk",
                "delete_file",
                "upload_file_b",
                "schema",
            }
        ),
        Scope.ADMIN: frozenset({"plugin/grant", "plugin/audit"}),
    }
)
_BY_NAME = {name: scope for scope, names in SCOPES.items() for name in names}


def check_scope(principal: Principal, endpoint: str, payload: Any = None) -> None:
    """Raises `Forbidden` unless an access token has the scope; what is not listed needs `manage`."""
    if principal.kind is not Kind.TOKEN:
        return
    scope = _BY_NAME.get(endpoint, Scope.MANAGE)
    if isinstance(payload, Bulk) and not (payload.create_items or payload.update_items or payload.delete_items or payload.create_edges):
        scope = Scope.READ
    if scope not in principal.scopes:
        raise missing(f"scope {scope}")

"""The environment of a plugin run on this machine: the server's own without its options, and the five variables of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from datapod_server.storage.tokens import SealedToken

# Options of the server, one of them a password, and what names its keys. Source: pod-protocol.md, 14.2 and 19.1.
_SERVER_OPTIONS = frozenset(
    {
        "POD_OWNER_HASHES",
        "POD_PLUGINS_CALLBACK_ADDRESS",
        "PLUGINS_PUBLIC_DOMAIN",
        "POD_PLUGINS_DOCKER_NETWORK",
        "POD_NON_TLS",
        "POD_INSECURE_NON_TLS",
        "SHARED_SERVER",
        "EMAIL_SMTP_RELAY",
        "EMAIL_SMTP_PORT",
        "EMAIL_SMTP_USER",
        "EMAIL_SMTP_PASSWORD",
        # A run on Kubernetes gets it; a process must not take the server's own for its.
        "PLUGIN_DNS",
    }
)
_PREFIX_OF_OPTIONS = "DATAPOD_"
_PASSED_ON = frozenset({"DATAPOD_LOG"})  # the level of the SDK's log is no option of the server


class RunVariables(Struct, frozen=True):
    """What one run is told."""

    address: str
    run_id: str
    owner_key: str
    token: SealedToken
    target: Mapping[str, Any]

    def as_environment(self) -> dict[str, str]:
        """The variables by name. Source: pod-protocol.md, 14.2."""
        return {
            "POD_FULL_ADDRESS": self.address,
            "POD_TARGET_ITEM": msgspec.json.encode(self.target).decode(),
            "POD_PLUGINRUN_ID": self.run_id,
            "POD_OWNER": self.owner_key,
            "POD_AUTH_JSON": msgspec.json.encode({"data": self.token.wire()}).decode(),
        }


def inherited(server_environment: Mapping[str, str]) -> dict[str, str]:
    """What a process may see of the server's environment: everything but the server's options."""
    return {name: value for name, value in server_environment.items() if not _is_option(name)}


def _is_option(name: str) -> bool:
    return name in _SERVER_OPTIONS or (name.startswith(_PREFIX_OF_OPTIONS) and name not in _PASSED_ON)

"""Secret properties: what SQL never shows, and what no declaration grants with `*`. Source: pod-protocol.md, 23.2."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SECRETS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Account": frozenset({"secret", "code", "accessToken", "refreshToken"}),
        "OauthFlow": frozenset({"accessToken", "accessTokenSecret", "refreshToken"}),
        "PluginRun": frozenset({"config"}),
        "File": frozenset({"key", "keystr", "nonce"}),
        "CryptoKey": frozenset({"keystr"}),
        "CurrencySetting": frozenset({"seedPhrase"}),
    }
)
SECRET_SOMEWHERE: frozenset[str] = frozenset().union(*SECRETS.values())
_NONE: frozenset[str] = frozenset()


def is_secret(item_type: str, name: str) -> bool:
    return name in SECRETS.get(item_type, _NONE)

"""The configuration of an entity, as it is given and as it is shown. Source: rest-api.md, 3.2 to 3.4."""

from __future__ import annotations

import secrets
from typing import Any

from msgspec import Struct

from datapod_server.errors import Invalid

_MEMBERS = ("id", "type", "params", "persistent", "deterministic")


class Config(Struct, frozen=True):
    """One configuration. `persistent` is None where it was not given; `generated` marks an id that was made up."""

    id: str
    type: str
    params: Any = None
    persistent: bool | None = None
    deterministic: bool = True
    generated: bool = False

    @property
    def stays(self) -> bool:
        """Whether the entity comes back after a restart. Source: rest-api.md, 3.11."""
        return self.persistent if self.persistent is not None else not self.generated

    def shown(self) -> dict[str, Any]:
        """As given, the id filled in, defaults left out."""
        shown: dict[str, Any] = {"id": self.id, "type": self.type}
        if self.params is not None:
            shown["params"] = self.params
        if self.persistent:
            shown["persistent"] = True
        if not self.deterministic:
            shown["deterministic"] = False
        return shown


def automatic_id() -> str:
    return f"auto_{secrets.token_hex(8)}_{secrets.token_hex(8)}"


def read_config(value: Any, kind: str, path_id: str | None = None) -> Config:
    """Check a configuration given as JSON.

    Args:
        kind: Singular name of the collection, for texts.
        path_id: The id of a `PUT`; an id in the body may repeat it.

    Raises:
        Invalid: No object, an unknown member, a member of the wrong type, another id than the path's, no type.
    """
    if isinstance(value, str):
        raise Invalid(f"the configuration of a {kind} must be an object, not a text; was the object JSON-encoded into a string by mistake?")
    if not isinstance(value, dict):
        raise Invalid(f"the configuration of a {kind} must be an object")
    for name in value:
        if name not in _MEMBERS:
            raise Invalid(f"unknown field '{name}' in the configuration of a {kind}; it may have {', '.join(_MEMBERS)}", field=name)
    given = _text(value, "id")
    if path_id is not None and given and given != path_id:
        raise Invalid("Ambiguous names between route and config", valueInUri=path_id, valueInConfig=given)
    entity_id = path_id if path_id is not None else given
    generated = entity_id is None or (path_id is None and not entity_id)
    if path_id == "":
        raise Invalid(f"a {kind} cannot have an empty id")
    entity_id = automatic_id() if generated or entity_id is None else entity_id
    kind_name = _text(value, "type")
    if not kind_name:
        raise Invalid(f"Attempt to refer to nonexistant {kind} with id {entity_id}")
    deterministic = _truth(value, "deterministic")
    return Config(
        entity_id,
        kind_name,
        value.get("params"),
        _truth(value, "persistent"),
        True if deterministic is None else deterministic,
        generated,
    )


def _text(value: dict[str, Any], name: str) -> str:
    member = value.get(name)
    if member is None:
        return ""
    if not isinstance(member, str):
        raise Invalid(f"'{name}' must be a text")
    return member


def _truth(value: dict[str, Any], name: str) -> bool | None:
    member = value.get(name)
    if member is None or member is True or member is False:
        return member
    if member in (0, 1):
        return bool(member)
    raise Invalid(f"'{name}' must be true or false")

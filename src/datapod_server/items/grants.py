"""What owners granted to plugin runs: the declaration of a run, and standing grants for all runs of an image or a class.

Both are read anew for every request, so that changes act at once. Source: pod-protocol.md, 23.4, 23.5, 23.6.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import apsw
from msgspec import UNSET, Struct, UnsetType

from datapod_server.errors import Invalid
from datapod_server.principal import Kind, Principal, plugin_run
from datapod_server.rights import Rights, missing, parse_rights
from datapod_server.storage.sqlite import Database

STANDING_GRANTS = """
CREATE TABLE standing_grants (image TEXT NOT NULL, module TEXT NOT NULL, name TEXT NOT NULL, permissions TEXT NOT NULL,
    time INTEGER NOT NULL, PRIMARY KEY (image, module, name)) WITHOUT ROWID;
"""
_OF_RUN = ("containerImage", "pluginModule", "pluginName", "pluginPermissions")
_PROPERTIES = """
SELECT names.name, strings.value FROM items JOIN strings ON strings.item = items.row JOIN names ON names.number = strings.name
WHERE items.id = ? AND names.name IN ('containerImage', 'pluginModule', 'pluginName', 'pluginPermissions')
"""
_STANDING = """
SELECT permissions FROM standing_grants
WHERE (image = ?1 AND module = '' AND name = '') OR (image = '' AND module = ?2 AND name = ?3)
"""
_NO_RIGHTS = Rights()


class Subject(Struct, frozen=True, rename="camel"):
    """Which runs a standing grant is for: those of an image, or those of a class."""

    container_image: str | UnsetType = UNSET
    plugin_module: str | UnsetType = UNSET
    plugin_name: str | UnsetType = UNSET

    def key(self) -> tuple[str, str, str]:
        """Image, module and name. Raises `Invalid` unless it names one image, or one class."""
        match (self.container_image, self.plugin_module, self.plugin_name):
            case (str(image), UnsetType(), UnsetType()) if image:
                return image, "", ""
            case (UnsetType(), str(module), str(name)) if module and name:
                return "", module, name
        raise Invalid("A standing grant is for a containerImage, or for a pluginModule and a pluginName")


class Grants:
    """The grants of one pod."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def principal(self, run_id: str, *, restricted: bool) -> Principal:
        """Who asks with the token of a run.

        Args:
            restricted: The run was started with a declaration or under a standing grant; if neither is there any more, it has no
                rights but those that every run has.
        """
        with self._database.read() as connection:
            properties = dict(connection.execute(_PROPERTIES, (run_id,)))
            rights = rights_of(connection, properties)
        return plugin_run(run_id, _NO_RIGHTS if rights is None and restricted else rights)

    def set_standing(self, subject: Subject, permissions: str | None) -> None:
        """Grant to all runs of an image or a class; `permissions` is a declaration as JSON text, None takes the grant back.

        Raises:
            Invalid: The subject or the declaration is wrong.
        """
        key = subject.key()
        if permissions is not None:
            parse_rights(permissions)
        with self._database.write() as connection:
            if permissions is None:
                connection.execute("DELETE FROM standing_grants WHERE image = ? AND module = ? AND name = ?", key)
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO standing_grants VALUES (?, ?, ?, ?, ?)", (*key, permissions, time.time_ns() // 1_000_000)
                )


def rights_of(connection: apsw.Connection, properties: Mapping[str, Any]) -> Rights | None:
    """The rights of a run with these properties: its own declaration within the standing grants for it; None if there are neither.

    Raises:
        Invalid: The declaration is wrong.
    """
    image, module, name, declared = (properties.get(key) for key in _OF_RUN)
    rights = None if declared is None else parse_rights(declared)
    for (permissions,) in connection.execute(_STANDING, (image, module, name)):
        standing = parse_rights(permissions)
        rights = standing if rights is None else rights.intersection(standing)
    return rights


def rights_of_new_run(connection: apsw.Connection, properties: Mapping[str, Any], starter: Principal) -> Rights | None:
    """`rights_of`, for a run that is being created.

    Raises:
        Invalid: The declaration is wrong.
        Forbidden: Another run starts it, and would give it more than it has itself.
    """
    rights = rights_of(connection, properties)
    if starter.kind in (Kind.RUN, Kind.TOKEN) and starter.rights is not None and (rights is None or not rights.within(starter.rights)):
        raise missing("runs")
    return rights

"""From the properties of a run to what a backend starts: what it needs, what it may, its token. Source: pod-protocol.md, 14."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from datapod_server.errors import Failed, Forbidden, Invalid
from datapod_server.rights import Rights
from datapod_server.runners.backend import Backend, Launch, MissingProgram
from datapod_server.runners.environment import RunVariables
from datapod_server.runners.settings import RunnerSettings
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import SealedToken, TokenBox

ChooseBackend = Callable[[str, RunnerSettings], Backend]


class Prepared(Struct, frozen=True):
    """A run that may start: everything was checked, and its token is valid.

    Attributes:
        rights: What it is granted; None: it is unrestricted.
        additions: To be stored in the run's item, as far as the schema knows their names.
    """

    run_id: str
    image: str
    backend: Backend
    token: SealedToken
    rights: Rights | None
    additions: Mapping[str, int | str]


class Preparation:
    """Prepares the runs of one pod."""

    def __init__(
        self, owner_key: str, database_key: DatabaseKey, tokens: TokenBox, settings: RunnerSettings, choose: ChooseBackend
    ) -> None:
        self._owner_key = owner_key
        self._database_key = database_key
        self._tokens = tokens
        self._settings = settings
        self._choose = choose

    def prepare(self, run_id: str, properties: Mapping[str, Any], rights: Rights | None) -> Prepared:
        """Check a run and mint its token.

        Raises:
            Invalid: A property is missing or wrong, the owner's key cannot be handed on, or a right cannot be enforced.
            Forbidden: The operator does not allow such a run.
            Failed: What would be executed is not there.
        """
        image = text_of(properties, "containerImage")
        if rights is None and self._settings.unrestricted == "deny":
            raise Forbidden("Unrestricted plugin runs are not allowed on this server")
        backend = self._backend(image, run_id, properties)
        if rights is not None:
            backend.check_network(rights.network)
        name = backend.container_name(self._owner_key, image, run_id)
        additions: dict[str, int | str] = {} if name is None else {"containerId": name}
        if backend.shares_network and properties.get("webserverPort") is None:
            additions["webserverPort"] = _free_port()
        token = self._tokens.mint(self._owner_key, self._database_key, run_id, restricted=rights is not None)
        return Prepared(run_id, image, backend, token, rights, additions)

    def launch(self, prepared: Prepared, target: Mapping[str, Any]) -> Launch:
        """What the backend is given; `target` is what the plugin is told of its target item."""
        variables = RunVariables(self._settings.callback_address, prepared.run_id, self._owner_key, prepared.token, target)
        name = prepared.additions.get("containerId")
        return Launch(
            prepared.image,
            prepared.run_id,
            self._owner_key,
            variables.as_environment(),
            None if name is None else str(name),
            None if prepared.rights is None else prepared.rights.network,
        )

    def end_token(self, run_id: str) -> None:
        """Make every token of this run useless."""
        self._tokens.end_run(self._owner_key, run_id)

    def _backend(self, image: str, run_id: str, properties: Mapping[str, Any]) -> Backend:
        try:
            bytes.fromhex(self._database_key.text())
        except ValueError:
            raise Invalid("A database key that is not an even number of hex digits cannot be handed on to a plugin") from None
        try:
            backend = self._choose(image, self._settings)
            backend.check(image, properties)
        except MissingProgram as missing:
            text = f"Failed to execute {missing.program}, a plugin container triggered by item {run_id}, {missing.reason}"
            raise Failed(text) from missing
        return backend


def text_of(properties: Mapping[str, Any], name: str) -> str:
    """A property that every run needs; raises `Invalid`."""
    value = properties.get(name)
    if not isinstance(value, str):
        raise Invalid(f"A PluginRun needs the text property {name}")
    return value


def _free_port() -> int:
    """A port that nothing listens on now. Source: pod-protocol.md, 14.2."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

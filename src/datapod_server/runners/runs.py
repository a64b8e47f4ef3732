"""`Runners`: the plugin runs of one pod. Source: pod-protocol.md, 14.

A run is started in two steps, so that no plugin is ever ahead of the data: inside the transaction that creates the `PluginRun` item,
`before_run` checks everything that can be checked and mints the token; after the commit, `PreparedRun.start` starts the process.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from datapod_server.errors import Failed, Forbidden, Invalid
from datapod_server.principal import Principal
from datapod_server.rights import Named, Rights
from datapod_server.runners.backend import Backend, Launch, MissingProgram
from datapod_server.runners.choice import choose_backend
from datapod_server.runners.environment import RunVariables
from datapod_server.runners.reach import Reach
from datapod_server.runners.records import RecordDatabase, RunRecords
from datapod_server.runners.settings import RunnerSettings
from datapod_server.runners.supervision import Patience, RunItems, Supervision, write_last_state
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import SealedToken, TokenBox

log = logging.getLogger("datapod.runners")

FindItem = Callable[[str], Mapping[str, Any] | None]
ChooseBackend = Callable[[str, RunnerSettings], Backend]

_STARTS_NOTHING = frozenset({"", "none"})


class Runners:
    """Starts, watches and ends the plugin runs of one pod. Safe to use from several threads."""

    def __init__(
        self,
        *,
        owner_key: str,
        database_key: DatabaseKey,
        tokens: TokenBox,
        items: RunItems,
        database: RecordDatabase,
        settings: RunnerSettings,
        choose: ChooseBackend = choose_backend,
        patience: Patience | None = None,
    ) -> None:
        self._owner_key = owner_key
        self._database_key = database_key
        self._tokens = tokens
        self._items = items
        self._records = RunRecords(database)
        self._settings = settings
        self._choose = choose
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._alive: dict[str, Supervision] = {}
        self._closed = False
        self.reach = Reach(self.find_living, items.find_run)

    def before_run(
        self, run_id: str, properties: Mapping[str, Any], find_item: FindItem, rights: Rights | None, principal: Principal
    ) -> PreparedRun | None:
        """Check a new `PluginRun` item inside the transaction that creates it.

        Args:
            properties: Those of the new item.
            find_item: An item as it stands in the transaction, this run included, and as the asker sees it; None for an unknown one.
            rights: What the run is granted; None: it is unrestricted.

        Returns:
            The run to start after the commit, or None if it starts nothing.

        Raises:
            Invalid: A property is missing or wrong, there is no such target, or the owner's key cannot be handed on.
            Forbidden: The asker may not start such a run.
            Failed: What would be executed is not there. The transaction must be rolled back in each case.
        """
        image, target_id = _text(properties, "containerImage"), _text(properties, "targetItemId")
        if find_item(target_id) is None:
            raise Invalid(f"Failed to find target item {target_id} to run a plugin against")
        if image in _STARTS_NOTHING:
            return None
        self._check_rights(properties, rights)
        backend = self._checked_backend(image, run_id, properties)
        if rights is not None:
            backend.check_network(rights.network)
        name = backend.container_name(self._owner_key, image, run_id)
        additions: dict[str, int | str] = {} if name is None else {"containerId": name}
        if backend.shares_network and properties.get("webserverPort") is None:
            additions["webserverPort"] = _free_port()
        token = self._tokens.mint(self._owner_key, self._database_key, run_id, restricted=rights is not None)
        return PreparedRun(self, run_id, image, backend, token, additions, None if rights is None else rights.network)

    def busy(self) -> bool:
        """Whether a run is alive; the pod must stay unlocked until it has ended."""
        with self._lock:
            return bool(self._alive)

    def recover(self) -> None:
        """Called once when the pod was unlocked: give a last state to the runs of a server that was killed."""
        for run_id in self._records.unfinished():
            write_last_state(self._items, run_id, None, "The server was restarted")
            self._records.end(run_id, None, b"")

    def find_living(self, run_id: str) -> Supervision | None:
        """The run, if its process, container or Job is alive."""
        with self._lock:
            return self._alive.get(run_id)

    def output(self, run_id: str) -> bytes | None:
        """The newest 1 MiB of what a run printed so far; None for a run that this pod never started."""
        supervision = self.find_living(run_id)
        return self._records.find_output(run_id) if supervision is None else supervision.output.content()

    def note(self, run_id: str, text: str) -> None:
        """Add a line of the server's to what a living run printed; does nothing for others."""
        supervision = self.find_living(run_id)
        if supervision is not None:
            supervision.output.append(text.encode())

    def close(self) -> None:
        """End every run in good order, and return when their last states are written."""
        with self._lock:
            self._closed = True
            alive = list(self._alive.values())
        for supervision in alive:
            supervision.stop("The server was stopped")
        for supervision in alive:
            supervision.join()

    def _check_rights(self, properties: Mapping[str, Any], rights: Rights | None) -> None:
        if rights is None and self._settings.unrestricted == "deny":
            raise Forbidden("Unrestricted plugin runs are not allowed on this server")
        named = [name for name in ("pluginRestart", "pluginSchedule") if properties.get(name) not in (None, "never")]
        if named:
            raise Invalid(f"This version does not carry out {named[0]}: leave it out to start the run once")

    def _checked_backend(self, image: str, run_id: str, properties: Mapping[str, Any]) -> Backend:
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

    def _start(self, prepared: PreparedRun, target: Mapping[str, Any]) -> None:
        run_id = prepared.run_id
        variables = RunVariables(self._settings.callback_address, run_id, self._owner_key, prepared.token, target)
        supervision = Supervision(
            Launch(prepared.image, run_id, self._owner_key, variables.as_environment(), prepared.container_name, prepared.network),
            prepared.backend,
            items=self._items,
            records=self._records,
            end_token=lambda: self._tokens.end_run(self._owner_key, run_id),
            settings=self._settings,
            patience=self._patience,
        )
        self._records.start(run_id, prepared.image)
        with self._lock:
            if self._closed:  # its record has no end, so the next unlock gives it its last state
                self._abandon(run_id)
                return
            self._alive[run_id] = supervision
        log.info("starting plugin run %s of image %s", run_id, prepared.image)
        supervision.start(on_end=lambda: self._forget(run_id))

    def _abandon(self, run_id: str) -> None:
        self._tokens.end_run(self._owner_key, run_id)

    def _forget(self, run_id: str) -> None:
        with self._lock:
            del self._alive[run_id]


class PreparedRun:
    """A checked run between the transaction that creates its item and its start. Exactly one of the two methods is called."""

    def __init__(
        self,
        runners: Runners,
        run_id: str,
        image: str,
        backend: Backend,
        token: SealedToken,
        properties: Mapping[str, int | str],
        network: Named | None,
    ) -> None:
        self._runners = runners
        self.run_id = run_id
        self.image = image
        self.backend = backend
        self.token = token
        self.network = network
        self.properties = properties
        """To be stored in the run's item before the commit, as far as the schema knows their names."""

    @property
    def container_name(self) -> str | None:
        """The name under which the run will be known outside of the server, if it gets one."""
        name = self.properties.get("containerId")
        return None if name is None else str(name)

    def start(self, target: Mapping[str, Any]) -> None:
        """Called after the commit, with the target item as it is then; returns without waiting for the process."""
        self._runners._start(self, target)

    def abandon(self) -> None:
        """Called after a rollback: the token that was minted never becomes valid."""
        self._runners._abandon(self.run_id)


def _text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    if not isinstance(value, str):
        raise Invalid(f"A PluginRun needs the text property {name}")
    return value


def _free_port() -> int:
    """A port that nothing listens on now. Source: pod-protocol.md, 14.2."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

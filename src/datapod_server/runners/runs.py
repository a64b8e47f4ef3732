"""`Runners`: the plugin runs of one pod. Source: pod-protocol.md, 14.

A run is started in two steps, so that no plugin is ever ahead of the data: inside the transaction that creates the `PluginRun` item,
`before_run` checks everything that can be checked and mints the token; after the commit, `PreparedRun.start` starts the process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from datapod_server.errors import DatapodError, Invalid
from datapod_server.items.changes import Changes
from datapod_server.principal import Principal
from datapod_server.rights import Rights
from datapod_server.runners.choice import choose_backend
from datapod_server.runners.items import PodItems
from datapod_server.runners.listing import Listing
from datapod_server.runners.preparation import ChooseBackend, Preparation, Prepared, text_of
from datapod_server.runners.reach import Reach
from datapod_server.runners.records import RecordDatabase, RunRecords
from datapod_server.runners.restarts import Restarts, check_policy, starts_again
from datapod_server.runners.schedule import parse_schedule
from datapod_server.runners.scheduler import Scheduler
from datapod_server.runners.settings import RunnerSettings
from datapod_server.runners.states import ERROR, STARTS_NOTHING
from datapod_server.runners.supervision import Patience, Supervision, write_last_state
from datapod_server.runners.ticker import Ticker
from datapod_server.runners.triggers import Triggers
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import SealedToken, TokenBox

log = logging.getLogger("datapod.runners")

FindItem = Callable[[str], Mapping[str, Any] | None]


class Runners:
    """Starts, watches and ends the plugin runs of one pod. Safe to use from several threads."""

    def __init__(
        self,
        *,
        owner_key: str,
        database_key: DatabaseKey,
        tokens: TokenBox,
        items: PodItems,
        database: RecordDatabase,
        settings: RunnerSettings,
        choose: ChooseBackend = choose_backend,
        patience: Patience | None = None,
    ) -> None:
        self._preparation = Preparation(owner_key, database_key, tokens, settings, choose)
        self._items = items
        self._records = RunRecords(database)
        self._settings = settings
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._alive: dict[str, Supervision] = {}
        self._closed = False
        self._restarts = Restarts()
        self._scheduler = Scheduler(items, self._records, self._lives_on)
        self.reach = Reach(self.find_living, items.find_run)
        self._triggers = Triggers(items, self._records, self.reach, lambda run_id: self.find_living(run_id) is not None)
        self._ticker = Ticker(self._tick)

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
        image, target_id = text_of(properties, "containerImage"), text_of(properties, "targetItemId")
        if find_item(target_id) is None:
            raise Invalid(f"Failed to find target item {target_id} to run a plugin against")
        self.before_change(properties)
        if image in STARTS_NOTHING:
            return None
        prepared = self._preparation.prepare(run_id, properties, rights)
        # In the same transaction: a server that is killed right after the commit knows at its next start that it owes this run an end.
        self._records.start(run_id, image, restricted=rights is not None, pattern=self._scheduler.pattern_of(run_id))
        self._scheduler.making(run_id)
        return PreparedRun(self, prepared)

    def before_change(self, properties: Mapping[str, Any]) -> None:
        """Check what is written into a `PluginRun`, inside the transaction. Raises `Invalid`, which is to roll it back."""
        check_policy(properties.get("pluginRestart"))
        if properties.get("pluginSchedule") is not None:
            parse_schedule(properties["pluginSchedule"])

    def committing(self, changes: Changes) -> Callable[[], None] | None:
        """Called inside every transaction after its last statement; what it returns is called after the commit."""
        changed = self._scheduler.is_changed_by(changes)
        if changed:
            self._scheduler.written(changes)
        look = self._scheduler.note(changes) or changed
        call = self._triggers.committing(changes)
        if not look:
            return call

        def after() -> None:
            self._look_at_schedules()
            if call is not None:
                call()

        return after

    def busy(self) -> bool:
        """Whether a run is alive, or about to be started again; the pod must stay unlocked until it has ended."""
        with self._lock:
            return bool(self._alive) or self._restarts.waiting()

    def recover(self) -> None:
        """Called once when the pod was unlocked: give a last state to the runs of a server that was killed, and start some again."""
        for run_id in self._records.unfinished():
            reason = "The server was restarted"
            again = starts_again(self._items.find_run(run_id), None, reason)
            write_last_state(self._items, run_id, None, reason, again=again)
            self._records.end(run_id, None, self._records.find_output(run_id) or b"", again=again)
        for run_id in self._records.waiting():
            self._restarts.add(run_id, 0.0)
        self._triggers.reload()
        self._look_at_schedules()

    def listing(self, run_ids: Collection[str]) -> list[dict[str, Any]]:
        """What `plugin/runs` shows: the runs with these ids, or all; newest first."""
        return Listing(self._items, self._records, self._scheduler, self._lives_on).describe(run_ids)

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
        self._ticker.close()
        for supervision in alive:
            supervision.stop("The server was stopped")
        self._triggers.close()
        for supervision in alive:
            supervision.join()

    def _start(self, prepared: Prepared, target: Mapping[str, Any], earlier_output: bytes = b"") -> None:
        run_id = prepared.run_id
        supervision = Supervision(
            self._preparation.launch(prepared, target),
            prepared.backend,
            items=self._items,
            records=self._records,
            end_token=lambda: self._preparation.end_token(run_id),
            settings=self._settings,
            patience=self._patience,
            earlier_output=earlier_output,
        )
        with self._lock:
            if self._closed:  # its record has no end, so the next unlock gives it its last state
                self._preparation.end_token(run_id)
                return
            self._alive[run_id] = supervision
        log.info("starting plugin run %s of image %s", run_id, prepared.image)
        supervision.start(on_end=lambda: self._ended(supervision))

    def _ended(self, supervision: Supervision) -> None:
        run_id = supervision.launch.run_id
        with self._lock:  # at once, so that the pod is busy without a gap
            del self._alive[run_id]
            if supervision.again:
                self._restarts.add(run_id, supervision.life_seconds)
            else:
                self._restarts.forget(run_id)
        self._ticker.wake()

    def _lives_on(self, run_id: str) -> bool:
        return self.find_living(run_id) is not None or self._restarts.awaits(run_id)

    def _look_at_schedules(self) -> None:
        self._scheduler.reload()
        self._ticker.wake()

    def _tick(self) -> float | None:
        for run_id in self._restarts.take_due():
            try:
                self._restart(run_id)
            except Exception:
                log.exception("the plugin run %s could not be started again; it is tried later", run_id)
                self._restarts.add(run_id, 0.0)
        pauses = (self._scheduler.tick(), self._restarts.seconds_to_next())
        return min((pause for pause in pauses if pause is not None), default=None)

    def _restart(self, run_id: str) -> None:
        item, record = self._items.find_run(run_id), self._records.find(run_id)
        if item is None or record is None or not starts_again(item, None, "It has ended"):
            self._give_up(run_id)
            return
        asker = self._items.principal(run_id, restricted=record.restricted)
        try:
            target = self._items.find_item(str(item.get("targetItemId")), asker)
            if target is None:
                raise Invalid(f"there is no target item {item.get('targetItemId')}")
            prepared = self._preparation.prepare(run_id, item, asker.rights)
        except DatapodError as error:
            self._items.update_run(run_id, {"status": ERROR, "error": f"Failed to start: {error}"})
            self._give_up(run_id)
            return
        self._items.update_run(run_id, {"error": None})
        if prepared.additions:
            self._items.update_run(run_id, prepared.additions)
        target = self._items.find_item(str(item["targetItemId"]), asker) or target
        self._records.start(run_id, prepared.image)
        self._start(prepared, target, self._records.find_output(run_id) or b"")
        self._restarts.started(run_id)

    def _give_up(self, run_id: str) -> None:
        self._records.give_up(run_id)
        self._restarts.forget(run_id)


class PreparedRun:
    """A checked run between the transaction that creates its item and its start. Exactly one of the two methods is called."""

    def __init__(self, runners: Runners, prepared: Prepared) -> None:
        self._runners = runners
        self._prepared = prepared

    @property
    def token(self) -> SealedToken:
        return self._prepared.token

    @property
    def properties(self) -> Mapping[str, int | str]:
        """To be stored in the run's item before the commit, as far as the schema knows their names."""
        return self._prepared.additions

    def start(self, target: Mapping[str, Any]) -> None:
        """Called after the commit, with the target item as it is then; returns without waiting for the process."""
        self._runners._start(self._prepared, target)

    def abandon(self) -> None:
        """Called after a rollback: the token that was minted never becomes valid."""
        self._runners._preparation.end_token(self._prepared.run_id)

"""The life cycle that plugins, datasets, procedures and functions share. Source: rest-api.md, 3."""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol

from msgspec import Struct

from datapod_server.entities.config import Config
from datapod_server.entities.entry import UNDER_WAY, Entry, NotReady, State
from datapod_server.entities.records import Records
from datapod_server.entities.types import TypeRegistry, decode_params
from datapod_server.errors import Conflict, DatapodError, EntryNotFound, Failed
from datapod_server.messages import Cancellation, Cancelled, Report

log = logging.getLogger("datapod.entities")


class Making(Struct, frozen=True):
    """What is known while an entity is built.

    Attributes:
        kind: Its type, from the registry.
        params: Decoded; `config.params` has them as given.
        data_key: Where its data lives; made up for a new entity.
        restored: It comes back after a restart, or is built again, instead of being created.
    """

    config: Config
    kind: Any
    params: Any
    data_key: str
    restored: bool
    report: Report
    cancellation: Cancellation


class Nature(Protocol):
    """What the entities of one collection are. Called without any lock held."""

    def new_key(self) -> str:
        """A key for the data of a new entity; empty if it has none."""
        ...

    def build(self, making: Making) -> Any:
        """The live object. Raises what the creation answers."""
        ...

    def status(self, live: Any) -> Any:
        """The `status` member; None for none."""
        ...

    def retire(self, live: Any) -> None:
        """Another has taken the place of this object; it is used no more."""
        ...

    def remove(self, live: Any) -> None:
        """The entity was deleted: what it stored goes too."""
        ...

    def close(self, live: Any) -> None:
        """The pod closes."""
        ...


class Collection:
    """The entities of one kind in one pod. Safe to use from several threads."""

    def __init__(self, name: str, types: TypeRegistry[Any], nature: Nature, records: Records | None) -> None:
        """`records`: None for a collection that nothing survives."""
        self.name = name
        self.kind = name.removesuffix("s")
        self.types = types
        self._nature = nature
        self._records = records
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}

    def ids(self) -> list[str]:
        with self._lock:
            return sorted(self._entries)

    def find(self, entity_id: str) -> Entry | None:
        with self._lock:
            return self._entries.get(entity_id)

    def get(self, entity_id: str) -> Entry:
        """Raises `EntryNotFound`."""
        entry = self.find(entity_id)
        if entry is None:
            raise EntryNotFound(self.name, entity_id)
        return entry

    def shown(self, entity_id: str) -> dict[str, Any]:
        """The status object of an entity; raises `EntryNotFound`."""
        return self.show(self.get(entity_id))

    def show(self, entry: Entry) -> dict[str, Any]:
        return entry.shown(self._nature.status(entry.live) if entry.live is not None else None)

    def ready(self, entity_id: str) -> Any:
        """What answers sub-routes of an entity; raises `NotReady`."""
        entry = self.find(entity_id)
        if entry is None:
            raise NotReady(self.kind, entity_id, "does not exist or has been deleted")
        if entry.usable is None:
            raise entry.unavailable(self.kind)
        return entry.usable

    def named(self, entity_id: str) -> Any:
        """What a query or a configuration means by a name; raises `EntryNotFound`, or `Conflict` for one that is not ready."""
        entry = self.get(entity_id)
        if entry.usable is None:
            raise Conflict(f"{self.kind} entry '{entity_id}' exists but is not ready", collection=self.name, entry=entity_id)
        return entry.usable

    def create(self, config: Config, *, overwrite: bool = True, background: bool = False) -> Entry:
        """Build an entity and wait for it, unless `background`.

        Raises:
            Conflict: One of that id is being built, or is there and `overwrite` is off; or the creation was cancelled by another call.
            DatapodError: What the creation failed with; the entry stays, in state `error`.
        """
        entry = self._claim(config, overwrite)
        if background:
            threading.Thread(target=self._build_quietly, args=(entry,), name=f"build {self.kind}", daemon=True).start()
            return entry
        self._build(entry)
        return entry

    def adopt(self, config: Config, live: Any, data_key: str) -> None:
        """Put an object that was built elsewhere in the place of what has its id, in one durable step."""
        entry = Entry(config)
        entry.state, entry.live = State.OK, live
        entry.done.set()
        with self._lock:
            before = self._entries.get(config.id)
            if self._records is not None:
                self._save(config, data_key)
            self._entries[config.id] = entry
        if before is not None:
            before.cancellation.request()
            if before.usable is not None and before.usable is not live:
                self._nature.retire(before.usable)

    def delete(self, entity_id: str) -> None:
        """Remove an entity, in whatever state; waits for a construction to stop. Does nothing for an unknown id."""
        with self._lock:
            entry = self._entries.get(entity_id)
            if entry is None:
                return
        entry.cancellation.request()
        if entry.state in UNDER_WAY:
            entry.done.wait()
        with self._lock:
            if self._entries.get(entity_id) is entry:
                del self._entries[entity_id]
            if self._records is not None:
                self._records.forget(self.name, entity_id)
        if entry.usable is not None:
            self._nature.remove(entry.usable)

    def restore(self) -> None:
        """Bring back what is on record; one that cannot be built is listed with its error and stops nothing."""
        for record in [] if self._records is None else self._records.all(self.name):
            entry = Entry(record.config)
            with self._lock:
                self._entries[record.config.id] = entry
            try:
                self._make(entry, record.data_key, restored=True)
            except DatapodError as error:
                log.warning("%s '%s' could not be brought back: error %d", self.kind, record.config.id, error.status)
            except Exception as error:  # noqa: BLE001 - whatever one entity's code or data does, the others come back
                log.error("%s '%s' could not be brought back: %s", self.kind, record.config.id, type(error).__name__)

    def data_keys(self) -> list[str]:
        """Of everything on record."""
        return [] if self._records is None else [record.data_key for record in self._records.all(self.name) if record.data_key]

    def close(self) -> None:
        """Stop what is being built, and close everything."""
        with self._lock:
            entries = list(self._entries.values())
            self._entries.clear()
        for entry in entries:
            entry.cancellation.request()
        for entry in entries:
            if entry.state in UNDER_WAY:
                entry.done.wait(10)
            if entry.usable is not None:
                self._nature.close(entry.usable)

    def _claim(self, config: Config, overwrite: bool) -> Entry:
        """Make the entry of a new construction the one that is shown."""
        with self._lock:
            before = self._entries.get(config.id)
            if before is not None:
                if before.state in UNDER_WAY:
                    raise Conflict(
                        f"entry '{config.id}' in {self.kind} could not be overwritten because it is being constructed",
                        collection=self.name,
                        entry=config.id,
                    )
                if not overwrite:
                    raise Conflict(f"{self.kind} entry '{config.id}' already exists", collection=self.name, entry=config.id)
            entry = Entry(config, None if before is None else before.usable)
            self._entries[config.id] = entry
            return entry

    def _build(self, entry: Entry) -> None:
        self._make(entry, self._nature.new_key(), restored=False)

    def _build_quietly(self, entry: Entry) -> None:
        try:
            self._build(entry)
        except DatapodError as error:
            log.info("%s could not be created in the background: error %d", self.kind, error.status)
        except Exception as error:  # noqa: BLE001 - nobody waits for this thread; the entry shows the failure
            log.error("%s could not be created in the background: %s", self.kind, type(error).__name__)

    def _make(self, entry: Entry, data_key: str, *, restored: bool) -> None:
        config = entry.config
        try:
            kind = self.types.get(config.type)
            params = decode_params(config.params, kind)
            live = self._nature.build(Making(config, kind, params, data_key, restored, entry.report, entry.cancellation))
            self._publish(entry, live, data_key, restored=restored)
        except Cancelled as error:
            entry.state = State.CANCELLED
            raise Conflict(f"{self.kind} entry '{config.id}' could not be obtained") from error
        except DatapodError as error:
            entry.failed(error)
            raise
        except Exception as error:
            entry.failed(Failed(f"internal error while the {self.kind} was made ({type(error).__name__})"))
            raise
        finally:
            entry.done.set()

    def _publish(self, entry: Entry, live: Any, data_key: str, *, restored: bool) -> None:
        with self._lock:
            if entry.cancellation.requested:
                gone = live
            else:
                gone, entry.older = entry.older, None
                if not restored and self._records is not None:
                    self._save(entry.config, data_key)
                entry.live, entry.state = live, State.OK
        if gone is live:
            self._nature.remove(live)
            raise Cancelled
        if gone is not None:
            self._nature.retire(gone)

    def _save(self, config: Config, data_key: str) -> None:
        assert self._records is not None  # noqa: S101 - the callers look
        if config.stays:
            self._records.save(self.name, config, data_key)
        else:
            self._records.forget(self.name, config.id)

"""`Connector`: a plugin that imports. An author writes its `streams`, and for each of them `read`."""

from __future__ import annotations

import abc
import contextlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from datapod.connectors.cursor import Cursor, ImportCursor, ImportProblem
from datapod.connectors.errors import ImportFailed, LoginNeeded, SourceError
from datapod.connectors.record import Checkpoint, Entry, State
from datapod.connectors.retrying import Retry
from datapod.connectors.writer import BATCH_RECORDS, Writer
from datapod.item import Item
from datapod.plugin import PluginBase, declared_classes

logger = logging.getLogger("datapod.connectors")

CURSOR_RIGHTS: dict[str, Any] = {"ImportCursor": "*", "ImportProblem": "*"}
"""What the kit itself reads and writes: part of `read` and `write` of a connector's `permissions`."""


class Stream(abc.ABC):
    """One thing that is read from its beginning to its end with one cursor: a feed, a mail folder, an address book."""

    def __init__(self, name: str, scope: str | None = None) -> None:
        self.name = name
        """What it is called, the same in every run and for no other stream of the connector: an address, a path."""
        self.scope = scope or name
        """Within what external ids are unique; streams that meet the same records share one."""

    @abc.abstractmethod
    def read(self, state: State) -> Iterator[Entry]:
        """What is new since `state`, in the order of the source, with a `Checkpoint` wherever reading could be taken up again.

        Called once per run. Yield at least one checkpoint, at the end. An exception ends this stream: what came before it is written, the
        cursor stays at the last checkpoint.
        """


class Connector(PluginBase):
    """Reads its streams one after the other and keeps the pod in step with them."""

    service: ClassVar[str] = ""
    """Name of the connector in cursors; the class' name if empty. Never changes: cursors are found by it."""
    retry: ClassVar[Retry] = Retry()
    """For writing to the pod."""
    batch_records: ClassVar[int] = BATCH_RECORDS

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.report: Counter[str] = Counter()
        """After the run: how many records were `created`, `updated`, `unchanged`, `removed`, `broken`."""
        self.resources = contextlib.ExitStack()
        """What is to be closed after the run: `source = self.resources.enter_context(HttpSource(...))`."""
        self.failures: dict[str, SourceError] = {}
        """Streams that could not be read to their end, by name."""

    @abc.abstractmethod
    def streams(self) -> Iterable[Stream]:
        """What there is to import; called once per run. May ask the source for it."""

    def add_to_schema(self) -> None:
        """Register the kit's item types, and those of `schema_classes`: list there all that the connector writes."""
        classes: list[type[Item]] = [ImportCursor, ImportProblem, *(type(self).schema_classes or declared_classes(type(self)))]
        if not self.client.add_to_schema(*classes):
            raise ImportFailed(f"The pod did not take the item types: {self.client.last_error}")

    def run(self) -> None:
        """Import all streams. One that fails does not stop the others.

        Raises:
            LoginNeeded: At once; the owner has to act first.
            ImportFailed: No stream could be read.
        """
        with self.resources:
            streams = list(self.streams())
            for number, stream in enumerate(streams):
                self._try(stream, number / len(streams), 1 / len(streams))
        self._say()
        if streams and len(self.failures) == len(streams):
            raise ImportFailed("; ".join(f"{name}: {error}" for name, error in self.failures.items())[:1_500])

    def _try(self, stream: Stream, done: float, share: float) -> None:
        try:
            self._import(stream, done, share)
        except LoginNeeded:
            raise
        except SourceError as error:
            self.failures[stream.name] = error
            logger.error("%s: %s", stream.name, error)

    def _import(self, stream: Stream, done: float, share: float) -> None:
        cursor = Cursor(self.client, type(self).service or type(self).__name__, stream.name)
        writer = Writer(self.client, cursor, stream.scope, retry=type(self).retry, batch_records=type(self).batch_records)
        try:
            for entry in stream.read(dict(cursor.state)):
                if not isinstance(entry, Checkpoint):
                    writer.put(entry)
                elif writer.checkpoint(entry.state) and entry.progress is not None:
                    self.set_progress(done + share * entry.progress)
            writer.finish()
        except SourceError as error:
            writer.fail(f"{type(error).__name__}: {error}"[:1_000])
            raise
        finally:
            self.report.update(writer.counts)
        self.set_progress(done + share)

    def _say(self) -> None:
        words = ", ".join(f"{count} {word}" for word, count in sorted(self.report.items())) or "nothing to import"
        print(f"{type(self).service or type(self).__name__}: {words}", flush=True)
        for name, error in self.failures.items():
            print(f"  {name} could not be read to its end: {error}", flush=True)


def known_versions(connector: PluginBase, item_type: type[Item], **equal: Any) -> dict[str, str]:
    """External id to version of the live items of a type with these properties: to find what is new, changed or gone in a source that can
    only be listed whole."""
    query = {"type": item_type.__name__, "deleted": False, **equal}
    found: dict[str, str] = {}
    for page in connector.client.api.search_paginate(query, 1_000):
        found.update({item["externalId"]: item.get("version", "") for item in page if "externalId" in item})
    return found

"""`ItemStore`: the items and edges of one pod. Writers come one after another; readers never wait for them.

Source: pod-protocol.md, 4 to 9.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Literal

import apsw

from datapod_server.errors import NotFound
from datapod_server.items.audit import Audit, Touched
from datapod_server.items.bulk import Bulk, BulkAnswer, NewEdge, carry_out, parse_searches
from datapod_server.items.changes import Changes, Committing
from datapod_server.items.definitions import Definitions, define_all
from datapod_server.items.edges import Direction, list_edges
from datapod_server.items.grants import Grants
from datapod_server.items.graph import parse_graph_query, run_graph_query
from datapod_server.items.migrations import migrate
from datapod_server.items.reading import BASE, Item, read_items
from datapod_server.items.runs import PLUGIN_RUN, BeforeChange, BeforeRun, PreparedRun
from datapod_server.items.schema import Schema
from datapod_server.items.sealed import Sealer
from datapod_server.items.search import Search
from datapod_server.items.tables import EdgesTable, ItemsTable, MatchingItemsTable
from datapod_server.items.view import View
from datapod_server.items.words import Words, text_query
from datapod_server.items.writing import Writing
from datapod_server.principal import OWNER, Principal
from datapod_server.storage.keys import SubKey
from datapod_server.storage.sqlite import Database

log = logging.getLogger("datapod.items")

AccountMode = Literal["auto", "implicit", "registered"]
_BY_ID = f"SELECT {BASE} FROM items WHERE id = ?"  # noqa: S608 - column names


class ItemStore:
    """Safe to use from several threads.

    Args:
        database: Its tables of items are made, or brought up to date, first.
        secrets_key: Seals the secrets of accounts.
        mode: `auto` takes the account's kind from the file; the others force one.

    Attributes:
        audit: What plugin runs were granted and touched.
        grants: What they are granted now.
        words: The text index.
        before_run: Asked inside the transaction about every new `PluginRun`; None while nobody starts runs.
        before_change: Asked likewise about every update of one.
        committing: Told of every transaction before and after its commit; None while nobody reacts.
    """

    def __init__(self, database: Database, secrets_key: SubKey, mode: AccountMode = "auto") -> None:
        self._database = database
        self._sealer = Sealer(secrets_key)
        self._mode = mode
        self._writing = Lock()
        self.before_run: BeforeRun | None = None
        self.before_change: BeforeChange | None = None
        self.committing: Committing | None = None
        self.audit = Audit(database)
        self.grants = Grants(database)
        self.words = Words(database, lambda: self._schema, self._writing)
        with database.write() as connection:
            migrate(connection, self._sealer)
            self._schema = Schema.load(connection, registered=_is_registered(connection, mode))
            self._latest_ms = next(int(ms) for (ms,) in connection.execute("SELECT coalesce(max(dateServerModified), 0) FROM items"))

    @property
    def registered(self) -> bool:
        """The kind of the account: registered ones hide deleted items and know the central schema. Source: 13.2."""
        return self._schema.registered

    def register(self) -> None:
        """Make this a registered account for good."""
        if self.registered:
            return
        with self._writing, self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES ('account', 'registered')")
            self._schema = Schema.load(connection, registered=_is_registered(connection, self._mode))

    def close(self) -> None:
        """Stop what works behind the writers, and write what it holds; before the database is closed."""
        self.words.close()
        self.audit.close()

    def now(self) -> int:
        """The server's time in ms, never less than what was handed out before: clients synchronise by it. Within a write transaction."""
        self._latest_ms = max(self._latest_ms, time.time_ns() // 1_000_000)
        return self._latest_ms

    # Reading

    @contextmanager
    def reading(self, principal: Principal, *, sealed: bool = False) -> Iterator[tuple[apsw.Connection, Schema, View]]:
        """One state of the pod, as `principal` sees it; `sealed`: with the secrets of accounts that are open to him."""
        schema = self._schema
        with self._database.read() as connection:
            view = View(connection, principal, self._sealer if sealed else None)
            yield connection, schema, view
        if view.touched and principal.run_id is not None:
            self.audit.read(principal.run_id, view.touched)

    def find_item(self, item_id: str, principal: Principal) -> Item | None:
        """An item, deleted or not; None if there is none that this principal sees."""
        with self.reading(principal, sealed=True) as (connection, schema, view):
            rows = connection.execute(f"{_BY_ID} AND {view.visible('items')}", (item_id,))
            return next((item for _, item in read_items(connection, schema, rows, view)), None)

    def get_item(self, item_id: str, principal: Principal) -> list[Item]:
        """One item or none, as the account shows it. Source: 6.2."""
        log.info("reading an item by id")
        item = self.find_item(item_id, principal)
        return [] if item is None or self._hides(item) else [item]

    def get_edges(self, item_id: str, direction: Direction, principal: Principal, *, expand: bool) -> list[dict[str, Any]]:
        """The edges of one item. Raises `NotFound` for an item that is not shown. Source: 7.3."""
        with self.reading(principal, sealed=True) as (connection, schema, view):
            found = connection.execute(f"{_BY_ID} AND {view.visible('items')}", (item_id,)).fetchone()
            if found is not None and not (found[6] and schema.registered):
                return list_edges(connection, schema, found[0], direction, view, expand=expand, deleted_ends=not schema.registered)
        raise NotFound(f"Cannot find item id {item_id}")

    def search(self, query: Mapping[str, Any], principal: Principal) -> list[Item]:
        """What matches; secrets of accounts are absent, but for those of a run's own. Raises `Invalid`; see `Search`."""
        search = Search(query)
        if search.words is not None:
            self.words.catch_up()
        with self.reading(principal, sealed=principal.run_id is not None) as (connection, schema, view):
            return search.run(connection, schema, view)

    def graph_query(self, text: str, principal: Principal) -> list[Item]:
        """The answer to a GraphQL-style query. Raises `Invalid`: a syntax error with its place, or a value of the wrong type."""
        roots = parse_graph_query(text)
        log.info("answering a graph query")
        with self.reading(principal, sealed=principal.run_id is not None) as (connection, schema, view):
            return run_graph_query(roots, connection, schema, view)

    def knows_property(self, name: str) -> bool:
        return self._schema.find(name) is not None

    # Writing

    def create(self, properties: Mapping[str, Any], principal: Principal) -> str:
        """Store an item; its id. Source: 6.1."""
        with self.write(principal) as (writing, _):
            return writing.create(properties)

    def update(self, properties: Mapping[str, Any], principal: Principal) -> None:
        """Source: 6.3."""
        with self.write(principal) as (writing, _):
            writing.update(properties)

    def delete(self, item_id: str, principal: Principal) -> None:
        """Source: 6.4."""
        with self.write(principal) as (writing, _):
            writing.delete(item_id)

    def create_edge(self, edge: NewEdge, principal: Principal) -> str:
        """Source: 7.2."""
        with self.write(principal) as (writing, _):
            return writing.create_edge(edge.source, edge.target, edge.name, edge.self_id)

    def delete_edges(self, source: str, target: str, name: str | None, principal: Principal) -> None:
        """Source: 7.4."""
        with self.write(principal) as (writing, _):
            writing.delete_edges(source, target, name)

    def bulk(self, bulk: Bulk, principal: Principal) -> BulkAnswer:
        """All of it or nothing; only searching needs no turn among the writers. Source: 9."""
        searches = parse_searches(bulk.search)
        if not (bulk.create_items or bulk.update_items or bulk.delete_items or bulk.create_edges):
            log.info("bulk: %d searches", len(searches))
            if any(search.words is not None for search in searches):
                self.words.catch_up()
            with self.reading(principal, sealed=principal.run_id is not None) as (connection, schema, view):
                return BulkAnswer([], [], [search.run(connection, schema, view) for search in searches])
        with self.write(principal) as (writing, connection):
            return carry_out(bulk, searches, writing, connection)

    def define(self, definitions: Definitions, principal: Principal) -> None:
        """The schema call. Source: 13.3."""
        with self.write(principal) as (writing, connection):
            define_all(definitions, writing, connection, self.now())

    @contextmanager
    def write(self, principal: Principal) -> Iterator[tuple[Writing, apsw.Connection]]:
        """One transaction; runs that it creates start after its commit, with the target as it is then."""
        prepared: list[tuple[PreparedRun, str, Principal]] = []
        targets: list[Item] = []
        after: Callable[[], None] | None = None
        try:
            # The schema is published before the next writer begins, and only once its definitions are committed.
            with self._writing:
                with self._database.write() as connection:
                    writing = Writing(
                        connection, self._schema, self.now, principal, self.before_run, self.before_change, self.audit, self._sealer
                    )
                    prepared = writing.prepared
                    yield writing, connection
                    writing.flush()
                    if writing.touched and principal.run_id is not None:
                        self.audit.wrote(connection, principal.run_id, writing.touched)
                    targets = [writing.find_item(target_id, run) or {} for _, target_id, run in prepared]
                    after = None if self.committing is None else self.committing(self._changes(connection, writing, principal))
                self._schema = writing.schema
        except BaseException:
            for run, _, _ in prepared:
                run.abandon()
            raise
        self.words.wake()
        for (run, _, _), target in zip(prepared, targets, strict=True):
            run.start(target)
        if after is not None:
            after()

    def _changes(self, connection: apsw.Connection, writing: Writing, principal: Principal) -> Changes:
        schemas, rows = (self._schema, writing.schema), (writing.created_rows, writing.changed_rows)
        return Changes(connection, self._database.read, schemas, principal, writing.watched_items, rows)

    # What plugin runs and the query language need

    def find_run(self, run_id: str) -> Item | None:
        """A `PluginRun` item; None if it is unknown or deleted."""
        item = self.find_item(run_id, OWNER)
        return None if item is None or item["deleted"] or item["type"] != PLUGIN_RUN else item

    def update_run(self, run_id: str, properties: Mapping[str, Any]) -> None:
        """Write like a client would; names that the schema does not know are left out. Raises `NotFound`."""
        known = {name: value for name, value in properties.items() if self.knows_property(name)}
        self.update({"id": run_id, **known}, OWNER)

    def items_table(self, item_type: str | None, principal: Principal, words: str | None = None) -> ItemsTable:
        """The items of one type, or of all, for SQL, as `principal` sees them; secret properties are absent for everybody.

        Args:
            words: Only items whose texts contain these words; `Invalid` if there is none.
        """
        if words is None:
            return ItemsTable(self._database, lambda: self._schema, item_type, principal, self._note_rows)
        expression = text_query(words)
        self.words.catch_up()
        return MatchingItemsTable(self._database, lambda: self._schema, item_type, principal, self._note_rows, expression)

    def edges_table(self, name: str | None, principal: Principal) -> EdgesTable:
        """The edges of one name, or all, for SQL."""
        return EdgesTable(self._database, lambda: self._schema, name, principal, self._note_rows)

    def note_dataset(self, dataset: str, principal: Principal) -> None:
        """For the audit record: a query of a run reads a dataset."""
        self.audit.note(principal, "dataset", dataset, "read")

    def _note_rows(self, touched: Touched, principal: Principal) -> None:
        if principal.run_id is not None:
            self.audit.read(principal.run_id, touched)

    def _hides(self, item: Item) -> bool:
        return bool(item["deleted"]) and self._schema.registered


def _is_registered(connection: apsw.Connection, mode: AccountMode) -> bool:
    if mode != "auto":
        return mode == "registered"
    return connection.execute("SELECT 1 FROM settings WHERE key = 'account' AND value = 'registered'").fetchone() is not None

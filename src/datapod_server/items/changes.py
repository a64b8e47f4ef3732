"""What one transaction is about to commit, for those who react to it: schedules, triggers, whoever watches over runs.

Nobody pays for what nobody asks: a transaction only notes row numbers, and the questions here are asked while somebody watches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

import apsw

from datapod_server.items.reading import rows_as_json
from datapod_server.items.schema import Schema
from datapod_server.items.search import Search
from datapod_server.items.view import View
from datapod_server.principal import OWNER, Principal

_CREATED = "SELECT id, type FROM items WHERE row >= ?1 AND type IN (SELECT value FROM json_each(?2)) AND NOT deleted ORDER BY row"


class Changes:
    """The changes of one transaction, all of them written but not committed yet.

    Attributes:
        principal: Who made them.
        watched_items: The names that were written of each created or changed `PluginRun` and `Trigger`, by type and id.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        read_before: Callable[[], AbstractContextManager[apsw.Connection]],
        schemas: tuple[Schema, Schema],
        principal: Principal,
        watched_items: Mapping[tuple[str, str], frozenset[str]],
        rows: tuple[range, Collection[int]],
    ) -> None:
        """`read_before`: a reader of the state before. `schemas`: before and after. `rows`: those created, and others changed."""
        self.principal = principal
        self.watched_items = watched_items
        self._connection = connection
        self._read_before = read_before
        self._schemas = schemas
        self._created, self._changed = rows

    def created(self, types: Collection[str]) -> list[tuple[str, str]]:
        """Id and type of the new items of these types, in the order of creation."""
        if not self._created or not types:
            return []
        return list(self._connection.execute(_CREATED, (self._created.start, rows_as_json(types))))

    def gains(self, search: Search) -> bool:
        """Whether an item that was created or changed matches, and did not match before.

        In a pod in memory, which has no readers of the state before, only new items count.
        """
        matching = search.among(self._connection, self._schemas[1], View(self._connection, OWNER), [*self._created, *self._changed])
        if any(row in self._created for row in matching):
            return True
        if not matching:
            return False
        with self._read_before() as connection:
            return not matching <= search.among(connection, self._schemas[0], View(connection, OWNER), matching)


Committing = Callable[[Changes], Callable[[], None] | None]
"""Called inside every write transaction after its last statement; must not raise. What it returns is called after the commit."""

"""What belongs to a plugin run without being granted: its own item, its target, its accounts. Source: pod-protocol.md, 23.3.

Whether a link opens an account depends on who made it, so the makers of such items are noted in a table of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

import apsw
from msgspec import Struct

MADE_BY_RUNS = """
CREATE TABLE made_by_runs (row INTEGER PRIMARY KEY REFERENCES items (row), run TEXT NOT NULL) WITHOUT ROWID;
"""
NOTED_TYPES = frozenset({"Account", "CVUStoredDefinition"})
"""The items whose makers matter; so do those of edges from runs to them, which are noted by the row of the edge's own item."""
_NOBODY = -1

_RUN = """
SELECT items.row, target.value FROM items
LEFT JOIN strings AS target ON target.item = items.row AND target.name = (SELECT number FROM names WHERE name = 'targetItemId')
WHERE items.id = ?1 AND items.type = 'PluginRun'
"""
_TARGET = "SELECT row, type FROM items WHERE id = ?1"
_PLUGINS = """
SELECT items.row, items.type FROM edges JOIN items ON items.row = edges.target
WHERE edges.source = ?1 AND edges.name = 'plugin' AND items.type = 'Plugin'
"""
_TRIGGERS = """
SELECT items.row, items.type FROM strings JOIN items ON items.row = strings.item
WHERE strings.name = (SELECT number FROM names WHERE name = 'pluginRunId') AND strings.value = ?1 AND items.type = 'Trigger'
"""
_ACCOUNTS = """
SELECT items.row FROM edges JOIN items ON items.row = edges.target
LEFT JOIN made_by_runs AS link ON link.row = edges.self LEFT JOIN made_by_runs AS account ON account.row = items.row
WHERE edges.source = ?1 AND edges.name = 'account' AND items.type = 'Account' AND (link.run IS NULL OR account.run = ?2)
UNION SELECT items.row FROM made_by_runs JOIN items ON items.row = made_by_runs.row WHERE made_by_runs.run = ?2 AND items.type = 'Account'
"""
_VIEWS = """
SELECT items.row FROM made_by_runs JOIN items ON items.row = made_by_runs.row
WHERE made_by_runs.run = ?1 AND items.type = 'CVUStoredDefinition'
"""


class Own(Struct, frozen=True):
    """Row numbers of what is a run's own.

    Attributes:
        run: The run's own item; -1 if there is none any more.
        accounts: Those whose secrets it may read and write.
        views: Stored definitions that it made.
        rows: All of its own things, the run included, with their types.
    """

    run: int
    accounts: frozenset[int]
    views: frozenset[int]
    rows: Mapping[int, str]


def find_own(connection: apsw.Connection, run_id: str) -> Own:
    """As the transaction of this connection has it now."""
    found = connection.execute(_RUN, (run_id,)).fetchone()
    if found is None:
        return Own(_NOBODY, frozenset(), frozenset(), {})
    run, target_id = found
    rows: dict[int, str] = {}
    if target_id is not None:
        rows.update(connection.execute(_TARGET, (target_id,)))
    rows.update(connection.execute(_PLUGINS, (run,)))
    rows.update(connection.execute(_TRIGGERS, (run_id,)))
    accounts = frozenset(row for (row,) in connection.execute(_ACCOUNTS, (run, run_id)))
    views = frozenset(row for (row,) in connection.execute(_VIEWS, (run_id,)))
    rows.update(dict.fromkeys(accounts, "Account"))
    rows.update(dict.fromkeys(views, "CVUStoredDefinition"))
    rows[run] = "PluginRun"
    return Own(run, accounts, views, rows)

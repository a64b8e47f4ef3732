"""What one asker sees of the items of a pod: every read goes through it, and what may not be read looks absent.

Rows and edges are left out in the very statements that find them, so that limits, offsets and counts come out as if they were not stored;
properties are taken out of the objects afterwards. Source: pod-protocol.md, 23.2, 23.3, 23.5, 23.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apsw

from datapod_server.items.audit import Touched
from datapod_server.items.own import Own, find_own
from datapod_server.items.schema import DEFINING_KEYS
from datapod_server.items.sealed import Sealer
from datapod_server.principal import Kind, Principal, Scope
from datapod_server.rights import ALL, NO_NAMES, Level, Names, Rights
from datapod_server.secret_properties import SECRETS, is_secret

Item = dict[str, Any]
_BASE = frozenset({"id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted", "_source", "_target", "_edge", "_item"})
_EVERY_NAME = Names(everything=True, listed=frozenset().union(*SECRETS.values()))
_EVERY_PLAIN_NAME = Names(everything=True)
EVERYWHERE = "1"
"""The condition that holds for every row."""
_ENDS_OF = """
SELECT 1 FROM edges AS view_edges, items AS view_source, items AS view_target
WHERE view_source.row = view_edges.source AND view_target.row = view_edges.target
"""


class View:
    """The view of one principal within one transaction.

    Attributes:
        narrowed: Whether anything is hidden at all; if not, the conditions are empty of meaning and `strip` has nothing to do.
        own: What belongs to the run that asks; None if no run asks.
        sealer: Opens the secrets of accounts that the asker may read; None: they are absent.
        touched: What was read by a run through this view, for the audit record.
    """

    def __init__(self, connection: apsw.Connection, principal: Principal, sealer: Sealer | None = None) -> None:
        self.sealer = sealer
        self.principal = principal
        self._rights = principal.rights
        self.own: Own | None = None
        self.touched = Touched()
        if principal.kind is Kind.RUN and principal.run_id is not None:
            self.own = find_own(connection, principal.run_id)
        # Neither other plugins nor scripts see the secrets of an account: only its owner and its own run.
        self._hides_secrets = self.own is not None or (principal.kind is Kind.TOKEN and Scope.ADMIN not in principal.scopes)
        self.narrowed = self._hides_secrets or self._rights is not None

    # Conditions, as SQL text; names in it stand in quotes, rows are numbers

    def visible(self, items: str) -> str:
        """Which rows of the table `items` (its alias) may be seen."""
        if self._rights is None:
            return EVERYWHERE
        plain = self._seen(items, self._rights)
        if self._rights.edges or self.own is not None:
            edge = self.edge_visible("view_edges", "view_source", "view_target")
            plain += f" OR ({items}.type = 'Edge' AND EXISTS ({_ENDS_OF} AND view_edges.self = {items}.row AND {edge}))"
        return f"({plain})"

    def edge_visible(self, edges: str, source: str, target: str) -> str:
        """Which edges may be seen, given the aliases of their table and of the items at both ends."""
        if self._rights is None:
            return EVERYWHERE
        named = EVERYWHERE if ALL in self._rights.edges else _among(f"{edges}.name", self._rights.edges)
        between = f"({named} AND ({self._seen(source, self._rights)}) AND ({self._seen(target, self._rights)}))"
        if self.own is None:
            return between
        run, known = f"({self.own.run})", _numbers(self.own.rows)
        return f"({between} OR ({source}.row = {run} AND {target}.row IN {known}) OR ({target}.row = {run} AND {source}.row IN {known}))"

    def carries(self, items: str, name: str) -> str:
        """Of which rows of `items` the property may be read; elsewhere it counts as unset."""
        if not self.narrowed:
            return EVERYWHERE
        if self._rights is None:
            return (
                f"({items}.type != 'Account' OR {items}.row IN {_numbers(self._accounts())})" if is_secret("Account", name) else EVERYWHERE
            )
        special = {*self._rights.read.by_type, *SECRETS} - {ALL}
        allowed = [item_type for item_type in special if self._of_type(item_type).allow(item_type, name)]
        every = self._rights.read.by_type.get(ALL, NO_NAMES)
        if every.everything or name in every.listed:
            by_type = f"NOT {_among(f'{items}.type', special - set(allowed))}"
        else:
            by_type = _among(f"{items}.type", allowed)
        own = [row for row, item_type in self._own_rows().items() if self.names(row, item_type).allow(item_type, name)]
        return f"({by_type} OR {items}.row IN {_numbers(own)} OR {_among(f'{items}.type', DEFINING_KEYS)})"

    def reads_name(self, name: str) -> bool:
        """Whether there may be an item of which this property may be read."""
        own = self._own_rows().items()
        return self.grants_name(name) or any(self.names(row, item_type).allow(item_type, name) for row, item_type in own)

    def grants_name(self, name: str) -> bool:
        """Whether this property may be read of items that are not the run's own."""
        rights = self._rights
        types = () if rights is None else {*rights.read.by_type, *DEFINING_KEYS, *SECRETS}
        return rights is None or any(self._of_type(item_type).allow(item_type, name) for item_type in types)

    # Objects that were read

    def names(self, row: int, item_type: str) -> Names:
        """The properties of one item that may be read, if it may be seen."""
        own = self.own
        if own is not None and row in own.accounts:
            return _EVERY_NAME
        if self._rights is None:
            return _EVERY_PLAIN_NAME if self._hides_secrets and item_type == "Account" else _EVERY_NAME
        granted = self._of_type(item_type)
        if item_type in DEFINING_KEYS:
            return _EVERY_NAME
        if own is None:
            return granted
        if row == own.run:
            return _EVERY_NAME
        return granted.union(_EVERY_PLAIN_NAME) if row in own.rows else granted

    def strip_all(self, items: Mapping[int, Item]) -> None:
        """Take out of each object, by row number, what may not be read of it."""
        if not self.narrowed:
            return
        for row, item in items.items():
            item_type = item["type"]
            names = self.names(row, item_type)
            if not names.everything or item_type in SECRETS:
                for name in [name for name in item if name not in _BASE and not names.allow(item_type, name)]:
                    del item[name]
            if self.own is not None:
                self.touched.add("item", item_type, "read", item.keys() - _BASE)

    def sees(self, row: int, item_type: str) -> bool:
        """Whether the type of an item, or its being the run's own, lets it be seen. For an edge's own item see `visible`."""
        return self._rights is None or (
            item_type != "Edge"
            and (
                self._rights.read.of(item_type) is not None or item_type in DEFINING_KEYS or (self.own is not None and row in self.own.rows)
            )
        )

    def reads_edges(self, name: str) -> bool:
        return self._rights is None or self._rights.edge(name) is not Level.NONE

    @property
    def rights(self) -> Rights | None:
        return self._rights

    def _seen(self, items: str, rights: Rights) -> str:
        types = rights.read.by_type
        by_type = f"{items}.type != 'Edge'" if ALL in types else _among(f"{items}.type", [*(set(types) - {"Edge"}), *DEFINING_KEYS])
        return f"{by_type} OR {items}.row IN {_numbers(self._own_rows())}"

    def _of_type(self, item_type: str) -> Names:
        return _EVERY_NAME if self._rights is None else self._rights.read.of(item_type) or NO_NAMES

    def _own_rows(self) -> Mapping[int, str]:
        return {} if self.own is None else self.own.rows

    def _accounts(self) -> Iterable[int]:
        return () if self.own is None else self.own.accounts


def _among(expression: str, texts: Iterable[str]) -> str:
    quoted = ", ".join("'" + text.replace("'", "''").replace("\0", "") + "'" for text in sorted(texts))
    return f"{expression} IN ({quoted})"


def _numbers(rows: Iterable[int]) -> str:
    return "(" + ", ".join(str(int(row)) for row in sorted(rows)) + ")"

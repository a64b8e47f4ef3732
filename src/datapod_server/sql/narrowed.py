"""What a query of a plugin run may name: the datasets that it was granted; all others look absent.

Source: pod-protocol.md, 23.2 (`datasets`), 23.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from datapod_server.errors import EntryNotFound
from datapod_server.principal import Principal
from datapod_server.rights import Rights, missing
from datapod_server.sql.tables import Resolve, Table, UserFunction


class Narrowed:
    """`Resolve` within rights.

    Items and edges narrow themselves. Function entities are absent where rights narrow at all, since they may read any dataset.

    Args:
        rights: None: nothing is narrowed, and names are only noted.
        note: Told the name of every dataset that is found.
    """

    def __init__(self, resolve: Resolve, rights: Rights | None, note: Callable[[str], None]) -> None:
        self._resolve = resolve
        self._rights = rights
        self._note = note

    def dataset(self, name: str) -> Table:
        if self._rights is not None and not self._rights.datasets_read.include(name):
            raise EntryNotFound("datasets", name)
        found = self._resolve.dataset(name)
        self._note(name)
        return found

    def configured(self, config: Mapping[str, Any]) -> Table:
        if self._rights is None:
            return self._resolve.configured(config)
        entity_id = config.get("id")
        if not isinstance(entity_id, str) or config.keys() != {"id"}:
            raise missing(f"datasets write {entity_id if isinstance(entity_id, str) else '*'}")
        return self.dataset(entity_id)

    def items(self, item_type: str | None, principal: Principal, words: str | None = None) -> Table:
        return self._resolve.items(item_type, principal, words)

    def edges(self, name: str | None, principal: Principal) -> Table:
        return self._resolve.edges(name, principal)

    def function(self, name: str) -> UserFunction | None:
        return self._resolve.function(name) if self._rights is None else None

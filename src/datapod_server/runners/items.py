"""What the runs of a pod need of its items."""

from __future__ import annotations

from typing import Any, Protocol

from datapod_server.principal import Principal
from datapod_server.runners.supervision import RunItems


class PodItems(RunItems, Protocol):
    """The items that runs are about, with the rights of the owner."""

    def find_item(self, item_id: str, principal: Principal) -> dict[str, Any] | None:
        """Any item that is not deleted, as this principal sees it."""
        ...

    def principal(self, run_id: str, *, restricted: bool) -> Principal:
        """Who asks with the token of a run; `restricted`: it was started with a declaration of rights."""
        ...

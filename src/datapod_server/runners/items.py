"""What the runs of a pod need of its items."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

    def runs(self) -> list[dict[str, Any]]:
        """All runs that are not deleted, oldest first."""
        ...

    def scheduled_runs(self) -> list[dict[str, Any]]:
        """Those of them that carry a schedule."""
        ...

    def links(self, run_id: str, names: Collection[str]) -> list[tuple[str, str]]:
        """Name and target of the edges of these names that lead from a run."""
        ...

    def create_run(self, properties: Mapping[str, Any], links: Collection[tuple[str, str]]) -> None:
        """Create a run with its edges, which starts it. Raises `DatapodError`."""
        ...

    def triggers(self) -> list[dict[str, Any]]:
        """All triggers that are not deleted."""
        ...

"""The hook for items of type `PluginRun`: what the items room asks of whoever starts plugin runs. Source: pod-protocol.md, 14.1, 14.5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from datapod_server.principal import Principal
from datapod_server.rights import Rights

PLUGIN_RUN, TRIGGER = "PluginRun", "Trigger"
Item = dict[str, Any]


class PreparedRun(Protocol):
    """A checked run; exactly one of the two methods is called, and neither raises."""

    @property
    def properties(self) -> Mapping[str, int | str]:
        """Stored in the run's item too, those of them whose names the schema knows."""
        ...

    def start(self, target: Mapping[str, Any]) -> None:
        """After the commit, with the target item as it is then."""
        ...

    def abandon(self) -> None:
        """After a rollback."""
        ...


BeforeRun = Callable[[str, Mapping[str, Any], Callable[[str], Mapping[str, Any] | None], Rights | None, Principal], PreparedRun | None]
"""Called inside the transaction for every created `PluginRun`, with its id, its properties as sent, a way to read items as the asker sees
them in the transaction, what the run is granted (None: it is unrestricted), and who asks. What it raises rolls the transaction back; None:
nothing is to be started."""

BeforeChange = Callable[[Mapping[str, Any]], None]
"""Called inside the transaction for every update of a `PluginRun` with the properties that it sets; what it raises rolls it back."""

"""Plain helpers of importers and indexers from before 2021, for code that still calls them. Source: plugin-sdk.md, 14.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datapod.client import PodClient
    from datapod.item import Item

Element = TypeVar("Element")


def batch(seq: Sequence[Element], n: int = 1) -> Iterator[Sequence[Element]]:
    """Slices of length `n`; the last may be shorter.

    >>> list(batch("abcde", 2))
    ['ab', 'cd', 'e']
    """
    return (seq[start : start + n] for start in range(0, len(seq), n))


class ImporterBase:
    """What importers tell about themselves: properties of their run, written at once."""

    @staticmethod
    def update_progress(client: PodClient, run: Item, progress: float, total: str = "total", verbose: bool = True) -> None:
        """Write how much is done, from 0 to 1."""
        if verbose:
            print(f"PROGRESS: Importing {progress * 100:.0f}% of {total} ", flush=True)
        run.progress = progress
        client.update_item(run)

    @staticmethod
    def update_run_status(client: PodClient, run: Item, status: str) -> None:
        run.runStatus = status
        client.update_item(run)

    @staticmethod
    def update_progress_message(client: PodClient, run: Item, message: str, verbose: bool = True) -> None:
        if verbose:
            print(message, flush=True)
        run.progressMessage = message
        client.update_item(run)


class IndexerBase:
    """Reads items, adds to them: `get_data` and `index` are the deriving class' own."""

    def get_data(self, client: PodClient, run: Any) -> Any:
        """What `index` works on; nothing unless overridden."""
        return None

    def index(self, data: Any, run: Any, client: PodClient) -> Sequence[Item]:
        """Items to write: new ones are created, others updated; none unless overridden."""
        return []

    def populate(self, client: PodClient, items: Sequence[Item], edges: bool = False) -> bool:
        """Write the items, and with `edges` their new edges."""
        new = [item for item in items if not item._in_pod]
        links = [edge for item in items for edge in item._new_edges] if edges else []
        return client.bulk_action(create_items=new, update_items=[item for item in items if item._in_pod], create_edges=links)

    def run(self, run: Any, client: PodClient) -> None:
        self.populate(client, self.index(self.get_data(client, run), run, client))

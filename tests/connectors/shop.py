"""A small connector to a `FakeProvider`, as an author would write one; the sample of docs/connectors.md is its short form."""

from __future__ import annotations

from collections.abc import Iterator

from datapod.connectors import (
    CURSOR_RIGHTS,
    BrokenRecord,
    Checkpoint,
    Connector,
    Entry,
    HttpSource,
    Record,
    Removed,
    Retry,
    State,
    Stream,
    pages_by_link,
)
from datapod.schema import Account, File, Note, Receipt

QUICK = Retry(first_pause_seconds=0.01)


class Orders(Stream):
    """What was bought; the shop counts changes, and `since` asks for those after a number."""

    def __init__(self, source: HttpSource) -> None:
        super().__init__(str(source.base_url))
        self._source = source

    def read(self, state: State) -> Iterator[Entry]:
        for page in pages_by_link(self._source, "/records", {"since": state.get("since", 0)}):
            for order in page.json()["records"]:
                yield self._entry(order)
                state = {"since": order["changed"]}
                yield Checkpoint(state)
        yield Checkpoint(state)

    def _entry(self, order: dict) -> Entry:
        if order.get("deleted"):
            return Removed(order["id"])
        if not isinstance(order.get("store"), str):
            return BrokenRecord(order["id"], "an order without a store")
        receipt = Receipt(store=order["store"], category=order.get("category"))
        record = Record(order["id"], receipt, decides=["store", "category"], follow=["file"])
        for name, text in order.get("files", {}).items():
            record.add_file("file", text.encode(), name)
        return record


class ShopPlugin(Connector):
    """Imports the receipts of a shop."""

    service = "shop"
    schema_classes = [Receipt, File, Account, Note]
    permissions = {
        "read": {**CURSOR_RIGHTS, "Receipt": "*", "File": "*"},
        "write": {**CURSOR_RIGHTS, "Receipt": "*", "File": "*"},
        "edges": {"file": "write"},
        "files": "write",
        "network": "outbound",
    }

    def __init__(self, url: str = "", **keywords) -> None:
        super().__init__(**keywords)
        self.url = url

    def streams(self) -> Iterator[Stream]:
        yield Orders(self.resources.enter_context(HttpSource(self.url, retry=QUICK)))

"""An importer outside the server: airports and carriers as items, and an edge from each carrier to every airport it flies to.

The pod starts it when a `PluginRun` item is created that names it (docs/runs.md), and sees its progress in that item. It may run
again at any time: what is there already is found by its external id and not made twice.
"""

from datapod import Edge, Item, PluginBase
from examples import flight_data


class Airport(Item):
    faa: str | None = None
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitudeFeet: int | None = None  # noqa: N815 - properties are named as they are in the pod
    timezone: str | None = None


class Carrier(Item):
    code: str | None = None
    name: str | None = None
    serves: list[Airport] = []  # noqa: RUF012 - a list of an item type declares an edge


class AirNetworkImporter(PluginBase):
    """Imports the network of carriers and airports.

    Args:
        batch_size: Items per request; progress is reported after each.
    """

    schema_classes = [Airport, Carrier]  # noqa: RUF012 - read by the SDK, which registers them before `run`

    def __init__(self, batch_size: int = 250, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.batch_size = batch_size

    def run(self) -> None:
        airports = self._known(Airport)
        carriers = self._known(Carrier)
        new_items: list[Item] = []
        for row in flight_data.airports():
            if row["faa"] not in airports:
                airports[row["faa"]] = airport(row)
                new_items.append(airports[row["faa"]])
        for row in flight_data.carriers():
            if row["carrier"] not in carriers:
                carriers[row["carrier"]] = Carrier(externalId=row["carrier"], code=row["carrier"], name=row["name"])
                new_items.append(carriers[row["carrier"]])
        self._write(new_items)
        links = {(flight["carrier"], airport) for flight in flight_data.flights() for airport in (flight["origin"], flight["dest"])}
        edges = [Edge(carriers[carrier], airports[faa], "serves") for carrier, faa in sorted(links) if faa in airports]
        if not self.client.create_edges(edges):
            raise RuntimeError(f"the edges could not be written: {self.client.last_error}")
        print(f"{len(new_items)} new items, {len(edges)} edges")

    def _known(self, item_type: type[Item]) -> dict[str, Item]:
        """Items of that type that an earlier run made, by external id."""
        found = self.client.search({"type": item_type.__name__}, include_edges=False)
        return {item.externalId: item for item in found}

    def _write(self, items: list[Item]) -> None:
        for start in range(0, len(items), self.batch_size):
            batch = items[start : start + self.batch_size]
            if not self.client.bulk_action(create_items=batch):
                raise RuntimeError(f"the items could not be written: {self.client.last_error}")
            self.set_progress((start + len(batch)) / len(items))


def airport(row: dict[str, str]) -> Airport:
    """One line of airports.csv as an item."""
    return Airport(
        externalId=row["faa"],
        faa=row["faa"],
        name=row["name"],
        latitude=float(row["lat"]),
        longitude=float(row["lon"]),
        altitudeFeet=int(row["alt"]),
        timezone=row["tzone"],
    )

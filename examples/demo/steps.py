"""What the demo shows, step by step."""

import time
from pathlib import Path
from typing import Any

from datapod import PluginRun, PodClient
from examples import flight_data
from examples.demo import plot
from examples.demo.account import Account
from examples.demo.pod import Pod
from examples.demo.server import PLUGIN_IMAGE, Server

EXAMPLES = Path(__file__).resolve().parents[1]
FLIGHTS, AIRPORTS, CARRIERS = 336_776, 1_458, 16
# Texts that are in the items and in the table, and so must not be found in any file of the server.
PLANTED = ("John F Kennedy Intl", "American Airlines Inc.", "America/New_York", "N14228")
RUN_SECONDS = 60.0


class NotAsExpected(Exception):
    """Something was answered, but not what the demo is about to show."""


def tell(account: Account, server: Server, work: Path, out: Path) -> None:
    """The whole demo; raises what stopped it."""
    with account.step("An empty pod"):
        pod = server.start()
        account.say(f"{server.address}, data in {server.data}, encrypted with a key that only its owner has")
    with account.step("A plugin outside the server imports airports and carriers"):
        run_importer(account, pod)
    with account.step("A table: import.text reads the flights"):
        import_flights(account, pod, work)
    with account.step("SQL over the table and the items at once"):
        ask_sql(account, pod)
    with account.step("A plugin inside the server: a route and a page"):
        load_plugin(account, pod)
    with account.step("A script"):
        run_script(account, pod)
    before = census(pod)
    with account.step("Stop and start again: everything is still there"):
        pod.close()
        server.stop()
        pod = server.start()
        compare(account, before, census(pod))
    with account.step("Nothing of it can be read in the files"):
        search_files(account, server.data)
    with account.step("A picture"):
        draw(account, pod, out)
    pod.close()
    server.stop()
    account.finish("Done.")


def run_importer(account: Account, pod: Pod) -> None:
    """Create a `PluginRun` item; the pod starts the process, whose progress arrives in that item."""
    client = PodClient(url=pod.address, owner_key=pod.owner_key, database_key=pod.database_key)
    run = PluginRun(containerImage=PLUGIN_IMAGE, pluginModule="examples.air_network", pluginName="AirNetworkImporter")
    if not client.create(run):
        raise NotAsExpected(f"the pod refused the plugin run: {client.last_error}")
    deadline = time.monotonic() + RUN_SECONDS
    with account.progress("importing") as progress:
        while run.status not in ("done", "error", "aborted"):
            if time.monotonic() > deadline:
                raise NotAsExpected(f"the importer did not end within {RUN_SECONDS:.0f} s; its status is {run.status}")
            time.sleep(0.05)
            run = client.get(run.id, expanded=False)
            progress.update(progress.task_ids[0], completed=run.progress or 0.0, description=str(run.status))
    if run.status != "done":
        raise NotAsExpected(f"the importer ended with status {run.status}: {run.error}")
    carrier = client.search({"type": "Carrier", "code": "HA"})[0]
    account.say(f"{carrier.name} serves {', '.join(sorted(airport.name for airport in carrier.serves))}")


def import_flights(account: Account, pod: Pod, work: Path) -> None:
    file = flight_data.unpack_flights(work)
    body = {"type": "import.text", "params": {"dataFileUrl": f"file://{file}", "outputDataset": {"id": "flights", "type": "tabular"}}}
    run = pod.put("/v1/procedures/import_flights", body).json()["status"]["firstRun"]
    account.say(f"{run['status']['rowCount']:,} rows of {file.stat().st_size / 1e6:.0f} MB CSV")


def ask_sql(account: Account, pod: Pod) -> None:
    start = time.perf_counter()
    rows = pod.query(
        """SELECT carrier.name AS carrier, airport.name AS destination, f.flights AS flights, f.delay AS delay
           FROM (SELECT carrier, dest, count(*) AS flights, avg(arr_delay) AS delay
                 FROM flights WHERE arr_delay IS NUMBER GROUP BY carrier, dest) AS f
           JOIN items('Carrier') AS carrier ON carrier.code = f.carrier
           JOIN items('Airport') AS airport ON airport.faa = f.dest
           WHERE f.flights > 1000 ORDER BY f.delay DESC LIMIT 5"""
    )
    account.say(f"the latest connections with more than 1,000 flights, in {1000 * (time.perf_counter() - start):.0f} ms:")
    account.table(rows, ("carrier", "destination", "flights", "delay"))


def load_plugin(account: Account, pod: Pod) -> None:
    pod.put("/v1/plugins/delays", {"type": "python", "params": {"address": f"file://{EXAMPLES / 'delays'}"}})
    start = time.perf_counter()
    carriers = pod.get("/v1/plugins/delays/routes/carriers", origin="JFK").json()
    account.say(f"GET /v1/plugins/delays/routes/carriers?origin=JFK, {1000 * (time.perf_counter() - start):.0f} ms:")
    account.table(carriers[:3], ("code", "name", "flights", "delay"))
    page = pod.get("/v1/plugins/delays/doc/")
    if "<h1>Delays</h1>" not in page.text:
        raise NotAsExpected(f"the documentation page has no heading: {page.text[:200]}")
    account.say(f"GET /v1/plugins/delays/doc/ is a page of {len(page.content):,} bytes, {page.headers['content-type']}")


def run_script(account: Account, pod: Pod) -> None:
    address = f"file://{EXAMPLES / 'hourly_delays.py'}"
    answer = pod.post("/v1/types/plugins/python/routes/run", {"address": address, "args": {"origin": "EWR"}}).json()
    best, worst = answer["result"]["best"], answer["result"]["worst"]
    account.say(f"hourly_delays.py logged: {answer['logs'][0]['c']}")
    account.say(
        f"from Newark leave at {best['hour']} h ({best['delay']:.1f} min late), not at {worst['hour']} h ({worst['delay']:.1f} min)"
    )


def census(pod: Pod) -> dict[str, Any]:
    """How many there are of everything, and what the plugin answers."""
    counted = {
        table: pod.query(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        for table in ("items('Airport')", "items('Carrier')", "edges('serves')", "flights", "hourly_delays")
    }
    return counted | {"delays of the plugin": pod.get("/v1/plugins/delays/routes/carriers").json()}


def compare(account: Account, before: dict[str, Any], after: dict[str, Any]) -> None:
    if (before["flights"], before["items('Airport')"], before["items('Carrier')"]) != (FLIGHTS, AIRPORTS, CARRIERS):
        raise NotAsExpected(f"something was not imported: {before}")
    if before != after:
        raise NotAsExpected(f"before the restart there was {before}, after it {after}")
    counts = ", ".join(f"{count:,} in {name}" for name, count in after.items() if isinstance(count, int))
    account.say(f"{counts}; the plugin came back by itself and answers the same")


def search_files(account: Account, data: Path) -> None:
    """Look for texts of the data in every file of the running server."""
    files = [path for path in data.rglob("*") if path.is_file()]
    size = 0
    for path in files:
        content = path.read_bytes()
        size += len(content)
        for text in PLANTED:
            if text.encode() in content or text.encode("utf-16-le") in content:
                raise NotAsExpected(f"{path} shows '{text}' in the clear")
    account.say(f"{len(PLANTED)} texts of the data in {len(files)} files, {size / 1e6:.1f} MB, of the running server: not one found")


def draw(account: Account, pod: Pod, out: Path) -> None:
    carriers = pod.get("/v1/plugins/delays/routes/carriers").json()
    destinations = pod.get("/v1/plugins/delays/routes/destinations").json()
    account.say("mean delay at arrival, in minutes")
    for line in plot.bars(carriers, "name", "delay"):
        account.say(line)
    picture = plot.draw(carriers, destinations, out / "flights.png")
    account.say(f"{len(destinations)} destinations on a map: {picture}")

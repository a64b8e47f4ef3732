"""A script: mean delay by hour of departure, recorded as the dataset `hourly_delays`; returns the best and the worst hour.

Arguments: `{"origin": "JFK"}` looks at one airport only; without, at all three.
"""

from datetime import UTC, datetime

origin = (mldb.script.args or {}).get("origin")
place = f" AND origin = '{origin}'" if origin else ""
header, *rows = mldb.query(
    f"""SELECT hour, count(*) AS flights, avg(dep_delay) AS delay
        FROM flights WHERE dep_delay IS NUMBER{place} GROUP BY hour"""
)
hours = [dict(zip(header[1:], row[1:], strict=True)) for row in rows]

mldb.delete("/v1/datasets/hourly_delays")
dataset = mldb.create_dataset({"id": "hourly_delays", "type": "sparse.mutable"})
now = datetime.now(UTC)
dataset.record_rows([[hour["hour"], [["flights", hour["flights"], now], ["delay", hour["delay"], now]]] for hour in hours])
dataset.commit()
mldb.log(f"{len(hours)} hours, {sum(hour['flights'] for hour in hours)} flights")

by_delay = sorted(hours, key=lambda hour: hour["delay"])
mldb.script.set_return({"best": by_delay[0], "worst": by_delay[-1]})

"""Delays of flights by carrier and by destination: the table `flights` joined with the items that know the names."""

import re


def is_airport_code(text):
    """Whether the text may stand in a query as the code of an airport."""
    return re.fullmatch(r"[A-Z0-9]{3}", text) is not None


def by_carrier(mldb, origin=None):
    """Carriers with the number of their flights and the mean delay at arrival in minutes, latest first.

    `origin`: only flights that left there; all if None.
    """
    place = f" AND origin = '{origin}'" if origin else ""
    return _rows(
        mldb,
        f"""SELECT carrier.code AS code, carrier.name AS name, f.flights AS flights, f.delay AS delay
            FROM (SELECT carrier, count(*) AS flights, avg(arr_delay) AS delay
                  FROM flights WHERE arr_delay IS NUMBER{place} GROUP BY carrier) AS f
            JOIN items('Carrier') AS carrier ON carrier.code = f.carrier
            ORDER BY f.delay DESC""",
    )


def by_destination(mldb):
    """Airports with their place, the number of flights there and their mean delay in minutes; most flights first."""
    return _rows(
        mldb,
        """SELECT airport.faa AS faa, airport.name AS name, airport.latitude AS latitude, airport.longitude AS longitude,
                  f.flights AS flights, f.delay AS delay
           FROM (SELECT dest, count(*) AS flights, avg(arr_delay) AS delay FROM flights WHERE arr_delay IS NUMBER GROUP BY dest) AS f
           JOIN items('Airport') AS airport ON airport.faa = f.dest
           ORDER BY f.flights DESC""",
    )


def _rows(mldb, statement):
    """The rows of a query as dictionaries."""
    header, *rows = mldb.query(statement)
    return [dict(zip(header[1:], row[1:], strict=True)) for row in rows]

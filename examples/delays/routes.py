"""Run for every request below /v1/plugins/delays/routes that no static folder answers. Without `set_return` the answer is 404."""

import delays

asked = mldb.plugin.rest_params
parameters = dict(asked.rest_params)

if (asked.verb, asked.remaining) == ("GET", "/carriers"):
    origin = parameters.get("origin")
    if origin is None or delays.is_airport_code(origin):
        mldb.plugin.set_return(delays.by_carrier(mldb, origin))
    else:
        mldb.plugin.set_return({"error": f"origin must be the three letters of an airport, not '{origin}'"}, 400)
elif (asked.verb, asked.remaining) == ("GET", "/destinations"):
    mldb.plugin.set_return(delays.by_destination(mldb))

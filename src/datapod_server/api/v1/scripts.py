"""Running a script. Source: python-runtime.md, 4; rest-api.md, 7.5."""

from __future__ import annotations

import msgspec

from datapod_server.api.router import Route
from datapod_server.errors import Invalid
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.principal import Scope
from datapod_server.workers.parameters import ScriptBody

_decoder = msgspec.json.Decoder(ScriptBody)


def run_script(pod: Pod, request: Request) -> Response:
    """The output object of the script, with the status that it chose."""
    if not request.body.strip():
        raise Invalid("empty payload: a script request needs a JSON body with source or address", resource=request.path)
    try:
        body = _decoder.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # names the member, for one that is unknown or of another type
        raise Invalid(f"the body of a script request is wrong: {error}") from error
    return pod.workers.run_script(body, request)


ROUTES: tuple[Route[Pod], ...] = (Route("POST", "/v1/types/plugins/python/routes/run", run_script, Scope.CODE),)

"""The desk of `/v1`: one module per resource, each with its `ROUTES`; one error writer. Source: rest-api.md.

entities.py    what all collections share
procedures.py  runs
datasets.py    recording and reading
functions.py   calls over REST; arguments.py has the JSON forms
query.py       queries; their six forms: formats.py, tables.py, single_values.py
types.py       what can be made
house.py       about the house itself; redirected calls
plugins.py     plugin routes, documentation, output
scripts.py     running a script
tokens.py      access tokens
narrowed.py    what is open to somebody with narrowed rights
resources.py   all routes in one table
bodies.py      decoding what calls bring
errors.py      what an error looks like
"""

from __future__ import annotations

from datapod_server.api.v1.errors import internal_error, v1_error
from datapod_server.api.v1.narrowed import check_rights
from datapod_server.errors import DatapodError
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod


def answer(pod: Pod, request: Request) -> Response:
    """Answer one request of `/v1`; errors are answers too."""
    from datapod_server.api.v1.resources import ROUTER  # at the first call: it brings the table engine, half a second of imports

    principal = request.principal
    try:
        if principal.rights is not None or principal.run_id is not None:
            check_rights(pod, request)
        return ROUTER.answer(pod, request)
    except DatapodError as error:
        pod.items.audit.note_refusal(principal, error)
        return v1_error(error)
    except Exception as failure:  # noqa: BLE001 - a fault of the house is 500 under an id at every door
        return internal_error(request, failure)


def answer_whole(pod: Pod, request: Request) -> Response:
    """For callers in this process: the body is complete, so that a failure in its middle is an answer too."""
    response = answer(pod, request)
    if isinstance(response.body, bytes):
        return response
    try:
        return Response(response.status, response.headers, response.content())
    except DatapodError as error:
        return v1_error(error)
    except Exception as failure:  # noqa: BLE001 - as above
        return internal_error(request, failure)

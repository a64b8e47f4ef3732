"""Runs of procedures. Source: rest-api.md, 4."""

from __future__ import annotations

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import json_body, prefers_202, wants_background
from datapod_server.api.v1.entities import location
from datapod_server.entities.entry import State
from datapod_server.entities.runs import ProcedureEntity, Run
from datapod_server.errors import Invalid, NotFound
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.principal import Scope
from datapod_server.values.json import encode

_BASE = "/v1/procedures/{id}"
_RUN = _BASE + "/runs/{run}"


def list_runs(pod: Pod, request: Request) -> Response:
    return Response.json(encode(_procedure(pod, request).ids()))


def post_run(pod: Pod, request: Request) -> Response:
    run = _procedure(pod, request).start(json_body(request, "runs"), background=wants_background(request))
    return _created(request, run, 202 if prefers_202(request) else 201)


def put_run(pod: Pod, request: Request) -> Response:
    background = wants_background(request)
    run = _procedure(pod, request).start(json_body(request, "runs"), path_id=request.params["run"], background=background)
    return _created(request, run, 202 if background else 201)


def get_run(pod: Pod, request: Request) -> Response:
    return Response.json(encode(_run(pod, request).shown()))


def delete_run(pod: Pod, request: Request) -> Response:
    _procedure(pod, request).delete(request.params["run"])
    return Response(204)


def get_state(pod: Pod, request: Request) -> Response:
    return Response.json(encode({"state": str(_run(pod, request).state)}))


def put_state(pod: Pod, request: Request) -> Response:
    """Cancel; answers when the work has stopped."""
    body = json_body(request, "runs")
    if not isinstance(body, dict) or body.get("state") != "cancelled":
        raise Invalid('the state of a run can only be set to "cancelled"')
    run = _run(pod, request)
    ProcedureEntity.cancel(run)
    return Response.json(b"{}", 200, location("procedures", request.params["id"], "runs", run.id))


def get_details(pod: Pod, request: Request) -> Response:
    run = _run(pod, request)
    if run.state != State.FINISHED:
        raise NotFound(f"run entry '{run.id}' has no details: its state is {run.state}")
    return Response.json(encode(run.details))


def latest_run(pod: Pod, request: Request) -> Response:
    run = _procedure(pod, request).latest()
    target = location("procedures", request.params["id"], "runs", run.id)[0][1]
    return Response(307, (("location", target),))


def _created(request: Request, run: Run, status: int) -> Response:
    return Response.json(encode(run.shown()), status, location("procedures", request.params["id"], "runs", run.id))


def _procedure(pod: Pod, request: Request) -> ProcedureEntity:
    found: ProcedureEntity = pod.procedures.ready(request.params["id"])
    return found


def _run(pod: Pod, request: Request) -> Run:
    return _procedure(pod, request).get(request.params["run"])


ROUTES: tuple[Route[Pod], ...] = (
    Route("GET", _BASE + "/runs", list_runs),
    Route("POST", _BASE + "/runs", post_run, Scope.MANAGE),
    Route("GET", _RUN, get_run),
    Route("PUT", _RUN, put_run, Scope.MANAGE),
    Route("DELETE", _RUN, delete_run, Scope.MANAGE),
    Route("GET", _RUN + "/state", get_state, parameters=None),
    Route("PUT", _RUN + "/state", put_state, Scope.MANAGE, parameters=None),
    Route("GET", _RUN + "/details", get_details),
    Route("GET", _BASE + "/latestrun", latest_run, parameters=None),
)

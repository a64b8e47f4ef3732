"""Talking to plugin runs and about them. Source: pod-protocol.md, 14.8, 15."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from msgspec import Struct

from datapod_server.api.v4.envelope import Asked
from datapod_server.api.v4.errors import failure
from datapod_server.errors import NotFound
from datapod_server.messages import Response
from datapod_server.principal import Kind, Principal, Scope
from datapod_server.runners.calls import make_call
from datapod_server.runners.reach import UNREACHABLE

log = logging.getLogger("datapod.v4")
_API = make_call("GET", "/v1/api")


class RunIds(Struct, frozen=True):
    plugins: list[str]


class RunId(Struct, frozen=True):
    id: str


class WhichRuns(Struct, frozen=True):
    """None: all of them."""

    ids: list[str] | None = None


class PluginCall(Struct, frozen=True, rename="camel"):
    """What to call of a plugin."""

    id: str
    method: str
    endpoint: str
    query: dict[str, Any] | None = None
    json_body: Any = None


class TriggerStatus(Struct, frozen=True):
    """How handling a trigger went; the spellings of two generations of clients."""

    trigger_id: str
    status: str
    item_ids: list[str] | None = None
    item_id: str | None = None


def get_statuses(asked: Asked, runs: RunIds) -> dict[str, dict[str, dict[str, str]]]:
    """The state of each run. A run with a declaration learns of itself only. Source: pod-protocol.md, 15.2, 23.7."""
    known = [run_id for run_id in runs.plugins if _may_see(asked.principal, run_id)]
    statuses = dict.fromkeys(runs.plugins, UNREACHABLE) | asked.pod.runners.reach.statuses(known)
    return {"plugins": {run_id: {"status": status} for run_id, status in statuses.items()}}


def list_runs(asked: Asked, which: WhichRuns) -> dict[str, list[dict[str, Any]]]:
    """The runs that were started here or carry a schedule, newest first. Source: pod-protocol.md, 14.8."""
    asked.principal.require(Scope.MANAGE)
    if which.ids is not None and not which.ids:
        return {"runs": []}
    return {"runs": asked.pod.runners.listing(which.ids or ())}


def get_api(asked: Asked, run: RunId) -> Response:
    """What a plugin offers, as it describes itself."""
    return _call(asked, run.id, _API)


def call_api(asked: Asked, call: PluginCall) -> Response:
    """Call what a plugin offers."""
    return _call(asked, call.id, make_call(call.method, call.endpoint, call.query, call.json_body))


def note_trigger_status(asked: Asked, report: TriggerStatus) -> dict[str, str]:
    """Log how a plugin fared with a trigger. What went wrong may quote items, so it stays where the run's output is kept."""
    succeeded = report.status == "OK"
    count = len(report.item_ids or ()) + (report.item_id is not None)
    log.log(
        logging.INFO if succeeded else logging.WARNING,
        "a plugin %s a trigger for %d items",
        "handled" if succeeded else "failed to handle",
        count,
    )
    if not succeeded and asked.principal.run_id is not None:
        asked.pod.runners.note(asked.principal.run_id, f"trigger {report.trigger_id}: {report.status}\n")
    return {}


def _call(asked: Asked, run_id: str, call: Any) -> Response:
    if not _may_call(asked.principal, run_id):
        raise NotFound(f"There is no plugin run {run_id}")
    answer = asked.pod.runners.reach.call(run_id, call)
    if answer.status != HTTPStatus.OK:
        return failure(answer.body.decode(errors="replace"), answer.status)
    return Response.json(answer.body)


def _may_see(principal: Principal, run_id: str) -> bool:
    return principal.rights is None or (principal.kind is Kind.RUN and principal.run_id == run_id)


def _may_call(principal: Principal, run_id: str) -> bool:
    return principal.rights is None

"""The table of endpoints, and the way of a call through it. Source: pod-protocol.md, 1.1, 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from datapod_server.api.v4 import files, grants, items, outside, plugins, runs
from datapod_server.api.v4.accounts import create_account
from datapod_server.api.v4.envelope import Asked, Envelope, authenticate, decode, encode
from datapod_server.api.v4.errors import no_such_endpoint
from datapod_server.api.v4.scopes import check_scope
from datapod_server.api.v4.version import get_version
from datapod_server.errors import Forbidden
from datapod_server.items.bulk import Bulk, NewEdge
from datapod_server.items.definitions import Definitions
from datapod_server.items.malformed import Malformed
from datapod_server.messages import Request, Response
from datapod_server.vault import Visit


class Endpoint:
    """A call with an envelope: the shape of its payload, and the handler, whose result becomes JSON unless it is a `Response`."""

    def __init__(self, payload: Any, handle: Callable[[Asked, Any], Any], *, creates_account: bool = True) -> None:
        self.decoder: msgspec.json.Decoder[Envelope[Any]] = msgspec.json.Decoder(Envelope[payload])
        self.handle = handle
        self.creates_account = creates_account


ENDPOINTS = {
    "v4": {
        "get_item": Endpoint(str, items.get_item),
        "create_item": Endpoint(items.JsonObject, items.create_item),
        "update_item": Endpoint(items.JsonObject, items.update_item),
        "delete_item": Endpoint(str, items.delete_item),
        "get_edges": Endpoint(items.EdgesOf, items.get_edges),
        "create_edge": Endpoint(NewEdge, items.create_edge),
        "delete_edge_by_source_target": Endpoint(items.EdgeEnds, items.delete_edges),
        "search": Endpoint(items.JsonObject, items.search),
        "graphql": Endpoint(str, items.graphql),
        "bulk": Endpoint(Bulk, items.bulk),
        "get_file": Endpoint(files.FileName, files.get_file),
        "delete_file": Endpoint(files.FileItem, files.delete_file),
        "get_pluginrun_log": Endpoint(str, runs.get_log),
        "send_email": Endpoint(outside.Email, outside.send_email),
        "oauth": Endpoint(outside.Requesting, outside.request_token),
        "oauth2/auth_url": Endpoint(outside.Asking, outside.auth_url),
        "oauth2/authorize": Endpoint(outside.Authorizing, outside.authorize),
        "oauth2/access_token": Endpoint(outside.OnPlatform, outside.access_token),
        "oauth1_request_token": Endpoint(outside.Requesting, outside.request_token),
        "oauth1_access_token": Endpoint(outside.Verifying, outside.exchange_verifier),
        "plugin/status": Endpoint(plugins.RunIds, plugins.get_statuses),
        "plugin/runs": Endpoint(plugins.WhichRuns, plugins.list_runs),
        "plugin/api": Endpoint(plugins.RunId, plugins.get_api),
        "plugin/api/call": Endpoint(plugins.PluginCall, plugins.call_api),
        "plugin/grant": Endpoint(grants.Grant, grants.set_grant),
        "plugin/audit": Endpoint(grants.RunId, grants.get_audit),
        "trigger/status": Endpoint(plugins.TriggerStatus, plugins.note_trigger_status),
    },
    "v5": {"schema": Endpoint(Definitions, items.define, creates_account=False)},
}
UPLOADS = {"upload_file": files.upload_file, "upload_file_b": files.upload_file_b}


def answer(visit: Visit, request: Request) -> Response:
    """Answer one call; raises `DatapodError` for what the door turns into an answer."""
    # On the raw path: credentials of an upload may contain an encoded slash.
    segments = request.path.removesuffix("/").split("/")[1:]
    if request.verb == "GET" and segments == ["version"]:
        return get_version()
    if request.verb != "POST":
        return no_such_endpoint()
    match segments:
        case ["v4", "account"]:
            return create_account(visit, request.body)
        case ["v4", owner_key, name, credentials, sha256] if name in UPLOADS and owner_key and credentials:
            visit.admit(owner_key)
            return UPLOADS[name](visit, request, owner_key, credentials, sha256)
        case [("v4" | "v5") as version, owner_key, *names] if owner_key and "/".join(names) in ENDPOINTS[version]:
            return _call(visit, request, owner_key, version, "/".join(names))
    return no_such_endpoint()


def _call(visit: Visit, request: Request, owner_key: str, version: str, name: str) -> Response:
    endpoint = ENDPOINTS[version][name]
    visit.admit(owner_key)
    envelope = decode(request.body, endpoint.decoder)
    asked = authenticate(visit, owner_key, envelope.auth, create=endpoint.creates_account)
    check_scope(asked.principal, name, envelope.payload)
    try:
        result = endpoint.handle(asked, envelope.payload)
    except Forbidden as error:
        asked.pod.items.audit.note_refusal(asked.principal, error)
        raise
    except Malformed as error:
        raise error.below("payload") from error
    return result if isinstance(result, Response) else Response.json(encode(result))

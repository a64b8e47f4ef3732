"""Access tokens: minted, listed and revoked by the owner. Source: rest-api.md, 15.1; pod-protocol.md, 23.8."""

from __future__ import annotations

from typing import Any

import msgspec

from datapod_server.api.router import Route
from datapod_server.api.v1.bodies import json_body
from datapod_server.errors import Invalid
from datapod_server.messages import Request, Response
from datapod_server.pod import Pod
from datapod_server.principal import Scope
from datapod_server.rights import parse_rights
from datapod_server.storage.access_tokens import AccessToken
from datapod_server.values.json import encode

_DEFAULT_DAYS = 90
_MOST_DAYS = 36_500
_MEMBERS = frozenset({"name", "scopes", "permissions", "days"})


def mint(pod: Pod, request: Request) -> Response:
    """The answer is the only place where the token's text ever stands."""
    body = json_body(request, "tokens")
    if not isinstance(body, dict) or body.keys() - _MEMBERS:
        raise Invalid(f"the body must be an object with the members {', '.join(sorted(_MEMBERS))}")
    token, text = pod.tokens.mint(_name(body), _scopes(body), _permissions(body), _days(body))
    return Response.json(encode({**_shown(token), "token": text}), 201)


def list_tokens(pod: Pod, request: Request) -> Response:
    return Response.json(encode([_shown(token) for token in pod.tokens.all()]))


def revoke(pod: Pod, request: Request) -> Response:
    pod.tokens.revoke(request.params["id"])
    return Response(204)


def _shown(token: AccessToken) -> dict[str, Any]:
    permissions = None if token.permissions is None else msgspec.json.decode(token.permissions)
    shown = {**msgspec.structs.asdict(token), "scopes": list(token.scopes), "permissions": permissions}
    return {name: value for name, value in shown.items() if value is not None}


def _name(body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise Invalid("name must be a text of 1 to 200 characters that tells what the token is for")
    return name


def _scopes(body: dict[str, Any]) -> list[str]:
    scopes = body.get("scopes", [str(Scope.READ)])
    if not isinstance(scopes, list) or not scopes or any(scope not in tuple(Scope) for scope in scopes):
        raise Invalid(f"scopes must be a list of {', '.join(Scope)}")
    return sorted(set(scopes))


def _permissions(body: dict[str, Any]) -> str | None:
    permissions = body.get("permissions")
    if permissions is None:
        return None
    parse_rights(permissions)
    return permissions if isinstance(permissions, str) else msgspec.json.encode(permissions).decode()


def _days(body: dict[str, Any]) -> int | None:
    days = body.get("days", _DEFAULT_DAYS)
    if days is not None and (type(days) is not int or not 1 <= days <= _MOST_DAYS):
        raise Invalid(f"days must be a whole number from 1 to {_MOST_DAYS}, or null for a token that does not expire")
    return days


ROUTES: tuple[Route[Pod], ...] = (
    Route("POST", "/v1/tokens", mint, Scope.ADMIN),
    Route("GET", "/v1/tokens", list_tokens, Scope.ADMIN),
    Route("DELETE", "/v1/tokens/{id}", revoke, Scope.ADMIN),
)

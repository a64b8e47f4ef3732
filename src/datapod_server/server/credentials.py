"""Who asks on `/v1`: Basic with owner key and database key or a token, Bearer with a token, or the trusted loopback.

Source: rest-api.md, 15.1, 15.3; pod-protocol.md, 23.6.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress

from datapod_server.errors import Forbidden, Invalid, NotFound, StaleToken, Unauthorized
from datapod_server.messages import Request
from datapod_server.pod import Pod
from datapod_server.principal import OWNER, Principal
from datapod_server.storage.access_tokens import is_access_token
from datapod_server.storage.keys import DatabaseKey
from datapod_server.vault import Visit

CHALLENGE = ("WWW-Authenticate", 'Basic realm="datapod", Bearer')

_REFUSED = "These credentials open no pod here; give owner key and database key as Basic user and password, or a token as Bearer"


def identify(visit: Visit, request: Request, peer: str) -> tuple[Pod, Principal]:
    """The pod a `/v1` request is for, and who asks.

    Raises:
        Unauthorized: No credentials, wrong ones, an owner without a pod, or a token that is no longer valid: one text for all
            that were refused, so that it does not tell which owners exist.
        TooManyAttempts: Too many of them came from this address.
    """
    authorization = request.header("authorization")
    if authorization is None:
        pod = visit.trusted()
        if pod is not None and _is_direct_loopback(request, peer):
            return pod, OWNER
        raise Unauthorized("Authentication is required: give owner key and database key as Basic user and password, or a token as Bearer")
    scheme, _, content = authorization.partition(" ")
    match scheme.lower():
        case "basic":
            owner_key, password = _basic(content)
            if "." in password:
                return _token(visit, password, owner_key)
            return _keys(visit, owner_key, password)
        case "bearer":
            return _token(visit, content.strip(), None)
        case _:
            raise Unauthorized(_REFUSED)


def _keys(visit: Visit, owner_key: str, password: str) -> tuple[Pod, Principal]:
    try:
        return visit.unlock(owner_key, DatabaseKey.parse(password), create=False), OWNER
    except (Forbidden, Invalid, NotFound) as error:
        visit.wrong_credentials()
        raise Unauthorized(_REFUSED) from error
    except Unauthorized as error:
        raise Unauthorized(_REFUSED) from error


def _token(visit: Visit, text: str, owner_key: str | None) -> tuple[Pod, Principal]:
    nonce, _, sealed = text.partition(".")
    try:
        if is_access_token(nonce, sealed):
            return visit.unlock_by_token(nonce, sealed, owner_key)
        token = visit.tokens.open(nonce, sealed, owner_key)
        if owner_key is not None and owner_key != token.owner_key:
            raise Unauthorized(_REFUSED)
        pod = visit.unlock(token.owner_key, token.database_key, create=False)
    except (Forbidden, Invalid, NotFound, StaleToken) as error:
        visit.wrong_credentials()
        raise Unauthorized(_REFUSED) from error
    return pod, pod.items.grants.principal(token.run_id, restricted=token.restricted)


def _basic(content: str) -> tuple[str, str]:
    try:
        owner_key, separator, password = base64.b64decode(content.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized(_REFUSED) from error
    if not separator:
        raise Unauthorized(_REFUSED)
    return owner_key, password


def _is_direct_loopback(request: Request, peer: str) -> bool:
    """The peer of the socket is on loopback, and no proxy says that it speaks for somebody else."""
    try:
        if not ipaddress.ip_address(peer).is_loopback:
            return False
    except ValueError:
        return False
    return not any(name == "forwarded" or name.startswith("x-forwarded-") for name, _ in request.headers)

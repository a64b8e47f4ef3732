"""The envelope of a call: who asks, and the payload, decoded together in one pass. Source: pod-protocol.md, 1.2, 3.3, 3.4."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from datapod_server.errors import Invalid, NotFound, StaleToken, Unauthorized
from datapod_server.items.malformed import Malformed
from datapod_server.pod import Pod
from datapod_server.principal import OWNER, Principal
from datapod_server.storage.access_tokens import is_access_token
from datapod_server.storage.keys import DatabaseKey
from datapod_server.vault import Visit

P = TypeVar("P")
_NONCE_CHARACTERS = 48
_PLACE = re.compile(r"(?P<reason>.*?)(?: - at `(?:key in )?\$(?P<place>.*)`)?", re.DOTALL)


class ClientAuth(Struct, frozen=True, tag="ClientAuth", rename="camel"):
    """The owner's own key."""

    database_key: str


class Sealed(Struct, frozen=True, rename="camel"):
    """A token as its plugin got it."""

    nonce: str
    encrypted_permissions: str


class PluginAuth(Struct, frozen=True, tag="PluginAuth"):
    """The token of a plugin run."""

    data: Sealed


Auth = ClientAuth | PluginAuth


class Envelope(Struct, Generic[P], frozen=True):
    """A call as it is sent."""

    auth: Auth
    payload: P


class Asked(Struct, frozen=True):
    """An authenticated caller: the pod, and what it may do there."""

    pod: Pod
    principal: Principal


def decode(body: bytes, decoder: msgspec.json.Decoder[P]) -> P:
    """Strict JSON of the decoder's shape.

    Raises:
        Invalid: `JSON deserialization error PLACE: REASON`.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error


def authenticate(visit: Visit, owner_key: str, auth: Auth, *, create: bool) -> Asked:
    """The caller's pod.

    Args:
        create: An owner without a pod gets one, if the operator allows that.

    Raises:
        Invalid: Malformed credentials.
        Unauthorized: The key does not open the pod.
        NotFound: The owner has no pod.
        StaleToken: The run has ended, or its token belongs to another owner or server process.
    """
    if isinstance(auth, ClientAuth):
        key = DatabaseKey.parse(auth.database_key)
        return Asked(visit.unlock(owner_key, key, create=create and visit.settings.implicit_accounts), OWNER)
    if len(auth.data.nonce) != _NONCE_CHARACTERS:
        raise Invalid("PluginAuth nonce should be 48 hex characters")
    if is_access_token(auth.data.nonce, auth.data.encrypted_permissions):
        return Asked(*visit.unlock_by_token(auth.data.nonce, auth.data.encrypted_permissions, owner_key))
    token = visit.tokens.open(auth.data.nonce, auth.data.encrypted_permissions, owner_key)
    try:
        pod = visit.unlock(owner_key, token.database_key, create=False, counted=False)
    except (NotFound, Unauthorized) as error:  # the pod was removed, or made anew, since the run began
        raise StaleToken("Plugin credentials are no longer valid") from error
    return Asked(pod, pod.items.grants.principal(token.run_id, restricted=token.restricted))


def _malformed(error: Exception) -> Malformed:
    """msgspec's error in the words of the protocol: `$.payload.x[3]` becomes `payload.x[3]`."""
    if not isinstance(error, msgspec.DecodeError):
        return Malformed("", "the body is nested too deeply" if isinstance(error, RecursionError) else "the body is not valid UTF-8")
    match = _PLACE.fullmatch(str(error))
    place, reason = (match["place"] or "", match["reason"]) if match else ("", str(error))
    lowered = reason if reason.startswith("JSON") else reason[:1].lower() + reason[1:]
    return Malformed(place.removeprefix("."), lowered)


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)

"""The account call, which has no envelope. Source: pod-protocol.md, 13.1."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from datapod_server.api.v4.envelope import decode
from datapod_server.errors import Conflict, Unauthorized
from datapod_server.messages import Response
from datapod_server.storage.keys import DatabaseKey
from datapod_server.vault import Visit


class Account(Struct, frozen=True, rename="camel"):
    """Which account is to exist."""

    owner_key: str
    database_key: str


_decoder = msgspec.json.Decoder(Account)


def create_account(visit: Visit, body: bytes) -> Response:
    """Make the account, or mark the one that this key opens as registered.

    A plugin of an old SDK sends a random key for its owner's account here with every client that it makes: that must change nothing,
    and does not count as an attempt at the key. Raises `Conflict` then.
    """
    account = decode(body, _decoder)
    visit.admit(account.owner_key)
    try:
        pod = visit.unlock(account.owner_key, DatabaseKey.parse(account.database_key), create=True, counted=False)
    except Unauthorized as error:
        raise Conflict("Account already exists") from error
    pod.items.register()
    return Response.json(b"{}")

"""Who asks, and what was granted. Every `Request` carries one `Principal`; rooms ask it, doors only make it.

Source: pod-protocol.md, 23.1; rest-api.md, 15.1.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from datapod_server.errors import Forbidden
from datapod_server.rights import Rights


class Scope(StrEnum):
    """What a principal may do on `/v1`."""

    READ = "read"
    RECORD = "record"
    MANAGE = "manage"
    CODE = "code"
    ADMIN = "admin"


class Kind(StrEnum):
    """The kinds of askers; what tells them apart is how they proved who they are."""

    OWNER = "owner"  # owner key and database key
    RUN = "run"  # a sealed token of one plugin run outside the server
    WORKER = "worker"  # the channel of an in-server plugin or script
    TOKEN = "token"  # noqa: S105 - an access token that the owner minted
    NOBODY = "nobody"  # no credentials


class Principal(Struct, frozen=True):
    """The asker of one request.

    `run_id` is set for `Kind.RUN`, `code` names the plugin or script of `Kind.WORKER`, or the token of `Kind.TOKEN`. `rights` narrows a
    run, or the holder of a token, to a declaration; None: nothing narrows it.
    """

    kind: Kind
    scopes: frozenset[Scope] = frozenset()
    run_id: str | None = None
    code: str | None = None
    rights: Rights | None = None

    @property
    def label(self) -> str:
        """Who this is, for the audit record: `owner`, the id of a run, or the name of what asks."""
        return self.run_id or self.code or str(self.kind)

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden` (403, `details.scope`) unless this principal has the scope."""
        if scope not in self.scopes:
            raise Forbidden(f"this call needs the scope '{scope}', which these credentials do not have", scope=str(scope))


OWNER = Principal(Kind.OWNER, frozenset(Scope))
NOBODY = Principal(Kind.NOBODY)


def worker(code: str) -> Principal:
    """In-server code acts for the owner who installed it, except for what only the owner's own keys may do."""
    return Principal(Kind.WORKER, frozenset(Scope) - {Scope.ADMIN}, code=code)


def plugin_run(run_id: str, rights: Rights | None = None) -> Principal:
    """A plugin run, narrowed to what it was granted: `read` and `record` on `/v1` at most. Source: pod-protocol.md, 23.5."""
    return Principal(Kind.RUN, frozenset({Scope.READ, Scope.RECORD}), run_id=run_id, rights=rights)


def token_holder(name: str, scopes: frozenset[Scope], rights: Rights | None) -> Principal:
    """Who brings an access token. Source: pod-protocol.md, 23.8."""
    return Principal(Kind.TOKEN, scopes, code=name, rights=rights)

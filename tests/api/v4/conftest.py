"""A desk of `/v4` over real encrypted pods in a folder, asked without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from datapod_server.admission import Admission
from datapod_server.api import v1, v4
from datapod_server.api.v4.errors import v4_error
from datapod_server.errors import DatapodError
from datapod_server.messages import Request
from datapod_server.pod import Pod, PodParts
from datapod_server.storage.tokens import TokenBox
from datapod_server.vault import Vault, VaultSettings

OWNER_KEY, DATABASE_KEY = "5e" * 32, "b7" * 32


class Answer:
    """Status, headers and body of one answer, and the body as JSON."""

    def __init__(self, status: int, kind: str | None, body: bytes) -> None:
        self.status = status
        self.kind = kind
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Desk:
    """Asks as one owner; `registered()` makes the account one."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.tokens = TokenBox()
        parts = PodParts(v1.answer, self.tokens)
        self.vault = Vault(
            directory,
            lambda folder, key, owner_key: Pod.open(folder, key, owner_key, parts),
            admission=Admission.parse("ANY"),
            tokens=self.tokens,
            settings=VaultSettings(**settings),
        )
        self.auth: Any = {"type": "ClientAuth", "databaseKey": DATABASE_KEY}

    def raw(self, path: str, body: bytes, verb: str = "POST") -> Answer:
        visit = self.vault.visit()
        try:
            response = v4.answer(visit, Request(verb, path, body=body))
            return Answer(response.status, response.header("content-type"), response.content())
        except DatapodError as error:
            response = v4_error(error)
            return Answer(response.status, response.header("content-type"), response.content())
        finally:
            visit.close()

    def __call__(self, endpoint: str, payload: Any, *, owner_key: str = OWNER_KEY, family: str = "v4", auth: Any = None) -> Answer:
        body = {"auth": self.auth if auth is None else auth, "payload": payload}
        return self.raw(f"/{family}/{owner_key}/{endpoint}", json.dumps(body).encode())

    def account(self, database_key: str = DATABASE_KEY, owner_key: str = OWNER_KEY) -> Answer:
        return self.raw("/v4/account", json.dumps({"ownerKey": owner_key, "databaseKey": database_key}).encode())

    def upload(self, sha256: str, content: bytes) -> Answer:
        return self.raw(f"/v4/{OWNER_KEY}/upload_file/{DATABASE_KEY}/{sha256}", content)

    def upload_b(self, sha256: str, content: bytes, auth: Any = None) -> Answer:
        return self.raw(f"/v4/{OWNER_KEY}/upload_file_b/{quote(json.dumps(auth or self.auth), safe='')}/{sha256}", content)

    def ok(self, endpoint: str, payload: Any, **more: Any) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self(endpoint, payload, **more)
        assert answer.status == 200, answer
        return answer.json

    def define(self, **names: str) -> None:
        """Define properties of boats."""
        self.ok(
            "bulk",
            {
                "createItems": [
                    {"type": "ItemPropertySchema", "itemType": "Boat", "propertyName": n, "valueType": t} for n, t in names.items()
                ]
            },
        )


@pytest.fixture
def make_desk(tmp_path: Path) -> Any:
    desks: list[Desk] = []

    def make(**settings: Any) -> Desk:
        desks.append(Desk(tmp_path / "pods", **settings))
        return desks[-1]

    yield make
    for desk in desks:
        desk.vault.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """An implicit account whose schema knows a boat's name, crew, area, launch and leaks."""
    desk = make_desk()
    desk.define(name="Text", crew="Integer", sailArea="Real", launched="DateTime", leaky="Bool")
    return desk


@pytest.fixture
def registered(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk()
    assert desk.account().status == 200
    return desk

"""Anything may be sent to any endpoint: the answer is a success or an error in words, never a fault of the server."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.v4.conftest import OWNER_KEY, Desk

from datapod_server.api.v4.routing import ENDPOINTS

_AWKWARD = [
    "",
    " ",
    "é",
    "\0",
    "\ud83d\ude00",
    "id",
    "type",
    "_source",
    "[[edges]]",
    "name>=",
    "name==",
    "rowid",
    "'; DROP TABLE items; --",
    "a" * 300,
]
_NAMES = st.sampled_from(
    [*_AWKWARD, "name", "crew", "createItems", "updateItems", "search", "item", "direction", "_limit", "_match", "sha256", "data"]
)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from(_AWKWARD)
)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=5), max_leaves=12)
_HEX = st.text("0123456789abcdef", max_size=100)
_AUTH = (
    st.just({"type": "ClientAuth", "databaseKey": "b7" * 32})
    | st.builds(lambda nonce, box: {"type": "PluginAuth", "data": {"nonce": nonce, "encryptedPermissions": box}}, _HEX, _HEX)
    | st.builds(
        lambda token, cut: {"type": "PluginAuth", "data": {"nonce": "0" * 48, "encryptedPermissions": token[:cut]}},
        _HEX,
        st.integers(0, 99),
    )
    | _JSON
)
_ENDPOINTS = st.sampled_from([(family, name) for family, names in ENDPOINTS.items() for name in names])
_REASONS = re.compile(r"UNIQUE constraint failed|Failed to execute|Failed to store")


def _desk(make_desk: Any) -> Desk:
    desk = make_desk()
    desk.define(name="Text", crew="Integer")
    desk.ok("create_item", {"type": "Boat", "id": "boat01", "name": "Zwaluw"})
    return desk


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    endpoint=_ENDPOINTS,
    auth=_AUTH,
    payload=_JSON | st.fixed_dictionaries({"id": st.just("boat01")}, optional={"name": _JSON, "crew": _JSON}),
)
def test_every_envelope_is_answered_in_words(make_desk: Any, endpoint: tuple[str, str], auth: Any, payload: Any) -> None:
    desk = _shared(make_desk)
    answer = desk(endpoint[1], payload, family=endpoint[0], auth=auth)
    assert answer.status in (200, 400, 401, 403, 404, 409, 421, 429, 502) or _REASONS.search(answer.text), (endpoint, payload, answer)
    assert answer.status == 200 or answer.text.startswith("Failure: ")
    assert "Traceback" not in answer.text
    assert desk.ok("get_item", "boat01")[0]["type"] == "Boat"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()),
    path=st.sampled_from(["search", "bulk", "nothing", ""]),
)
def test_every_body_is_answered_in_words(make_desk: Any, body: bytes, path: str) -> None:
    answer = _shared(make_desk).raw(f"/v4/{OWNER_KEY}/{path}", body)
    assert answer.status in (400, 404)
    assert answer.text.startswith("Failure: ") or answer.text == "Endpoint not found"


_SHARED: dict[int, Desk] = {}


def _shared(make_desk: Any) -> Desk:
    """One pod for all examples of a test: a crash in one of them shows in the next."""
    key = id(make_desk)
    if key not in _SHARED:
        _SHARED.clear()
        _SHARED[key] = _desk(make_desk)
    return _SHARED[key]

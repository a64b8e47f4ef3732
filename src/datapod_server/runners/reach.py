"""Asking living runs over HTTP: how they are, what they offer, and calling what they offer. Source: pod-protocol.md, 15.1, 15.2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from datapod_server.errors import NotFound
from datapod_server.runners.calls import Answer, Call, Place, Unreachable, carry_out, make_call

UNREACHABLE = "unreachable"
_DEFAULT_PORT = 8080
_HEALTH = make_call("GET", "/v1/health")
_MOST_AT_ONCE = 16
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})


class Reachable(Protocol):
    """A run whose process, container or Job is alive."""

    def host(self) -> str | None: ...


FindLiving = Callable[[str], Reachable | None]
FindRun = Callable[[str], Mapping[str, Any] | None]


class Reach:
    """The web servers of the living runs of one pod."""

    def __init__(self, find_living: FindLiving, find_run: FindRun) -> None:
        self._find_living = find_living
        self._find_run = find_run

    def statuses(self, run_ids: Sequence[str]) -> dict[str, str]:
        """The state of each of these runs; `unreachable` for those that are not alive here. All of them are asked at once."""
        wanted = list(dict.fromkeys(run_ids))
        if len(wanted) < 2:
            return {run_id: self._status(run_id) for run_id in wanted}
        with ThreadPoolExecutor(min(len(wanted), _MOST_AT_ONCE), "plugin status") as threads:
            return dict(zip(wanted, threads.map(self._status, wanted), strict=True))

    def call(self, run_id: str, call: Call) -> Answer:
        """What the plugin answers; JSON, if its status is 200.

        Raises:
            NotFound: There is no such run.
            Unreachable: It is not alive here, does not answer, or answers 200 with something else than JSON.
        """
        if self._find_run(run_id) is None:
            raise NotFound(f"There is no plugin run {run_id}")
        answer = carry_out(call, self.place(run_id))
        if answer.status < HTTPStatus.OK or answer.status in _WITHOUT_BODY:
            raise Unreachable(f"The plugin answered with the status {answer.status}")
        if answer.status == HTTPStatus.OK:
            try:
                msgspec.json.decode(answer.body)
            except (msgspec.DecodeError, RecursionError) as error:
                raise Unreachable("The plugin's answer is not JSON") from error
        return answer

    def place(self, run_id: str) -> Place:
        """Where a living run listens; raises `Unreachable`."""
        living, item = self._find_living(run_id), self._find_run(run_id)
        host = None if living is None or item is None else living.host()
        if host is None or item is None:
            raise Unreachable(f"The plugin run {run_id} is not alive on this server")
        port = item.get("webserverPort")
        return Place(host, port if isinstance(port, int) and 0 < port < 65536 else _DEFAULT_PORT)

    def _status(self, run_id: str) -> str:
        if self._find_living(run_id) is None:
            return UNREACHABLE
        try:
            answer = carry_out(_HEALTH, self.place(run_id))
        except Unreachable:
            answer = None  # it may well offer no HTTP
        state = _state_in(answer) or _stored_state(self._find_run(run_id))
        return UNREACHABLE if state is None or self._find_living(run_id) is None else state


def _state_in(answer: Answer | None) -> str | None:
    """The health answer is a JSON string; anything else comes from a plugin without such an endpoint."""
    if answer is None or answer.status != HTTPStatus.OK:
        return None
    try:
        return msgspec.json.decode(answer.body, type=str)
    except msgspec.DecodeError:
        return None


def _stored_state(item: Mapping[str, Any] | None) -> str | None:
    return None if item is None else str(item.get("status") or "")

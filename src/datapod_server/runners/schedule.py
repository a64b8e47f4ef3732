"""When a run is due again: the text of `pluginSchedule`, and its arithmetic. Source: pod-protocol.md, 14.8.

Times are milliseconds since 1970-01-01T00:00:00Z. The clock of a computer may be set back; no moment that it shows is taken for the
last word, so nothing here waits longer than one period of its schedule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError
from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.items.search import Search

_DURATION = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SHORTEST_MS = 10_000
_LONGEST_MS = 3650 * _UNIT_MS["d"]
_DEFAULT_WAIT_MS = 10_000
_LONGEST_CRON = 200
# The index of words is brought up to date after a commit, so a commit cannot tell what it makes match.
_NOT_IN_A_SEARCH = ("_limit", "_offset", "_sortOrder", "_match")
_MEMBERS = ("every", "cron", "on", "timezone", "wait", "unattended")
SET_BACK_MS = 60_000
"""A moment that lies further in the future than this was noted before the clock was set back; less is the clock's own tuning."""
_MOST_COUNTED = 10_000


class Every(Struct, frozen=True):
    """Due that long after the previous run started."""

    period_ms: int


class Cron(Struct, frozen=True):
    """Due whenever the expression fits the clock of that time zone."""

    expression: str
    timezone: str


class On(Struct, frozen=True):
    """Due when items begin to match a search; gathered for a while from the first one on."""

    search: Search
    wait_ms: int


Schedule = Every | Cron | On


def parse_schedule(text: Any) -> Schedule:
    """The schedule that a `pluginSchedule` stands for.

    Raises:
        Invalid: Anything else than one of the three forms.
    """
    if not isinstance(text, str):
        raise _invalid("it must be JSON text")
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _invalid(f"no valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise _invalid("it must be an object")
    unknown = next((name for name in content if name not in _MEMBERS), None)
    if unknown is not None:
        raise _invalid(f"unknown member '{unknown[:40]}'; known are {', '.join(_MEMBERS)}")
    kinds = [name for name in _MEMBERS[:3] if name in content]
    if len(kinds) != 1:
        raise _invalid("it must have exactly one of every, cron, on")
    for name, kind in (("timezone", "cron"), ("wait", "on")):
        if name in content and kinds[0] != kind:
            raise _invalid(f"{name} goes with {kind} only")
    _check_attendance(content.get("unattended", False))
    match kinds[0]:
        case "every":
            return Every(_duration(content["every"], "every", _SHORTEST_MS))
        case "cron":
            return _cron(content["cron"], content.get("timezone", "UTC"))
    return _on(content["on"], content.get("wait"))


def next_due(schedule: Every | Cron, since_ms: int, now_ms: int) -> int:
    """The first moment at which it is due after `since_ms`: the start of the previous run, or the moment at which it was due before.

    May lie in the past. If `since_ms` lies in the future, the clock was set back, and now takes its place.
    """
    return next(_moments(schedule, _not_after(since_ms, now_ms)))


def moments_until(schedule: Every | Cron, since_ms: int, now_ms: int) -> int:
    """How many times it was due after `since_ms` until now; counted up to 10,000."""
    if isinstance(schedule, Every):
        return min(max(0, now_ms - since_ms) // schedule.period_ms, _MOST_COUNTED)
    count = 0
    for moment in _moments(schedule, since_ms):
        if moment > now_ms or count == _MOST_COUNTED:
            break
        count += 1
    return count


def _not_after(since_ms: int, now_ms: int) -> int:
    return now_ms if since_ms > now_ms + SET_BACK_MS else since_ms


def _moments(schedule: Every | Cron, since_ms: int) -> Iterator[int]:
    """All moments after `since_ms`, in order."""
    if isinstance(schedule, Every):
        moment = since_ms
        while True:
            moment += schedule.period_ms
            yield moment
    zone = ZoneInfo(schedule.timezone)
    latest = since_ms
    for fits in CronSim(schedule.expression, datetime.fromtimestamp(since_ms / 1000, zone)):
        moment = int(fits.timestamp() * 1000)
        if moment > latest:  # an hour that comes twice, when summer time ends, counts once
            yield moment
            latest = moment


def _check_attendance(unattended: Any) -> None:
    if not isinstance(unattended, bool):
        raise _invalid("unattended must be true or false")
    if unattended:
        raise _invalid(
            "this server cannot unlock a pod without its owner, so unattended must be false:"
            " what falls due while the pod is locked runs when it is next unlocked"
        )


def _cron(expression: Any, timezone: Any) -> Cron:
    if not isinstance(expression, str) or len(expression) > _LONGEST_CRON or len(expression.split()) != 5:
        raise _invalid("cron must be a text of five fields: minute, hour, day of the month, month, day of the week")
    if not isinstance(timezone, str):
        raise _invalid("timezone must be a text such as Europe/Amsterdam")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _invalid(f"unknown timezone '{timezone[:60]}'") from error
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise _invalid(f"cron '{expression}' is never due: {error or 'no such day'}") from error
    except (ValueError, TypeError, AssertionError, RecursionError) as error:  # what the library says of some wrong expressions
        raise _invalid(f"cron '{expression}' cannot be read") from error
    return Cron(expression, timezone)


def _on(query: Any, wait: Any) -> On:
    if not isinstance(query, dict):
        raise _invalid("on must be an object, the payload of a search")
    for name in _NOT_IN_A_SEARCH:
        if name in query:
            raise _invalid(f"on must be without {name}")
    try:
        search = Search(query)
    except Invalid as error:
        raise _invalid(f"on: {error}") from error
    return On(search, _DEFAULT_WAIT_MS if wait is None else _duration(wait, "wait", 0))


def _duration(value: Any, name: str, shortest_ms: int) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _invalid(f"{name} must be a whole number and one of s, m, h, d, such as 6h")
    duration = int(match["count"]) * _UNIT_MS[match["unit"]]
    if not shortest_ms <= duration <= _LONGEST_MS:
        raise _invalid(f"{name} must be from {shortest_ms // 1000}s to 3650d")
    return duration


def _invalid(reason: str) -> Invalid:
    return Invalid(f"Invalid pluginSchedule: {reason}")

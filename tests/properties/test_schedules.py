"""The arithmetic of schedules, for any schedule and any clock. Source: pod-protocol.md, 14.8."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from datapod_server.errors import Invalid
from datapod_server.runners.schedule import SET_BACK_MS, Cron, Every, moments_until, next_due, parse_schedule

MOMENTS = st.integers(0, 4_000_000_000_000)  # 1970 to 2096
PERIODS = st.integers(10_000, 400 * 86_400_000)
ZONES = st.sampled_from(["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
FIELDS = st.tuples(
    st.sampled_from(["*", "0", "30", "*/7", "5,55", "10-20"]),
    st.sampled_from(["*", "2", "*/6", "1-3", "23"]),
    st.sampled_from(["*", "1", "15", "28-31", "L"]),
    st.sampled_from(["*", "3", "10", "*/2"]),
    st.sampled_from(["*", "1-5", "0", "7", "5L", "1#2"]),
)


@given(period=PERIODS, since=MOMENTS, now=MOMENTS)
def test_every_is_due_one_period_after_the_start_and_never_later_than_one_period_from_now(period, since, now):
    due = next_due(Every(period), since, now)
    assert due <= max(since, now) + period
    assert due <= now + SET_BACK_MS + period
    if since <= now:
        assert due == since + period


@given(period=PERIODS, since=MOMENTS, now=MOMENTS)
def test_every_counts_what_it_stepped_over(period, since, now):
    count = moments_until(Every(period), since, now)
    assert count >= 0
    if 0 < count < 10_000:
        assert since + count * period <= now < since + (count + 1) * period


@given(fields=FIELDS, zone=ZONES, since=MOMENTS)
def test_cron_is_due_after_the_start_at_a_moment_that_its_time_zone_shows(fields, zone, since):
    schedule = parse_schedule(json.dumps({"cron": " ".join(fields), "timezone": zone}))
    assert isinstance(schedule, Cron)
    due = next_due(schedule, since, since)
    assert since < due <= since + 12 * 366 * 86_400_000
    shown = datetime.fromtimestamp(due / 1000, ZoneInfo(zone))
    assert (shown.second, due % 1000) == (0, 0)
    if fields[0] == "30" and zone in ("UTC", "Asia/Kolkata"):  # elsewhere summer time may skip the minute
        assert shown.minute == 30
    # Walking on from a due moment reaches a later one, also through the hour that comes twice.
    assert next_due(schedule, due, due) > due


@given(fields=FIELDS, zone=ZONES, since=MOMENTS, hours=st.integers(0, 200))
def test_cron_counts_the_moments_that_walking_passes(fields, zone, since, hours):
    schedule = parse_schedule(json.dumps({"cron": " ".join(fields), "timezone": zone}))
    until = since + hours * 3_600_000
    walked, at = 0, next_due(schedule, since, since)
    while at <= until and walked < 60:
        walked, at = walked + 1, next_due(schedule, at, at)
    counted = moments_until(schedule, since, until)
    assert counted == walked if walked < 60 else counted >= 60


@given(fields=FIELDS, back=st.integers(2 * SET_BACK_MS, 10 * 366 * 86_400_000), now=st.integers(10**12, 2 * 10**12))
def test_a_clock_that_is_set_back_far_makes_nobody_wait_for_the_old_time(fields, back, now):
    schedule = parse_schedule(json.dumps({"cron": " ".join(fields)}))
    assert next_due(schedule, now + back, now) == next_due(schedule, now, now)


@given(text=st.text(max_size=40) | st.from_regex(r"[0-9*/,\-L#A-Z ]{5,30}", fullmatch=True))
def test_any_text_for_cron_is_carried_out_or_refused(text):
    try:
        schedule = parse_schedule(json.dumps({"cron": text}))
    except Invalid:
        return
    now = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert next_due(schedule, now, now) > now


@given(
    content=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["every", "cron", "on", "wait", "timezone", "unattended", "type"]) | st.text(), inner)
        ),
    )
)
def test_any_json_is_a_schedule_or_refused(content):
    try:
        parse_schedule(json.dumps(content))
    except Invalid as error:
        assert str(error).startswith("Invalid pluginSchedule: ")

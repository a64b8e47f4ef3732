"""Back-off, rate budgets, and what an HTTP source does with statuses, resets and long answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from datapod.connectors import FatalError, HttpSource, LoginNeeded, RateBudget, RetriableError, Retry
from datapod.connectors.budget import retry_after_seconds
from datapod.connectors.fake_provider import Fault


def failing(times, error):
    left = [error] * times

    def call():
        if left:
            raise left.pop()
        return "done"

    return call


def test_what_fails_in_passing_is_repeated_with_pauses_that_grow(clock):
    retry = Retry(attempts=5, first_pause_seconds=1, clock=clock)
    assert retry.call(failing(4, RetriableError("busy")), "asking") == "done"
    assert all(2**number / 2 <= pause <= 2**number for number, pause in enumerate(clock.slept)) and len(clock.slept) == 4


def test_pauses_of_two_clients_differ(clock):
    assert len({Retry(clock=clock).pause_seconds(3, None) for _ in range(10)}) > 1


def test_after_the_last_attempt_the_error_is_the_callers(clock):
    with pytest.raises(RetriableError, match="busy"):
        Retry(attempts=3, clock=clock).call(failing(3, RetriableError("busy")), "asking")
    assert len(clock.slept) == 2


def test_a_fatal_error_is_never_repeated(clock):
    with pytest.raises(FatalError):
        Retry(clock=clock).call(failing(1, FatalError("no")), "asking")
    assert clock.slept == []


def test_a_source_that_says_how_long_is_obeyed_but_not_for_ever(clock):
    retry = Retry(attempts=3, first_pause_seconds=1, longest_pause_seconds=60, clock=clock)
    assert retry.call(failing(1, RetriableError("busy", 40)), "asking") == "done" and clock.slept == [40]
    with pytest.raises(RetriableError):
        retry.call(failing(1, RetriableError("busy", 3_600)), "asking")


def test_a_budget_spends_its_burst_and_then_keeps_its_rate(clock):
    budget = RateBudget(per_second=2, burst=3, clock=clock)
    for _ in range(9):
        budget.take()
    assert clock.time == pytest.approx(3.0)


def test_a_closed_budget_waits_until_the_source_opens_again(clock):
    budget = RateBudget(per_second=10, clock=clock)
    budget.close_for(30)
    budget.take()
    assert clock.time >= 30


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="none at all"):
        RateBudget(0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("Tue, 01 Jan 2030 00:01:00 GMT", 60.0),
        ("Tue, 01 Jan 2019 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(text, seconds):
    assert retry_after_seconds(text, datetime(2030, 1, 1, tzinfo=UTC)) == seconds


def test_overload_resets_and_errors_of_the_server_pass_unseen(provider, clock):
    provider.fail_next(Fault(500), Fault(429, retry_after="20"), Fault(reset=True), Fault(503))
    with HttpSource(provider.address, retry=Retry(clock=clock), budget=RateBudget(100, clock=clock)) as source:
        assert source.get("/records").json() == {"records": [], "next": None}
    assert [asked.status for asked in provider.asked] == [500, 429, 0, 503, 200]
    assert clock.time >= 20


def test_a_refusal_is_fatal_and_has_its_status_but_no_secrets_of_the_address(provider, clock):
    with HttpSource(provider.address, retry=Retry(clock=clock)) as source, pytest.raises(FatalError) as caught:
        source.get("/nothing", params={"key": "secret"})
    assert caught.value.status == 404 and "secret" not in str(caught.value) and clock.slept == []


def test_a_slow_answer_is_cut_off_and_repeated(provider, clock):
    provider.fail_next(Fault(seconds=1.0))
    with HttpSource(provider.address, retry=Retry(clock=clock), timeout_seconds=0.2) as source:
        assert source.get("/records").status_code == 200
    assert len(clock.slept) == 1


def test_an_answer_without_end_is_cut_off(provider, clock):
    provider.contents["/endless"] = ("text/plain", b"x" * 200_000)
    with HttpSource(provider.address, max_bytes=100_000) as source, pytest.raises(FatalError, match="more than 100000 bytes"):
        source.get("/endless")


def test_credentials_are_not_sent_to_other_hosts(provider):
    class Secret:
        max_renewals = 1

        def headers(self):
            return {"Authorization": "Bearer secret"}

        def renew(self):
            raise LoginNeeded("no")

    elsewhere = provider.address.replace("127.0.0.1", "localhost")
    with HttpSource(provider.address, Secret()) as source:
        source.get("/records")
        source.get(f"{elsewhere}/records")
        source.trust(elsewhere)
        source.get(f"{elsewhere}/records")
    assert ["authorization" in asked.headers for asked in provider.asked] == [True, False, True]

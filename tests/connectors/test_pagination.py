"""Pages by link, by token and by number hold every record once."""

from __future__ import annotations

import httpx
import pytest

from datapod.connectors import FatalError, HttpSource, pages_by_link, pages_by_number, pages_by_token


@pytest.fixture
def source(provider):
    provider.records = [{"id": str(number), "changed": number} for number in range(25)]
    with HttpSource(provider.address) as source:
        yield source


def ids(pages):
    return [int(record["id"]) for page in pages for record in page.json()["records"]]


def test_links_are_followed_to_the_end_and_keep_their_other_parameters(source, provider):
    assert ids(pages_by_link(source, "/records", {"since": 4})) == list(range(5, 25))
    assert [asked.query.get("since") for asked in provider.asked] == ["4", "4"]


def test_tokens_are_sent_back_until_there_is_none(source):
    assert ids(pages_by_token(source, "/records", lambda page: page.json()["next"], "token")) == list(range(25))


def test_pages_by_token_go_on_where_an_earlier_run_was(source):
    assert ids(pages_by_token(source, "/records", lambda page: page.json()["next"], "token", first_token="20")) == list(range(20, 25))


def test_pages_are_counted_until_the_last_is_short(source, provider):
    assert ids(pages_by_number(source, "/records", lambda page: len(page.json()["records"]) < 10)) == list(range(25))
    assert len(provider.asked) == 3


def test_pages_that_lead_in_a_circle_are_an_error(source):
    with pytest.raises(FatalError, match="circle"):
        list(pages_by_token(source, "/records", lambda page: "10", "token"))


def test_pages_are_asked_for_one_by_one(source, provider):
    pages = pages_by_link(source, "/records")
    assert isinstance(next(pages), httpx.Response) and len(provider.asked) == 1

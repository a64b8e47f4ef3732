"""What the client does when the pod is away, busy, or loses an answer; and many threads on one client."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.sdk.flaky import DROP, LOSE, flaky_pod
from tests.sdk.test_client import Book, Shelf

from datapod import PodClient, PodConnectionError, PodError
from datapod.api import PodAPI
from datapod.backoff import Backoff
from datapod.errors import CredentialsEnded
from datapod.schema import Account, File

OWNER = "owner"


@pytest.fixture
def flaky():
    with flaky_pod() as pod:
        yield pod


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(flaky, waits):
    api = PodAPI("d", OWNER, flaky.address, backoff=Backoff(sleep=waits.append))
    with PodClient(api=api) as client:
        client.add_to_schema(Book, Shelf)
        yield client


def items_of(flaky, item_type):
    return [item for item in flaky.pods[OWNER].items.values() if item["type"] == item_type]


@pytest.mark.parametrize("fault", [DROP, LOSE, (502, {}), (503, {}), (504, {}), (429, {"Retry-After": "2"})])
def test_a_read_is_repeated_after_every_passing_failure(flaky, client, waits, fault):
    client.create(Book(title="a"))
    flaky.faults = [fault, fault]
    assert [book.title for book in client.search({"type": "Book"})] == ["a"]
    assert (len(waits) == 2 and waits[0] < waits[1]) or min(waits) >= 2


def test_pauses_grow_and_differ_and_end(waits):
    backoff = Backoff(attempts=5, sleep=waits.append)
    assert [backoff.wait(attempt) for attempt in range(1, 6)] == [True, True, True, True, False]
    assert all(0.05 * 2**number <= wait <= 0.1 * 2**number for number, wait in enumerate(waits))


def test_a_pod_may_name_the_time_as_a_date_and_one_that_asks_for_too_much_is_not_waited_for(flaky, client, waits):
    flaky.faults = [(429, {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=20))})]
    assert client.search({"type": "Book"}) == [] and 15 < waits[0] <= 20
    flaky.faults = [(429, {"Retry-After": "3600"})]
    assert client.search({"type": "Book"}) == [] and len(waits) == 1 and client.last_error.status == 429


@pytest.mark.parametrize("fault", [DROP, LOSE, (502, {}), (503, {}), (429, {"Retry-After": "1"})])
def test_a_create_is_carried_out_once_and_reported_as_done(flaky, client, fault):
    flaky.faults = [fault]
    book = Book(title="a", pages=3)
    assert client.create(book) is True and book._in_pod
    assert [item["id"] for item in items_of(flaky, "Book")] == [book.id]


def test_a_taken_id_is_no_success(flaky, client):
    client.create(Book(id="taken_id", title="theirs"))
    flaky.faults = [DROP]
    assert client.create(Book(id="taken_id", title="mine")) is False and "UNIQUE" in str(client.last_error)
    assert [item["title"] for item in items_of(flaky, "Book")] == ["theirs"]


def test_a_create_without_an_id_is_never_sent_twice(flaky, client):
    flaky.faults = [LOSE]
    with pytest.raises(PodConnectionError, match="look at what is there") as caught:
        client.api.create_item({"type": "Book", "title": "a"})
    assert caught.value.may_have_arrived and len(items_of(flaky, "Book")) == 1


@pytest.mark.parametrize("fault", [DROP, LOSE, (502, {})])
def test_a_bulk_of_items_and_edges_is_carried_out_once(flaky, client, fault):
    shelf = Shelf(books=[Book(title="a"), Book(title="b")])
    account = Account(handle="h", secret="s")
    flaky.faults = [fault]
    assert client.bulk_action(create_items=[shelf, *shelf.books, account], create_edges=shelf.get_edges("books"))
    assert len(items_of(flaky, "Book")) == 2 and len(flaky.pods[OWNER].edges) == 2 and shelf._new_edges == []


@pytest.mark.parametrize("fault", [DROP, LOSE])
def test_edges_alone_are_written_and_removed_once(flaky, client, fault):
    shelf, book = Shelf(), Book(title="a")
    client.bulk_action(create_items=[shelf, book])
    edge = shelf.add_edge("books", book)
    flaky.faults = [fault]
    assert client.create_edge(edge) and len(flaky.pods[OWNER].edges) == 1
    flaky.faults = [fault]
    assert client.create_edges([shelf.add_edge("label", book)]) and len(flaky.pods[OWNER].edges) == 2
    flaky.faults = [fault]
    assert client.delete_edge(edge) and len(flaky.pods[OWNER].edges) == 1


@pytest.mark.parametrize("fault", [DROP, LOSE, (502, {}), (503, {})])
def test_updates_and_deletions_and_uploads_are_repeated(flaky, client, fault):
    book, other = Book(title="a"), Book(title="o")
    client.bulk_action(create_items=[book, other, File(sha256="2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")])
    book.title = "b"
    flaky.faults = [fault]
    assert client.update_item(book) and items_of(flaky, "Book")[0]["title"] == "b"
    book.title = None
    flaky.faults = [fault]
    assert client.bulk_action(update_items=[book], delete_items=[other]) and "title" not in items_of(flaky, "Book")[0]
    flaky.faults = [fault]
    assert client.upload_file(b"x", asyncFlag=False) and client.get_file(client.search({"type": "File"})[0].sha256) == b"x"


def test_mail_is_never_sent_twice(flaky, client):
    flaky.faults = [LOSE, (503, {})]
    assert client.send_email("a@example.org") is False and client.send_email("a@example.org") is False
    assert flaky.sent("send_email") == 1


def test_credentials_that_ended_are_one_clear_error_at_once(flaky, client, waits):
    flaky.faults = [(421, {})]
    with pytest.raises(CredentialsEnded, match="421"):
        client.api.search({"type": "Book"})
    assert waits == []


def test_a_pod_that_goes_away_is_named_with_what_to_do(flaky, client, waits):
    client.api._transport.url = "http://localhost:1"
    client.api.base_url = "http://localhost:1/v4/owner"
    assert client.create(Book(title="a")) is False and len(waits) == 5
    assert str(client.last_error).startswith("Could not connect to the pod at http://localhost:1: ")
    assert "datapod serve" in str(client.last_error) and isinstance(client.last_error, ConnectionError)


def test_what_an_older_pod_does_not_offer_is_named(client):
    with pytest.raises(PodError, match="404 Endpoint not found: this pod does not offer 'graphql'"):
        client.api.graphql("query { Book { title } }")
    assert client.search_graphql("query { Book { title } }") == [] and client.get_oauth2_access_token("gitlab") is None


def test_a_closed_client_is_closed_and_one_in_a_with_statement_is_too(flaky):
    with PodClient(flaky.address, database_key="d", owner_key=OWNER) as client:
        assert client.create(Account(handle="h"))
    with pytest.raises(RuntimeError, match="closed"):
        client.api.search({})


def test_requests_share_a_connection_and_threads_at_most_one_each(flaky, client):
    for number in range(40):
        client.create(Book(pages=number))
    assert flaky.connections == 1
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda number: client.create(Book(pages=number)), range(200)))
    assert flaky.connections <= 8 and len(items_of(flaky, "Book")) == 240


class Pebble(Book):
    weight: float | None = None


def test_many_threads_get_one_object_per_item_and_register_a_type_once(flaky, client):
    shared = Book(title="shared", pages=0)
    client.create(shared)
    client.reset_local_db()
    barrier = threading.Barrier(16)

    def work(number):
        barrier.wait(20)
        found = client.search({"type": "Book", "title": "shared"})
        assert client.create(Pebble(title=str(number), weight=float(number)))
        return found[0], client.get(shared.id)

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(work, range(16)))
    assert len({id(item) for pair in found for item in pair}) == 1
    assert len(items_of(flaky, "Pebble")) == 16
    registered = [
        entry for name, payload in flaky.asked if name == "bulk" for entry in payload["createItems"] if entry.get("itemType") == "Pebble"
    ]
    assert len(registered) == len({entry["propertyName"] for entry in registered if "propertyName" in entry})


def test_a_change_made_while_its_update_is_under_way_is_not_lost(client, monkeypatch):
    book = Book(title="a")
    client.create(book)
    real = client.api.update_item

    def slow(json):
        book.title = "c"  # as another thread might
        return real(json)

    book.title = "b"
    monkeypatch.setattr(client.api, "update_item", slow)
    assert client.update_item(book) and book._updated_properties == {"title"} and book._original_properties == {"title": "b"}
    monkeypatch.undo()
    assert client.update_item(book) and client.refresh(book).title == "c" and book._updated_properties == set()

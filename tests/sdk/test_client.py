"""The client and its local store, against a pod in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.sdk.test_items import Boat, Listed
from tests.sdk.wire import serving

from datapod import Item, PodClient, PodConnectionError, PodError, Priority, SchemaConflict, SchemaMeta
from datapod.bulk import MAX_BATCH_BYTES, Work, batches, gather_batch
from datapod.schema import BUILT_IN, Account, Dataset, File, Person, Photo


class Shelf(Item):
    books: list[Book] = []


class Book(Item):
    title: str | None = None
    pages: int | None = None


class Pamphlet(Item):
    pages: str | None = None


def endpoints(pod):
    return [name for name, _ in pod.requests]


def test_an_unregistered_class_is_registered_at_its_first_write_and_only_then(client, pod):
    assert client.create(Book(title="A", pages=3)) and client.create(Book(title="B"))
    assert endpoints(pod) == ["bulk", "create_item", "create_item"]
    assert {(entry["itemType"], entry["propertyName"]) for entry in pod.requests[0][1]["createItems"]} >= {
        ("Book", "title"),
        ("Book", "pages"),
    }


def test_without_automatic_schema_the_pod_refuses_and_the_client_says_false(pod):
    client = PodClient(api=pod, auto_schema=False)
    assert client.create(Book(pages=1)) is False
    assert client.last_error.status == 400


def test_errors_are_raised_where_the_caller_wants_them(pod):
    with pytest.raises(PodError, match="400"):
        PodClient(api=pod, auto_schema=False, raise_errors=True).create(Book(pages=1))


def test_creating_an_item_never_writes_its_edges_and_update_does(client, pod):
    account = Account(handle="a")
    person = Person(firstName="Ann")
    client.create(account)
    person.add_edge("account", account)
    assert client.create(person) and pod.edges == []
    assert person.update(client) and len(pod.edges) == 1 and person._new_edges == []
    assert person.update(client) and len(pod.edges) == 1


def test_an_update_sends_what_changed_and_null_erases(client, pod):
    book = Book(title="A", pages=3)
    client.create(book)
    book.title = None
    assert client.update_item(book) and pod.requests[-1] == ("update_item", {"id": book.id, "title": None})
    assert client.update_item(book) and pod.requests[-1] == ("update_item", {"id": book.id})
    assert "title" not in pod.items[book.id] and pod.items[book.id]["pages"] == 3


def test_reading_gives_the_same_object_brought_up_to_date(client, pod):
    book = Book(title="A", pages=3)
    client.create(book)
    pod.items[book.id]["pages"] = 4
    assert client.search({"type": "Book"}) == [book]
    assert client.get(book.id) is book and book.pages == 4 and book._updated_properties == set()


@pytest.mark.parametrize(
    ("priority", "title", "dirty"), [("local", "mine", True), ("remote", "theirs", False), ("newest", "theirs", False)]
)
def test_a_conflict_is_decided_by_the_priority(client, pod, priority, title, dirty):
    book = Book(title="A")
    client.create(book)
    book.title = "mine"
    pod.items[book.id].update(title="theirs", dateServerModified=_in_an_hour())
    client.search({"type": "Book"}, priority=priority)
    assert (book.title, "title" in book._updated_properties) == (title, dirty)


def test_a_conflict_may_be_an_error_but_only_if_both_changed(client, pod):
    book = Book(title="A")
    client.create(book)
    book.title = "mine"
    client.search({"type": "Book"}, priority=Priority.error)
    pod.items[book.id]["title"] = "theirs"
    with pytest.raises(ValueError, match="Sync conflict on title"):
        client.search({"type": "Book"}, priority=Priority.error)


def test_sync_writes_changed_properties_and_new_items_and_edges(client, pod):
    book, shelf = Book(title="A"), Shelf()
    client.create(book)
    book.title = "B"
    shelf.add_edge("books", book)
    shelf.store(client)
    assert client.sync()
    assert pod.items[book.id]["title"] == "B" and shelf.id in pod.items and len(pod.edges) == 1


def test_a_missing_item_is_a_value_error_and_a_deleted_one_is_none(client, capsys):
    book = Book(title="A")
    client.create(book)
    client.delete_item(book)
    assert client.get(book.id) is None
    assert capsys.readouterr().out == f"Item with id {book.id} has been deleted\n"
    assert client.search({"type": "Book"}) == [] and client.exists(book.id) is False
    with pytest.raises(ValueError, match="Item with id nowhere does not exist"):
        client.get("nowhere")


def test_unknown_types_and_edges_are_read_all_the_same(pod):
    pod.kinds["logs"] = "Integer"
    pod._json("bulk", {"createItems": [{"id": "raft_1", "type": "Raft", "logs": 4}, {"id": "person", "type": "Person"}]})
    pod._json("bulk", {"createEdges": [{"_source": "person", "_target": "raft_1", "_name": "floatsOn"}]})
    client = PodClient(api=pod)
    (raft,) = client.get("person").floatsOn
    assert (type(raft).__name__, raft.logs) == ("Raft", 4)
    assert client.search({"type": "Raft"}) == [raft]


def test_a_class_registered_with_a_client_replaces_the_built_in_one_for_it(client, pod):
    own = type("Person", (Item,), {"__annotations__": {"firstName": "str | None"}, "firstName": None, "__module__": __name__})
    client.add_to_schema(own)
    pod._json("create_item", {"id": "person", "type": "Person", "firstName": "Ann"})
    assert type(client.get("person")) is own and type(PodClient(api=pod).get("person")) is BUILT_IN["Person"]


def test_searching_ids_keeps_their_order_and_leaves_out_missing_ones(client):
    books = [Book(title=str(number)) for number in range(3)]
    client.bulk_action(create_items=books)
    assert client.search({"ids": [books[2].id, "nowhere", books[0].id]}) == [books[2], books[0]]


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_neither_lose_nor_double_items_that_share_a_date(client, pod, limit):
    client.bulk_action(create_items=[Book(title=str(number)) for number in range(20)])
    for number, item in enumerate(pod.items.values()):
        item["dateServerModified"] = 1000 + number // 6
    pages = list(client.search_paginate({"type": "Book"}, limit))
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len({item.id for page in pages for item in page}) == sum(len(page) for page in pages) == 20


def test_paging_refuses_what_it_cannot_page(client):
    with pytest.raises(ValueError, match="date or limit"):
        next(client.search_paginate({"_limit": 3}))
    with pytest.raises(NotImplementedError, match="Asc"):
        next(client.search_paginate({"_sortOrder": "Asc"}))


def test_the_last_changed_item_is_found_by_a_property(client):
    client.create(Book(title="A"))
    assert client.search_last_added("Book", "title", "A").title == "A"
    with pytest.raises(IndexError):
        client.search_last_added("Pamphlet")


def test_an_item_is_created_once_per_external_id(client):
    assert client.create_if_external_id_not_exists(Book(externalId="isbn")) is True
    assert client.create_if_external_id_not_exists(Book(externalId="isbn")) is False


def test_a_photo_arrives_with_its_bytes_and_a_second_upload_is_success(client):
    photo = Photo(name="p")
    photo.data = b"not really a picture"
    photo.add_edge("file", File(sha256="27d3af9b0f7d5b0ea51cb45e8e5ea3d7"))
    import hashlib

    photo.file[0].sha256 = hashlib.sha256(photo.data).hexdigest()
    assert client.create_photo(photo, asyncFlag=False) and client.upload_file(photo.data, asyncFlag=False)
    client.reset_local_db()
    assert client.get_photo(photo.id).data == photo.data


def test_a_data_set_is_a_table_of_its_entries(client):
    pod_items = [Dataset(name="d"), *(BUILT_IN["DatasetEntry"]() for _ in range(2)), BUILT_IN["Message"](content="hello")]
    dataset, first, second, message = pod_items
    edges = [dataset.add_edge("entry", first), dataset.add_edge("entry", second), first.add_edge("data", message)]
    client.bulk_action(create_items=pod_items, create_edges=edges)
    client.reset_local_db()
    table = client.get_dataset("d").to("dict", ["data.content"])
    assert table == {"id": [first.id], "data.content": ["hello"]}


def test_one_name_with_two_types_is_refused_before_anything_is_sent(client, pod):
    with pytest.raises(SchemaConflict, match=r"Book\.pages is Integer and Pamphlet\.pages is Text"):
        client.add_to_schema(Book, Pamphlet)
    assert pod.requests == []


def test_a_conflict_with_the_pod_is_false(client, pod):
    pod.kinds["pages"] = "Text"
    assert client.add_to_schema(Book) is False and "already defined" in str(client.last_error)


def test_a_sample_says_types_by_its_values(client, pod):
    sample = Listed("my name", 10)
    sample.extra = True
    assert client.add_to_schema(sample)
    entries = pod.requests[-1][1]["createItems"]
    assert [(entry["propertyName"], entry["valueType"]) for entry in entries] == [("name", "Text"), ("age", "Integer"), ("extra", "Bool")]


def test_a_date_registered_from_a_sample_is_read_as_a_date(client):
    client.add_to_schema(Listed("n", datetime(2020, 1, 1, tzinfo=UTC)))
    item = Listed("n", datetime(2021, 1, 1, tzinfo=UTC))
    client.create(item)
    client.reset_local_db()
    assert client.search({"type": "Listed"})[0].age == item.age


def test_a_listed_class_without_annotations_cannot_be_registered_as_a_class(client):
    with pytest.raises(ValueError, match=r"Item Listed has missing property annotations.*name, age"):
        client.add_to_schema(Listed)


def test_a_schema_with_its_origin_goes_to_the_newer_call():
    with serving() as wire:
        client = PodClient(wire.address, database_key="d", owner_key="owner")
        assert client.add_to_schema(SchemaMeta("boats", "https://boats.example", "1"), Boat, Listed("n", 1))
        name, payload = wire.asked[-1]
        assert name == "schema" and payload["meta"]["name"] == "boats"
        assert payload["nodes"]["Listed"]["properties"] == {"name": "Text", "age": "Integer"}
        assert payload["edges"]["captain"] == [{"source": "Boat", "target": "Person"}]


def test_a_pod_that_is_no_datapod_is_told_the_founding_types_and_no_edge_types():
    with serving({"cargo": "0.4.4"}) as wire:
        client = PodClient(wire.address, database_key="d", owner_key="owner")
        assert client.add_to_schema(Shelf)
        assert wire.names() == ["GET /", "GET /version", "POST /v4/account", "bulk", "bulk"]
        kinds = {entry["type"] for _, payload in wire.asked[-2:] for entry in payload["createItems"]}
        assert kinds == {"ItemPropertySchema"}


def test_a_datapod_is_told_nothing():
    with serving() as wire:
        PodClient(wire.address, database_key="d", owner_key="owner")
        assert wire.names() == ["GET /", "GET /version", "POST /v4/account"]


def test_an_account_that_nobody_registered_learns_built_in_types_at_the_first_write(client, pod):
    pod.kinds = dict.fromkeys(("itemType", "propertyName", "valueType", "edgeName", "sourceType", "targetType"), "Text")
    assert client.create(Account(handle="a")) and endpoints(pod) == ["create_item", "bulk", "create_item"]


def test_no_pod_at_an_address_is_one_clear_error():
    with pytest.raises(PodConnectionError, match="Could not connect to the pod at http://localhost:1") as caught:
        PodClient("http://localhost:1")
    assert isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize("item", [Book(title="a"), Listed("n", 1)], ids=["declared", "listed"])
def test_a_registration_that_was_lost_is_repeated_at_the_next_write(client, pod, monkeypatch, item):
    def lost(**parts):
        raise PodConnectionError("http://localhost:3030", "gone")

    with monkeypatch.context() as patch:
        patch.setattr(pod, "bulk", lost)
        assert client.add_to_schema(item) is False and client.create(item) is False
    assert client.create(item) is True and pod.items[item.id]["type"] == type(item).__name__


def test_batches_count_bytes_and_send_edges_after_all_items():
    work = [Work("create_items", number, {}, {"text": "é" * 1_000_000}) for number in range(6)]
    parts = list(batches(work, [Work("create_edges", "edge", {}, {"_name": "e"})]))
    assert [len(batch.origins("create_items")) for batch in parts] == [2, 2, 2]
    assert [batch.origins("create_edges") for batch in parts] == [[], [], ["edge"]]


def test_an_element_over_the_limit_goes_alone_and_the_others_go_too(client, pod, monkeypatch):
    big = Book(title="x" * MAX_BATCH_BYTES)
    real = pod.bulk

    def refuse_large(**parts):
        if sum(len(bytes(raw)) for raw in parts.get("create_items", ()) if not isinstance(raw, dict)) > MAX_BATCH_BYTES:
            raise PodError(413, "Failure: Request body too large")
        return real(**parts)

    monkeypatch.setattr(pod, "bulk", refuse_large)
    others = [Book(title="a"), Book(title="b")]
    shelf = Shelf(books=[big, *others])
    assert client.bulk_action(create_items=[others[0], big, others[1], shelf], create_edges=shelf.get_edges("books")) is False
    assert {item["title"] for item in pod.items.values() if item["type"] == "Book"} == {"a", "b"} and len(pod.edges) == 2


def test_items_of_a_type_that_nobody_declared_share_one_class_that_learns_as_it_reads(client, pod):
    pod.kinds["logs"] = "Integer"
    pod.bulk(create_items=[{"type": "Raft", "name": "a"}, {"type": "Raft", "name": "b", "logs": 4}, {"type": "Raft"}])
    rafts = client.search({"type": "Raft"})
    assert sorted((raft.name or "", raft.logs or 0) for raft in rafts) == [("", 0), ("a", 0), ("b", 4)]
    assert len({type(raft) for raft in rafts}) == 1 and type(rafts[0]).properties[-2:] == ["name", "logs"]
    first = next(raft for raft in rafts if raft.name == "a")
    first.logs = 7
    assert client.update_item(first) and pod.items[first.id]["logs"] == 7


def test_gathering_always_moves_on():
    items = [{"a": "x" * 8}] * 3
    assert gather_batch(items, 0, max_size=16) == ([items[0]], 1, 16)
    assert gather_batch(items, 2, max_size=1)[1] == 3


def test_nothing_to_do_asks_nothing(client, pod):
    assert client.bulk_action() is True and pod.requests == []


def _in_an_hour():
    return int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)


def test_a_changed_type_is_refused_with_advice_and_an_added_property_is_taken(client, pod):
    pod.kinds["pages"] = "Text"
    assert client.add_to_schema(Book) is False
    assert isinstance(client.last_error, SchemaConflict) and "give what changed a new name" in str(client.last_error)
    pod.kinds["pages"] = "Integer"
    longer = type("Book", (Book,), {"__annotations__": {"isbn": str | None}, "isbn": None, "__module__": __name__})
    assert client.add_to_schema(longer) and client.create(longer(title="a", isbn="i"))


def test_a_graph_answer_changes_only_what_was_asked_for_and_links_both_ways(client, pod, monkeypatch):
    book = Book(title="a", pages=3)
    client.create(book)
    answer = {"data": [{"id": book.id, "type": "Book", "title": "b", "~books": [{"id": "shelf_1", "type": "Shelf"}]}]}
    monkeypatch.setattr(pod, "graphql", lambda query, variables=None: answer)
    (found,) = client.search_graphql("query { Book { title ~books { } } }")
    assert found is book and (book.title, book.pages) == ("b", 3)
    (shelf,) = [edge.traverse(book) for edge in book.get_edges("~books")]
    assert shelf.get_edges("books")[0].target is book


def test_a_data_set_and_a_standing_grant_and_an_oauth_item_are_asked_for_by_name(client, pod):
    with pytest.raises(ValueError, match="either"):
        client.plugin_grant(None)
    assert client.plugin_grant({}, plugin_path="a.b.C") is False  # a pod in memory has no such end point
    assert client.get_oauth_item() is None
    client.create(BUILT_IN["OauthFlow"](service="gitlab"))
    assert client.get_oauth_item().service == "gitlab"


def test_neighbours_are_loaded_as_far_as_asked_and_each_once(client, pod):
    people = [Person(firstName=str(number)) for number in range(4)]
    edges = [start.add_edge("me", end) for start, end in zip(people, [*people[1:], people[0]], strict=True)]
    client.bulk_action(create_items=people, create_edges=edges)
    client.reset_local_db()
    pod.requests.clear()
    start = client.expand(client.get(people[0].id, expanded=False), depth=9)
    assert start.me[0].me[0].me[0].me[0] is start and endpoints(pod).count("get_edges") == 4

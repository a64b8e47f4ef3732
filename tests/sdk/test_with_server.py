"""The founding plugins and the client against a real server, in processes of their own where the pod starts them."""

from __future__ import annotations

import hashlib
import json

import httpx
import pytest
from tests.sdk.oauth_provider import oauth_provider
from tests.sdk.test_authenticators import browser_login, plugin_for
from tests.sdk.test_client import Book, Shelf

import datapod
from datapod import OAuthAuthenticator, PluginRun, PodClient, PodError, run_plugin
from datapod.examples.plugins import MyItem, MyOAuthPlugin, MySimplePlugin
from datapod.graph_query import GQLQuery
from datapod.schema import File
from datapod.testing import FrontEnd, fast_login, run_for_test

EXAMPLE = "datapod.examples.plugins"


@pytest.fixture
def client(server):
    client = PodClient(server.address, database_key=server.database_key, owner_key=server.owner_key)
    yield client
    client.close()


def test_the_simple_plugin_renames_items_of_a_real_pod(server, client, tmp_path, capsys):
    client.add_to_schema(MyItem("my name", 10))
    old, young = MyItem("old", 30), MyItem("young", 10)
    assert client.bulk_action(create_items=[old, young])
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"pluginModule": EXAMPLE, "pluginName": "MySimplePlugin"}))
    run_plugin(server.address, database_key=server.database_key, owner_key=server.owner_key, metadata=str(path))
    assert capsys.readouterr().out.splitlines()[-1] == "running"
    assert (client.refresh(old).name, client.refresh(young).name) == ("new name", "young")
    assert client.search_last_added("PluginRun").status == "done"


def test_the_oauth_plugin_logs_in_through_redirects_and_a_real_pod(server, client):
    front_end = PodClient(server.address, database_key=server.database_key, owner_key=server.owner_key)
    with oauth_provider() as provider, fast_login(OAuthAuthenticator):
        plugin_class = plugin_for(provider)
        run = PluginRun("none", EXAMPLE, "MyOAuthPlugin")
        assert client.create(run)
        login = browser_login(front_end.api, run.id)
        plugin = plugin_class(pluginRun=run, client=client)
        plugin.add_to_schema()
        plugin._run()
        login.join(10)
        account = plugin.pluginRun.account[0]
        assert account.secret == account.accessToken and account.accessToken in provider.access_tokens
    front_end.reset_local_db()
    stored = front_end.get(run.id)
    assert (stored.status, stored.authUrl, stored.account[0].refreshToken) == ("done", None, "good refresh token")
    front_end.close()


def test_edges_types_dates_and_deletion_survive_the_way_there_and_back(server, client):
    shelf = Shelf(books=[Book(title="é" * 3, pages=2**53)])
    assert client.bulk_action(create_items=[*shelf.books, shelf], create_edges=shelf.get_edges("books")), client.last_error
    client.reset_local_db()
    read = client.get(shelf.id)
    assert [(book.title, book.pages) for book in read.books] == [("ééé", 2**53)]
    assert read.dateCreated.tzinfo is not None and read._updated_properties == set() and read._new_edges == []
    book = read.books[0]
    book.title = None
    assert client.update_item(book) and "title" not in client.api.get_item(book.id)[0]
    assert client.delete_item(book) and client.get(book.id) is None and client.search({"type": "Book"}) == []


def test_pages_hold_everything_exactly_once(client):
    assert client.bulk_action(create_items=[Book(title="page", pages=number) for number in range(120)])
    pages = list(client.search_paginate({"type": "Book", "title": "page"}, 50))
    assert [len(page) for page in pages] == [50, 50, 20] and len({book.id for page in pages for book in page}) == 120


def test_two_types_for_one_name_are_refused_by_the_pod_and_nothing_of_it_is_stored(client):
    client.add_to_schema(MyItem("n", 1))
    assert client.add_to_schema(MyItem("n", "ten")) is False
    assert "already defined" in str(client.last_error)


def test_a_wrong_key_is_an_error_with_its_status(server):
    client = PodClient(server.address, database_key="1" * 64, owner_key=server.owner_key, raise_errors=True)
    with pytest.raises(PodError, match="401"):
        client.create(Book(title="x"))
    client.close()


def test_the_pod_starts_a_plugin_and_hears_from_it(start_server, tmp_path, wait_until):
    server = start_server("--plugins-process", "datapod")
    client = PodClient(server.address, database_key=server.database_key, owner_key=server.owner_key)
    run = PluginRun("datapod", EXAMPLE, "MyPasswordPlugin")
    bad = PluginRun("datapod", EXAMPLE, "NoSuchPlugin")
    assert client.bulk_action(create_items=[run]) and client.bulk_action(create_items=[bad]), client.last_error
    wait_until(lambda: client.refresh(run).status == "done", seconds=20, what="status done")
    wait_until(lambda: client.refresh(bad).status == "error", seconds=20, what="status error")
    assert bad.error == f"ImportError: Unknown plugin: {EXAMPLE}.NoSuchPlugin"
    assert len(client.search({"type": "MyItem"})) == 2
    client.close()


def test_a_pod_is_asked_sql_over_http_and_in_process(server, client, tmp_path):
    client.create(Book(title="sql", pages=3))
    with datapod.connect(server.address, database_key=server.database_key, owner_key=server.owner_key) as pod:
        rows = pod.query("SELECT title, pages FROM items('Book') WHERE title = 'sql'")
        assert [dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[1:]] == [{"title": "sql", "pages": 3}]
        pod.put("/v1/datasets/shop", {"type": "sparse.mutable"})
        assert "shop" in pod.get("/v1/datasets")
        pod.delete("/v1/datasets/shop")
        with pytest.raises(PodError, match="404"):
            pod.get("/v1/datasets/shop")
        assert isinstance(pod.perform("GET", "/v1/datasets"), httpx.Response)
    with datapod.open() as pod:
        assert pod.query("SELECT 1 AS one")[1][-1] == 1


def test_plugins_are_tested_in_memory_or_against_a_server_alike(client):
    plugin = run_for_test(MySimplePlugin, client=client)
    assert plugin.pluginRun.status == "done" and isinstance(plugin, MySimplePlugin)
    assert issubclass(MyOAuthPlugin, datapod.PluginBase) and FrontEnd(client, plugin.pluginRun.id)


def test_words_and_graph_queries_find_items_of_a_real_pod(client):
    shelf = Shelf(books=[Book(title='The "Summer" boat', pages=3), Book(title="Winter", pages=4)])
    assert client.bulk_action(create_items=[shelf, *shelf.books], create_edges=shelf.get_edges("books")), client.last_error
    assert [book.pages for book in client.search({"type": "Book", "_match": "summer"})] == [3]
    client.reset_local_db()
    query = GQLQuery('query { Shelf { books (filter: {title: {eq: "$title"}}) { title ~books { } } } }')
    (found,) = [item for item in client.search_graphql(query, {"title": 'The "Summer" boat'}) if item.id == shelf.id]
    (book,) = found.books
    assert book.title == 'The "Summer" boat' and book.pages is None
    assert client.refresh(book).pages == 3


def test_a_large_file_streams_from_a_path_to_a_path(client, tmp_path):
    content = b"0123456789abcdef" * 200_000
    (tmp_path / "in").write_bytes(content)
    assert client.create(File(sha256=hashlib.sha256(content).hexdigest()))
    assert client.upload_file(tmp_path / "in", asyncFlag=False), client.last_error
    assert client.upload_file(tmp_path / "in", asyncFlag=False)
    assert client.save_file(hashlib.sha256(content).hexdigest(), tmp_path / "out").read_bytes() == content
    assert client.create(File(sha256=hashlib.sha256(b"").hexdigest())) and client.upload_file(b"", asyncFlag=False), client.last_error
    with pytest.raises(PodError, match="404"):
        client.save_file("0" * 64, tmp_path / "nothing")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in", "out"]


def test_what_the_server_does_besides_items_is_asked_through_the_client(client):
    assert client.send_email("a@example.org", "s", "b") is True
    assert client.plugin_status(["no_such_run"]) == {"no_such_run": {"status": "unreachable"}}
    assert client.get_oauth2_access_token("gitlab") is None and "not configured" in str(client.last_error)
    assert client.plugin_grant({"read": {"Book": "*"}}, container="books"), client.last_error
    assert client.plugin_grant(None, container="books")

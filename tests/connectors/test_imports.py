"""Connectors as a whole: the suite that ships, over a small connector to a provider that fails as told; and what the suite cannot say."""

from __future__ import annotations

import pytest
from tests.connectors.shop import ShopPlugin

from datapod import PodClient
from datapod.connectors import (
    BrokenRecord,
    Checkpoint,
    Connector,
    FatalError,
    ImportFailed,
    LoginNeeded,
    Record,
    Removed,
    Stream,
    connector,
    known_versions,
)
from datapod.connectors.fake_provider import FakeProvider, Fault
from datapod.connectors.suite import ConnectorSuite, MortalPod, live, snapshot
from datapod.schema import Account, File, Note, Person
from datapod.testing import run_for_test


class TestShop(ConnectorSuite):
    """The suite, over a source that counts changes and has files."""

    connector = ShopPlugin
    item_type = "Receipt"

    @pytest.fixture(autouse=True)
    def shop(self, provider: FakeProvider):
        self.provider = provider
        self.changes = 0

    def config(self):
        return {"url": self.provider.address}

    def _put(self, name, **values):
        self.changes += 1
        self.provider.records = [record for record in self.provider.records if record["id"] != name]
        self.provider.records.append({"id": name, "changed": self.changes, "store": name, **values})

    def add(self, name):
        self._put(name, category="new", files={"bill.txt": f"bill of {name}", "terms.txt": "the same for all"})

    def change(self, name):
        self._put(name, category=None, files={"bill.txt": f"second bill of {name}"})

    def remove(self, name):
        self._put(name, deleted=True)

    def test_a_later_run_asks_for_what_is_new_only(self):
        pod = MortalPod()
        self._add_all(*"abcdefghijklmnopqrstuvwxyz")
        self.run(pod)
        asked = len(self.provider.asked)
        self.add("new")
        self.run(pod)
        assert asked == 3 and [request.query["since"] for request in self.provider.asked[asked:]] == ["26"]

    def test_a_content_is_uploaded_once_however_many_records_have_it(self):
        pod = MortalPod()
        sent = []
        upload = pod.upload_file
        pod.upload_file = lambda data: (sent.append(data), upload(data))[1]
        self._add_all("one", "two", "three", "four")
        self.run(pod)
        assert sorted(sent) == sorted([b"the same for all", *(f"bill of {name}".encode() for name in ("one", "two", "three", "four"))])
        names = {item["filename"] for item in live(pod, "File")}
        assert names == {"bill.txt", "terms.txt"} and len(live(pod, "File")) == 8

    def test_a_provider_that_fails_all_the_time_is_imported_all_the_same(self):
        pod = MortalPod()
        self._add_all(*(str(number) for number in range(35)))
        self.provider.fail_next(Fault(500), Fault(reset=True), Fault(), Fault(429, "0"), Fault(503), Fault(), Fault(reset=True))
        assert self.run(pod).report["created"] == 35

    def test_a_broken_record_is_reported_beside_the_good_ones_and_until_it_is_mended(self):
        pod = MortalPod()
        self._add_all("one", "two")
        self._put("bad", store=7)
        assert self.run(pod).report == {"created": 2, "broken": 1}
        assert [(item["externalId"], item["reason"]) for item in live(pod, "ImportProblem")] == [("bad", "an order without a store")]
        self.add("bad")
        assert self.run(pod).report == {"created": 1} and live(pod, "ImportProblem") == []
        self._put("bad", store=8)
        self.run(pod)
        assert len(live(pod, "ImportProblem")) == 1 and len(live(pod, "Receipt")) == 3

    def test_what_the_owner_entered_stays(self):
        pod = MortalPod()
        self.add("one")
        self.run(pod)
        item = live(pod, "Receipt")[0]
        item |= {"totalCost": 3.5, "starred": True}
        self.change("one")
        self.run(pod)
        assert (item["totalCost"], item["starred"], "category" in item) == (3.5, True, False)


class Notes(Stream):
    """Reads entries that the test hands in; the state counts them."""

    def __init__(self, name, entries):
        super().__init__(name)
        self.entries = entries

    def read(self, state):
        for number, entry in enumerate(self.entries[state.get("read", 0) :], state.get("read", 0) + 1):
            if isinstance(entry, Exception):
                raise entry
            yield entry
            yield Checkpoint({"read": number}, number / len(self.entries))


def notes(*streams):
    class Notebook(Connector):
        service = "notebook"
        schema_classes = [Note, Person, Account, File]

        def streams(self):
            return streams

    return Notebook


def note(name, text="text"):
    return Record(name, Note(title=name, content=text))


def test_a_stream_that_fails_keeps_what_it_brought_and_stops_no_other(client, pod):
    broken = Notes("broken", [note("a"), FatalError("the source is gone"), note("c")])
    plugin = run_for_test(notes(broken, Notes("good", [note("b")])), client=client)
    assert plugin.pluginRun.status == "done" and set(plugin.failures) == {"broken"} and len(live(pod, "Note")) == 2
    cursors = {item["streamName"]: item for item in live(pod, "ImportCursor")}
    assert cursors["broken"]["cursorState"] == '{"read": 1}' and cursors["broken"]["importError"] == "FatalError: the source is gone"
    assert "importError" not in cursors["good"] and "lastImport" in cursors["good"] and "lastImport" not in cursors["broken"]
    broken.entries[1] = note("b")
    run_for_test(notes(broken), client=client)
    assert "importError" not in next(item for item in live(pod, "ImportCursor") if item["streamName"] == "broken")


def test_a_run_whose_streams_all_fail_fails(client):
    with pytest.raises(ImportFailed, match="broken: gone"):
        run_for_test(notes(Notes("broken", [FatalError("gone")])), client=client)


def test_a_missing_login_ends_the_run_at_once(client, pod):
    with pytest.raises(LoginNeeded):
        run_for_test(notes(Notes("closed", [LoginNeeded("who are you")]), Notes("good", [note("b")])), client=client)
    assert live(pod, "Note") == []


def test_an_error_of_the_connector_itself_fails_the_run_and_leaves_the_cursor_where_it_was(client, pod):
    stream = Notes("typo", [note("a"), ZeroDivisionError("typo")])
    with pytest.raises(ZeroDivisionError):
        run_for_test(notes(stream), client=client)
    assert live(pod, "ImportCursor") == []


def test_progress_is_written_to_the_run(client, pod):
    class Careful(notes(Notes("one", [note(str(number)) for number in range(4)]), Notes("two", [note("x")]))):
        batch_records = 2

    plugin = run_for_test(Careful, client=client)
    seen = [payload["progress"] for endpoint, payload in pod.requests if endpoint == "update_item" and "progress" in payload]
    assert seen == [0.25, 0.5, 1.0] and plugin.pluginRun.progress == 1.0


def test_the_same_record_twice_in_a_batch_is_one_item_as_of_the_last(client, pod):
    entries = [note("a", "1"), note("b"), note("a", "2"), Removed("b"), note("b", "again"), Removed("never there")]
    run_for_test(notes(Notes("n", entries)), client=client)
    assert {item["title"]: item["content"] for item in live(pod, "Note")} == {"a": "2", "b": "again"}


def test_a_record_over_the_limit_of_a_request_does_not_take_the_cursor_from_the_others(client, pod):
    entries = [note(str(number), "x" * 900_000) for number in range(13)]
    run_for_test(notes(Notes("n", entries)), client=client)
    bulks = [payload for endpoint, payload in pod.requests if endpoint == "bulk" and "createItems" in payload]
    kinds = [[item["type"] for item in bulk["createItems"]] for bulk in bulks if bulk["createItems"][0]["type"] == "Note"]
    assert len(kinds) == 3 and sum(len(entry) for entry in kinds) == 14 and kinds[-1][-1] == "ImportCursor"
    assert not any("ImportCursor" in entry for entry in kinds[:-1])


def test_without_checkpoints_records_are_written_but_the_cursor_waits(client, pod):
    class Long(Notes):
        def read(self, state):
            yield from self.entries
            raise FatalError("cut off")

    with pytest.raises(ImportFailed):
        run_for_test(notes(Long("n", [note(str(number)) for number in range(450)])), client=client)
    assert len(live(pod, "Note")) == 450 and live(pod, "ImportCursor")[0]["cursorState"] == "{}"


def test_links_between_records_wait_for_both_ends(client, pod):
    child, parent = note("child"), Record("parent", Note(title="parent"))
    child.link_from("parent", "label")
    run_for_test(notes(Notes("n", [child])), client=client)
    assert [edge for edge in pod.edges if edge["_name"] == "label"] == []
    child, again = note("child"), note("child", "changed")
    child.link_from("parent", "label")
    again.link_from("parent", "label")
    run_for_test(notes(Notes("n", [note("ignored"), parent, child, again])), client=client)
    run_for_test(notes(Notes("n", [note("ignored")] * 4 + [again])), client=client)
    assert len([edge for edge in pod.edges if edge["_name"] == "label"]) == 1


def test_shared_items_are_made_once_filled_up_but_never_overwritten_and_unlinked_when_gone(client, pod):
    def person(*emails, name="Ann"):
        record = Record("ann", Person(displayName=name), follow=["account"], name_spaces=["email"])
        for email in emails:
            record.share("account", Account(handle=email, displayName=name, service="email"), "email", email)
        return record

    run_for_test(notes(Notes("n", [person("a@x", "b@x")])), client=client)
    own = Account(handle="own")
    client.create(own)
    ann = client.search({"type": "Person"})[0]
    client.create_edge(ann.add_edge("account", own))
    handles = lambda: {item["handle"] for item in live(pod, "Account") if "handle" in item}  # noqa: E731
    targets = lambda: {pod.items[edge["_target"]]["handle"] for edge in pod.edges if edge["_source"] == ann.id}  # noqa: E731
    run_for_test(notes(Notes("n", [person(), person("b@x", name="Anna")])), client=client)
    assert targets() == {"b@x", "own"} and handles() == {"a@x", "b@x", "own"}
    assert {item["displayName"] for item in live(pod, "Account") if item.get("handle") == "b@x"} == {"Ann"}


def test_the_versions_of_what_is_there_are_told_by_external_id(client, pod):
    record = Record("a", Note(title="of mine"), version="v1")
    other = Record("b", Note(title="of another"), version="v2")
    plugin = run_for_test(notes(Notes("n", [record, other])), client=client)
    assert known_versions(plugin, Note, title="of mine") == {"a": "v1"}


def test_a_cursor_that_was_broken_by_hand_says_what_to_do(client, pod):
    run_for_test(notes(Notes("n", [note("a")])), client=client)
    live(pod, "ImportCursor")[0]["cursorState"] = "[1]"
    with pytest.raises(ImportFailed, match="delete that ImportCursor"):
        run_for_test(notes(Notes("n", [note("a")])), client=client)


def test_a_deleted_cursor_means_from_the_start_and_doubles_nothing(client, pod):
    stream = Notes("n", [note("a"), BrokenRecord("b", "bad")])
    run_for_test(notes(stream), client=client)
    before = snapshot(pod)
    client.delete_item(live(pod, "ImportCursor")[0]["id"])
    assert run_for_test(notes(stream), client=client).report == {"unchanged": 1, "broken": 1}
    assert snapshot(pod) == before and len(live(pod, "ImportCursor")) == 1


def test_a_pod_that_is_away_for_a_moment_is_written_to_again(pod, monkeypatch):
    from datapod import PodConnectionError
    from datapod.connectors import Retry

    failures = [PodConnectionError("http://pod", "gone")] * 2
    do = pod._do_bulk

    def shaky(parts):
        if parts.get("createItems") and parts["createItems"][0]["type"] == "Note" and failures:
            do(parts)  # the pod has it, the answer is lost
            raise failures.pop()
        return do(parts)

    monkeypatch.setattr(pod, "_do_bulk", shaky)
    monkeypatch.setattr(connector.Connector, "retry", Retry(first_pause_seconds=0.01))
    run_for_test(notes(Notes("n", [note("a"), note("b")])), client=PodClient(api=pod))
    assert len(live(pod, "Note")) == 2 and len(live(pod, "ImportCursor")) == 1

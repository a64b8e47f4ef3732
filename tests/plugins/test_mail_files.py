"""Mail from mbox files and Maildir folders: growing, replaced, killed; in memory, and from outside against a real pod."""

from __future__ import annotations

import fcntl
import os

import pytest
from tests.plugins import letters
from tests.plugins.letters import letter, mbox

from datapod import PodClient
from datapod.connectors import FatalError, ImportFailed, Retry
from datapod.connectors.suite import ConnectorSuite, live
from datapod.plugins import mail_files
from datapod.plugins.mail import MailPlugin
from datapod.testing import InMemoryPod, run_for_test

PLUGIN = "datapod.plugins.mail:MailPlugin"
TYPES = ("EmailMessage", "Account", "File", "MessageChannel")


@pytest.fixture
def pod():
    return InMemoryPod()


def run(pod, **config):
    return run_for_test(MailPlugin, config, client=PodClient(api=pod))


def subjects(pod):
    return sorted(item["subject"] for item in live(pod, "EmailMessage"))


def thread(pod):
    """Pairs of subjects: answer, and what it answers."""
    items = pod.items
    return sorted((items[e["_source"]]["subject"], items[e["_target"]]["subject"]) for e in pod.edges if e["_name"] == "message")


class TestMaildir(ConnectorSuite):
    """The suite of the kit. What changes about a message is its star; what is removed from a mailbox stays in the pod."""

    connector = MailPlugin
    item_type = "EmailMessage"

    @pytest.fixture(autouse=True)
    def maildir(self, tmp_path):
        self.folder = tmp_path / "Maildir"
        for name in ("new", "cur", "tmp"):
            (self.folder / name).mkdir(parents=True)

    def config(self):
        return {"path": str(self.folder)}

    def add(self, name):
        (self.folder / "new" / name).write_bytes(letter(name))

    def change(self, name):
        (self.folder / "new" / name).rename(self.folder / "cur" / f"{name}:2,FS")


def test_messages_become_items_with_correspondents_files_and_threads(pod, tmp_path):
    path = tmp_path / "all.mbox"
    path.write_bytes(mbox(letters.ANSWER, *(raw for raw in letters.ALL if raw is not letters.ANSWER)))
    plugin = run(pod, path=str(path))
    assert plugin.report == {"created": len(letters.ALL)}
    assert thread(pod) == [("Re: Hello", "Hello, wörld!")]
    accounts = {item["handle"]: item.get("displayName") for item in live(pod, "Account") if item.get("handle")}
    assert accounts["ann@example.org"] == "Zee, Ann van" and accounts["joerg@example.de"] == "Jörg"
    news = next(item for item in live(pod, "EmailMessage") if item["externalId"] == "news@shop.example")
    assert (news["service"], news["textContent"], "<p>Only" in news["content"]) == ("email", "Only € 5!\nToday.", True)
    files = {item["filename"]: item for item in live(pod, "File")}
    assert set(files) >= {"logo.png", "menu.pdf", "über.txt", "smime.p7s", "message-5.eml", "message-2.txt"}
    assert files["logo.png"]["itemDescription"] == "cid:logo@shop"
    assert pod.files[files["logo.png"]["sha256"]] == b"\x89PNG\r\n\x1a\n"
    cron = next(item for item in live(pod, "EmailMessage") if item["subject"].startswith("Cron"))
    assert cron["dateSent"] == cron["dateReceived"] == 1673665200000


def test_an_mbox_that_grew_is_read_from_where_it_was(pod, tmp_path):
    path = tmp_path / "inbox"
    path.write_bytes(mbox(letter("one"), letter("two", more="In-Reply-To: <three@example.org>\n")))
    assert run(pod, path=str(path)).report == {"created": 2}
    assert run(pod, path=str(path)).report == {}
    with path.open("ab") as file:
        file.write(mbox(letter("three")))
    assert run(pod, path=str(path)).report == {"created": 1}
    assert subjects(pod) == ["letter one", "letter three", "letter two"]
    assert thread(pod) == [("letter two", "letter three")]  # the answer came a run earlier


def test_an_mbox_that_was_replaced_is_read_from_its_beginning_and_nothing_is_doubled(pod, tmp_path):
    path = tmp_path / "inbox"
    path.write_bytes(mbox(*(letter(f"m{number}") for number in range(5))))
    run(pod, path=str(path))
    path.write_bytes(mbox(letter("m3"), letter("m4"), letter("new"), *(letter(f"m{number}") for number in range(5, 9))))
    assert run(pod, path=str(path)).report == {"created": 5, "unchanged": 2}
    path.write_bytes(b"")
    assert run(pod, path=str(path)).report == {}
    path.write_bytes(mbox(letter("m3")))
    assert run(pod, path=str(path)).report == {"unchanged": 1}
    assert len(subjects(pod)) == 10


def test_text_that_looks_like_a_separator_belongs_to_its_message(pod, tmp_path):
    path = tmp_path / "inbox"
    path.write_bytes(mbox(letter("one", "hi\n\nFrom here on\n>From there\n\n"), letter("two")).replace(b"\n>From here", b"\nFrom here"))
    assert run(pod, path=str(path)).report == {"created": 2}
    one = next(item for item in live(pod, "EmailMessage") if item["externalId"] == "one@example.org")
    assert one["textContent"].startswith("hi\n\nFrom here on\n>From there\n")


def test_a_broken_message_is_reported_and_the_others_are_imported(pod, tmp_path):
    path = tmp_path / "inbox"
    path.write_bytes(mbox(letter("one"), b"\x00\x01 nothing", letter("two")))
    assert run(pod, path=str(path)).report == {"created": 2, "broken": 1}
    problem = live(pod, "ImportProblem")[0]
    assert problem["reason"] == "no header at its beginning" and "offset" in problem["externalId"]


def test_an_mbox_into_which_a_program_is_delivering_is_left_alone(pod, tmp_path, monkeypatch):
    path = tmp_path / "inbox"
    path.write_bytes(mbox(letter("one")))
    monkeypatch.setattr(mail_files, "WAIT_FOR_LOCK", Retry(attempts=2, first_pause_seconds=0.01))
    pid = os.fork()
    if pid == 0:  # locks hold between processes
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            (tmp_path / "locked").touch()
            os.read(os.open(_fifo(tmp_path), os.O_RDONLY), 1)
        os._exit(0)
    try:
        _wait_for(tmp_path / "locked")
        with pytest.raises(ImportFailed, match="another program is writing"):
            run(pod, path=str(path))
    finally:
        os.close(os.open(_fifo(tmp_path), os.O_WRONLY))
        os.waitpid(pid, 0)
    assert run(pod, path=str(path)).report == {"created": 1}


def _fifo(folder):
    path = folder / "go"
    if not path.exists():
        os.mkfifo(path)
    return path


def _wait_for(path):
    from tests.conftest import wait_until

    wait_until(path.exists, what="the lock")


def test_two_messages_with_one_message_id_are_both_kept(pod, tmp_path):
    path = tmp_path / "inbox"
    other = letter("one", "other words").replace(b"02 Jan", b"03 Jan").replace(b"Mon,", b"Tue,")
    path.write_bytes(mbox(letter("one"), other, letter("one")))
    assert run(pod, path=str(path)).report == {"created": 2, "unchanged": 1}
    path.write_bytes(mbox(other, letter("one"), letter("three")))
    assert run(pod, path=str(path)).report == {"unchanged": 2, "created": 1}
    assert {item["externalId"] for item in live(pod, "EmailMessage")} == {"one@example.org", "three@example.org"}


def test_a_message_that_the_owner_deleted_stays_deleted(pod, tmp_path):
    path = tmp_path / "inbox"
    path.write_bytes(mbox(letter("one"), letter("two")))
    run(pod, path=str(path))
    item = next(item for item in live(pod, "EmailMessage") if item["externalId"] == "one@example.org")
    PodClient(api=pod).delete_item(item["id"])
    path.write_bytes(mbox(letter("two"), letter("one")))
    assert run(pod, path=str(path)).report == {"unchanged": 1}
    assert subjects(pod) == ["letter two"]


def test_a_folder_of_mail_is_read_folder_by_folder(pod, tmp_path):
    for folder in ("Maildir", "Maildir/.Sent", "Maildir/.Lists.Caf&AOk-"):
        for name in ("new", "cur", "tmp"):
            (tmp_path / folder / name).mkdir(parents=True)
    (tmp_path / "Maildir/cur/1.host:2,S").write_bytes(letter("one"))
    (tmp_path / "Maildir/.Sent/cur/2.host:2,").write_bytes(letter("two"))
    (tmp_path / "Maildir/.Lists.Caf&AOk-/new/3.host").write_bytes(letter("one"))
    (tmp_path / "Maildir/tmp/4.host").write_bytes(letter("half"))
    assert run(pod, path=str(tmp_path / "Maildir")).report == {"created": 2, "updated": 1}
    assert {item["name"] for item in live(pod, "MessageChannel")} == {"INBOX", "Sent", "Lists/Café"}
    channels = [edge for edge in pod.edges if edge["_name"] == "messageChannel"]
    assert len(channels) == 3 and len({edge["_source"] for edge in channels}) == 2
    assert run(pod, path=str(tmp_path / "Maildir"), folders="Sent").report == {}


def test_a_clock_that_was_set_back_loses_no_message(pod, tmp_path):
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "one").write_bytes(letter("one"))
    run(pod, path=str(tmp_path))
    cursor = live(pod, "ImportCursor")[0]
    cursor["cursorState"] = '{"changed_ns": 9000000000000000000, "names": ["one"]}'  # in the year 2255
    (tmp_path / "new" / "two").write_bytes(letter("two"))
    assert run(pod, path=str(tmp_path)).report == {"created": 1, "unchanged": 1}
    assert run(pod, path=str(tmp_path)).report == {}


def test_options_that_make_no_sense_say_so(pod, tmp_path):
    with pytest.raises(ValueError, match="either 'path'"):
        run(pod)
    with pytest.raises(ValueError, match="either 'path'"):
        run(pod, path="x", host="y")
    with pytest.raises(ValueError, match="list of folder names"):
        run(pod, path="x", folders=7)
    with pytest.raises(FatalError, match="does not exist"):
        run(pod, path=str(tmp_path / "nothing"))
    with pytest.raises(FatalError, match="neither a Maildir"):
        run(pod, path=str(tmp_path))
    (tmp_path / "page.html").write_text("<p>no mail")
    with pytest.raises(ImportFailed, match="no mbox file"):
        run(pod, path=str(tmp_path / "page.html"))
    (tmp_path / "inbox").write_bytes(mbox(letter("one")))
    with pytest.raises(FatalError, match="no folder Sent; there are: inbox"):
        run(pod, path=str(tmp_path / "inbox"), folders="Sent")


def test_from_outside_a_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed(outside, tmp_path, start_server):
    path = tmp_path / "inbox"
    path.write_bytes(mbox(*letters.ALL, *(letter(f"m{n}", more=f"In-Reply-To: <m{n + 700}@example.org>\n") for n in range(1_500))))
    total = len(letters.ALL) + 1_500
    first = outside.start(PLUGIN, {"path": str(path)})
    outside.kill_when(first, lambda: outside.server.v4("search", {"type": "EmailMessage", "_limit": 1}).json())
    there = len(outside.items("EmailMessage"))
    assert 0 < there < total
    assert f"{total - there} created" in outside.run(PLUGIN, {"path": str(path)})
    after_kill = outside.snapshot(*TYPES)
    assert "mail: nothing to import" in outside.run(PLUGIN, {"path": str(path)})
    assert outside.snapshot(*TYPES) == after_kill
    outside.server = start_server(name="undisturbed")
    PodClient(outside.server.address, owner_key=outside.server.owner_key, database_key=outside.server.database_key).close()
    outside.run(PLUGIN, {"path": str(path)})
    undisturbed = outside.snapshot(*TYPES)
    for items, _ in (after_kill, undisturbed):
        for item in items.values():
            item.pop("key", None), item.pop("nonce", None)  # of the stored file: random
    accounts = {item_id for items, _ in (after_kill, undisturbed) for item_id, item in items.items() if item.get("service") == "MailPlugin"}
    for items, _ in (after_kill, undisturbed):
        for item_id in accounts & set(items):
            del items[item_id]  # of the runs
    assert after_kill == undisturbed

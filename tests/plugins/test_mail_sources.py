"""Threads and attachments through kills and in any order, from an mbox; and what a run that the pod starts may do."""

from __future__ import annotations

import base64

import pytest
from tests.plugins.letters import letter, mbox

from datapod.connectors.suite import ConnectorSuite, MortalPod, live, snapshot
from datapod.plugins.mail import MailPlugin

PLUGIN = "datapod.plugins.mail:MailPlugin"
PICTURE = b"\x89PNG of the harbour"
ANSWERED = {"one": "two", "three": "one", "four": "five", "five": "four"}
"""Message to the one it answers: a later one, an earlier one, and two that answer each other."""


def illustrated(name: str) -> bytes:
    """A message with an attachment, the same in all of them, that answers another."""
    more = f"In-Reply-To: <{ANSWERED[name]}@example.org>\n" if name in ANSWERED else ""
    more += "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=cut\n"
    picture = base64.b64encode(PICTURE).decode()
    head = "Content-Type: image/png; name=h.png\nContent-Transfer-Encoding: base64"
    parts = f"--cut\nContent-Type: text/plain\n\nhello\n--cut\n{head}\n\n{picture}\n--cut--\n"
    return letter(name, parts, more)


class TestMbox(ConnectorSuite):
    """The suite of the kit. A file tells nothing about stars, and what was received does not change: it stays as it is."""

    connector = MailPlugin
    item_type = "EmailMessage"

    @pytest.fixture(autouse=True)
    def file(self, tmp_path):
        self.path = tmp_path / "inbox"
        self.path.touch()

    def config(self):
        return {"path": str(self.path)}

    def add(self, name):
        with self.path.open("ab") as file:
            file.write(mbox(illustrated(name)))

    def change(self, name):
        self.path.write_bytes(self.path.read_bytes().replace(f"Subject: letter {name}".encode(), b"Subject: forged"))

    def test_a_changed_record_changes_its_items(self):
        pod = MortalPod()
        self._add_all("one", "two")
        self.run(pod)
        before = snapshot(pod)
        self.change("one")
        assert self.run(pod).report == {"unchanged": 2} and snapshot(pod) == before

    def test_threads_and_attachments_do_not_depend_on_when_a_message_came(self):
        at_once, one_by_one = MortalPod(), MortalPod()
        for name in ("one", "two", "three", "four", "five"):
            self.add(name)
            self.run(one_by_one)
        self.run(at_once)
        assert snapshot(at_once) == snapshot(one_by_one)
        threads = [edge for edge in at_once.edges if edge["_name"] == "message"]
        assert len(threads) == len(ANSWERED)
        assert len(live(at_once, "File")) == 5 and list(at_once.files.values()) == [PICTURE]


def test_from_outside_the_declared_permissions_suffice(outside, tmp_path):
    path = tmp_path / "inbox"
    for expected, messages in (("2 created", ("one", "two")), ("1 created", ("one", "two", "three"))):
        path.write_bytes(mbox(*(illustrated(name) for name in messages)))
        finished = outside.run_by_pod(PLUGIN, {"path": str(path)}, MailPlugin.permissions)
        assert finished["status"] == "done" and expected in finished["log"], finished
    assert len(outside.items("EmailMessage")) == 3

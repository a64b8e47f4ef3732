"""Contacts from vCard files and from a real CardDAV server; in memory, and from outside against a real pod."""

from __future__ import annotations

import base64

import pytest
from tests.plugins.radicale_server import PASSWORD, USER, RadicaleServer

from datapod import Account, PasswordAuthenticator, PodClient
from datapod.connectors import FatalError, ImportFailed
from datapod.connectors.suite import ConnectorSuite, live, snapshot
from datapod.plugins.contacts import AddressBook, ContactsPlugin
from datapod.testing import FrontEnd, InMemoryPod, fast_login, run_for_test

PLUGIN = "datapod.plugins.contacts:ContactsPlugin"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

ANN = f"""BEGIN:VCARD
VERSION:3.0
UID:ann-1
FN:Ann de Vries
N:de Vries;Ann;;;
TEL;TYPE=CELL:+31 6 1234
TEL;TYPE=HOME:+31 20 5678
EMAIL:Ann@Example.org
EMAIL:ann@work.example
ADR;TYPE=HOME:;;Kade 1;Veere;Zeeland;4351 AA;Nederland
URL:https://ann.example
BDAY:1980-02-29
TITLE:Harbour master
NOTE:Likes boats\\, big ones
PHOTO;ENCODING=b;TYPE=PNG:{base64.b64encode(PIXEL).decode()}
END:VCARD
"""

BEA = f"""BEGIN:VCARD
VERSION:4.0
UID:urn:uuid:bea
FN:Bea Ö
N:Ö;Bea;;;
GENDER:F
BDAY:--0203
TEL;VALUE=uri:tel:+32-1
EMAIL:bea@example.org
PHOTO:data:image/png;base64,{base64.b64encode(PIXEL).decode()}
END:VCARD
"""


def card(name: str, phone: str = "1") -> str:
    return f"BEGIN:VCARD\nVERSION:3.0\nUID:{name}\nFN:{name}\nN:;{name};;;\nTEL:{phone}\nEMAIL:{name}@example.org\nEND:VCARD\n"


class TestFile(ConnectorSuite):
    """The suite of the kit, over a file."""

    connector = ContactsPlugin
    item_type = "Person"

    @pytest.fixture(autouse=True)
    def file(self, tmp_path):
        self.path = tmp_path / "contacts.vcf"
        self.cards: dict[str, str] = {}

    def config(self):
        return {"path": str(self.path)}

    def _put(self, name, text):
        self.cards[name] = text
        self.path.write_text("".join(self.cards.values()))

    def add(self, name):
        self._put(name, card(name))

    def change(self, name):
        self._put(name, card(name, "2"))

    def remove(self, name):
        self._put(name, "")


@pytest.fixture
def radicale(tmp_path):
    server = RadicaleServer(tmp_path / "radicale")
    yield server
    server.close()


class TestCardDav(ConnectorSuite):
    """The suite again, over a real server."""

    connector = ContactsPlugin
    item_type = "Person"

    @pytest.fixture(autouse=True)
    def server(self, radicale):
        self.radicale = radicale

    def config(self):
        return {"url": self.radicale.address}

    def account(self):
        return Account(identifier=USER, secret=PASSWORD)

    def add(self, name):
        self.radicale.put(name, card(name))

    def change(self, name):
        self.radicale.put(name, card(name, "2"))

    def remove(self, name):
        self.radicale.delete(name)


@pytest.fixture
def pod():
    return InMemoryPod()


def run(pod, account=None, **config):
    return run_for_test(ContactsPlugin, config, account=account, client=PodClient(api=pod))


def test_a_card_becomes_a_person_with_all_that_is_known(pod, tmp_path):
    path = tmp_path / "all.vcf"
    path.write_text(ANN + "some rubbish\n" + BEA)
    run(pod, path=str(path))
    ann, bea = sorted(live(pod, "Person"), key=lambda person: person["displayName"])
    assert (ann["firstName"], ann["lastName"], ann["email"], ann["role"]) == ("Ann", "de Vries", "Ann@Example.org", "Harbour master")
    assert (ann["birthDate"], ann["itemDescription"], ann["externalId"]) == (320_630_400_000, "Likes boats, big ones", "ann-1")
    assert {item["phoneNumber"] for item in live(pod, "PhoneNumber")} == {"+31 6 1234", "+31 20 5678", "+32-1"}
    address = live(pod, "Address")[0]
    assert (address["street"], address["city"], address["postalCode"], address["itemType"]) == ("Kade 1", "Veere", "4351 AA", "home")
    assert {item["handle"] for item in live(pod, "Account") if "handle" in item} == {
        "ann@example.org",
        "ann@work.example",
        "bea@example.org",
    }
    assert (bea["gender"], "birthDate" in bea, len(live(pod, "Photo"))) == ("female", False, 2)
    assert list(pod.files.values()) == [PIXEL]


def test_what_is_gone_from_a_card_is_gone_from_the_person_and_what_the_owner_added_stays(pod, tmp_path):
    path = tmp_path / "all.vcf"
    path.write_text(ANN)
    run(pod, path=str(path))
    live(pod, "Person")[0]["starred"] = True
    path.write_text("BEGIN:VCARD\nVERSION:3.0\nUID:ann-1\nFN:Ann\nEMAIL:ann@work.example\nEND:VCARD\n")
    assert run(pod, path=str(path)).report == {"updated": 1}
    ann = live(pod, "Person")[0]
    assert (ann["displayName"], ann["starred"], "role" in ann, "birthDate" in ann) == ("Ann", True, False, False)
    assert [live(pod, name) for name in ("PhoneNumber", "Address", "Website", "Photo", "File")] == [[]] * 5
    assert [edge["_name"] for edge in pod.edges if edge["_source"] == ann["id"] and not pod.items[edge["_target"]]["deleted"]] == [
        "account"
    ]


def test_broken_cards_are_reported_beside_the_good_ones(pod, tmp_path):
    path = tmp_path / "all.vcf"
    bad = "BEGIN:VCARD\nVERSION:3.0\nUID:bad\nthis is no line\nEND:VCARD\n"
    path.write_text(card("a") + bad + "BEGIN:VCARD\nVERSION:3.0\nUID:empty\nEND:VCARD\n" + card("b"))
    assert run(pod, path=str(path)).report == {"created": 2, "broken": 2}
    path.write_text(card("a") + card("bad") + card("b"))
    assert run(pod, path=str(path)).report["created"] == 1
    assert [problem["externalId"] for problem in live(pod, "ImportProblem")] == ["empty"]


def test_a_folder_is_read_file_by_file_and_missing_files_say_so(pod, tmp_path):
    folder = tmp_path / "cards"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.vcf").write_text(card(name))
    run(pod, path=str(folder))
    assert len(live(pod, "Person")) == 2 and len(live(pod, "ImportCursor")) == 2
    with pytest.raises(ImportFailed, match="cannot be read"):
        run(pod, path=str(tmp_path / "nowhere.vcf"))
    with pytest.raises(FatalError, match="give `path`"):
        run(pod)


def test_a_second_synchronisation_fetches_no_card_and_a_later_one_only_the_changed(pod, radicale):
    account = Account(identifier=USER, secret=PASSWORD)
    for name in "abc":
        radicale.put(name, card(name))
    run(pod, account, url=radicale.address)
    reports = radicale.asked("REPORT")
    before = snapshot(pod)
    run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.address)
    assert radicale.asked("REPORT") == reports + 1 and snapshot(pod) == before  # the synchronisation, and no multiget
    radicale.put("b", card("b", "2"))
    radicale.delete("c")
    plugin = run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.address)
    assert plugin.report == {"updated": 1, "removed": 1} and radicale.asked("REPORT") == reports + 3


def test_a_token_that_the_server_forgot_means_from_the_start_and_changes_nothing(pod, radicale):
    for name in "abc":
        radicale.put(name, card(name))
    run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.book)
    before = snapshot(pod)
    live(pod, "ImportCursor")[0]["cursorState"] = '{"token": "http://radicale.org/ns/sync/forgotten"}'
    radicale.delete("c")
    assert run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.book).report == {"removed": 1}
    radicale.put("c", card("c"))
    run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.book)
    assert {item["displayName"] for item in snapshot(pod)[0].values() if item["type"] == "Person"} == {"a", "b", "c"}
    assert snapshot(pod)[1] == before[1]


def test_from_outside_a_killed_run_goes_on_and_nothing_is_doubled(outside, radicale):
    for number in range(1_500):  # straight into its storage: 1,500 requests would take long
        (radicale.folder / f"c{number}.vcf").write_text(card(f"c{number}"))
    config, account = {"url": radicale.address}, {"identifier": USER, "secret": PASSWORD}
    first = outside.start(PLUGIN, config, account)
    outside.kill_when(first, lambda: outside.server.v4("search", {"type": "Person", "_limit": 1}).json())
    there = len(outside.items("Person"))
    assert 0 < there < 1_500
    assert f"contacts: {1_500 - there} created" in outside.run(PLUGIN, config, account)
    before = outside.snapshot("Person", "PhoneNumber")
    assert len(before[0]) == 3_000 and sorted(before[1].values()) == [1] * 3_000  # a number and an account each
    assert "contacts: nothing to import" in outside.run(PLUGIN, config, account)
    assert outside.snapshot("Person", "PhoneNumber") == before


def test_from_outside_the_declared_permissions_suffice(outside, radicale):
    radicale.put("ann", ANN)
    account = {"identifier": USER, "secret": PASSWORD}
    for expected, text in (("1 created", ANN.replace("Kade 1", "Kade 2")), ("1 updated", ANN)):
        finished = outside.run_by_pod(PLUGIN, {"url": radicale.address}, ContactsPlugin.permissions, account)
        assert finished["status"] == "done" and expected in finished["log"], finished
        radicale.put("ann", text)
    assert len(outside.items("Photo")) == 1


def test_a_server_without_synchronisation_is_compared_by_tags(pod, radicale, monkeypatch):
    def refuse(self, token):
        raise FatalError("unknown report", 403)

    monkeypatch.setattr(AddressBook, "_synchronised", refuse)
    for name in "abc":
        radicale.put(name, card(name))
    run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.book)
    reports, listings = radicale.asked("REPORT"), radicale.asked("PROPFIND")
    assert run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.book).report == {}
    assert (radicale.asked("REPORT"), radicale.asked("PROPFIND")) == (reports, listings + 2)  # where the book is, and its CTag
    radicale.put("b", card("b", "2"))
    radicale.delete("c")
    assert run(pod, Account(identifier=USER, secret=PASSWORD), url=radicale.book).report == {"updated": 1, "removed": 1}
    assert radicale.asked("REPORT") == reports + 1


def test_two_cards_of_one_name_are_both_kept_and_again_in_the_next_run(pod, tmp_path):
    path = tmp_path / "all.vcf"
    path.write_text(card("a") + card("a", "2") + card("b"))
    assert run(pod, path=str(path)).report == {"created": 3}
    path.write_text(card("a") + card("a", "2") + card("c"))
    assert run(pod, path=str(path)).report == {"created": 1, "removed": 1}


def test_a_wrong_password_is_asked_for(pod, radicale):
    radicale.put("a", card("a"))
    client = PodClient(api=pod)
    run_ids = lambda: [item["id"] for item in pod.items.values() if item["type"] == "PluginRun"]  # noqa: E731

    class Asked(ContactsPlugin):
        def streams(self):
            FrontEnd(client, run_ids()[0]).enter_password(USER, PASSWORD)
            return super().streams()

    with fast_login(PasswordAuthenticator):
        plugin = run_for_test(Asked, {"url": radicale.address}, Account(identifier=USER, secret="wrong"), client)
    assert plugin.report == {"created": 1}

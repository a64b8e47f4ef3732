"""From bytes to what a person reads: mail as it really comes, and mail as nobody should send it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.plugins import letters

from datapod.plugins.mail_message import MAX_BODY_CHARACTERS, Address, BrokenMessage, message_key, parse_message
from datapod.plugins.mail_text import decode_header, text_of_html


def test_headers_addresses_and_dates_are_decoded():
    message = parse_message(letters.PLAIN)
    assert (message.key, message.subject, message.text) == ("plain@example.org", "Hello, wörld!", "See you at the harbour café.\n")
    assert message.html is None
    assert message.sent == datetime(2023, 1, 10, 9, 11, 12, tzinfo=UTC)
    assert message.received == datetime(2023, 1, 10, 9, 11, 13, tzinfo=UTC)
    assert message.addresses == {
        "sender": [Address("ann@example.org", "Zee, Ann van")],
        "receiver": [Address("bob@example.net", "Bob")],
        "cc": [Address("joerg@example.de", "Jörg")],
    }


def test_an_answer_names_what_it_answers_even_behind_prose():
    assert parse_message(letters.ANSWER).parent_key == "plain@example.org"
    only_references = letters.ANSWER.replace(b"In-Reply-To", b"X-Was")
    assert parse_message(only_references).parent_key == "plain@example.org"


def test_a_body_of_html_only_becomes_text_too_and_its_pictures_become_files():
    message = parse_message(letters.NEWSLETTER)
    assert message.text == "Only € 5!\nToday."
    assert "<p>Only € 5!" in (message.html or "")
    assert [(file.filename, file.content, file.content_id) for file in message.attachments] == [
        ("logo.png", b"\x89PNG\r\n\x1a\n", "logo@shop")
    ]
    assert message.addresses["replyTo"] == [Address("help@shop.example", "Help")]


def test_nested_parts_keep_their_order_and_awkward_names_lose_their_path():
    message = parse_message(letters.NESTED)
    assert message.text.split("\n") == ["plain words", "the footer of a list"]
    assert "rich words" in (message.html or "") and "<pre>the footer" in (message.html or "")
    names = [file.filename for file in message.attachments]
    assert names == ["menu.pdf", "über.txt", "message-5.eml", "smime.p7s"]
    assert message.attachments[2].content == b"From: carl@example.com\nSubject: inner\n\nforwarded text"


def test_a_delivery_report_is_kept_as_files():
    message = parse_message(letters.BOUNCE)
    assert message.text == "It could not be delivered."
    assert [file.filename for file in message.attachments] == ["message-2.txt", "text-3.txt"]
    assert b"Final-Recipient" in message.attachments[0].content


def test_without_an_id_the_content_names_the_message_whatever_its_line_ends():
    key = message_key(letters.NO_ID)
    assert key.startswith("sha256-")
    assert message_key(letters.NO_ID.replace(b"\n", b"\r\n")) == key
    assert message_key(b"Status: RO\n" + letters.NO_ID + b"\n") == key
    assert message_key(letters.NO_ID.replace(b"done", b"failed")) != key
    message = parse_message(letters.NO_ID)
    assert (message.sent, message.received) == (None, datetime(2023, 1, 14, 3, tzinfo=UTC))
    assert message.addresses == {"sender": [Address("root", None)], "receiver": [Address("root", None)]}


def test_bytes_without_a_declared_character_set_are_read_as_what_they_most_likely_are():
    message = parse_message(letters.LATIN)
    assert (message.subject, message.text) == ("déjà vu", "très bien\n")
    assert message.addresses["sender"] == [Address("rene@example.org", "René")]
    assert message.addresses["receiver"] == [Address("ann@example.org", None)]


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?=", "café"),  # cut inside of a character
        ("=?utf-8?Q?two words?=", "two words"),
        ("=?utf-8?B?w7xiZXI?=", "über"),  # without its end
        ("=?no-such?Q?caf=E9?=", "café"),
        ("=?utf-8?B?\u00e9?= x", "=?utf-8?B?\u00e9?= x"),
        ("=?utf-7?Q?+2AA-?=", "\ufffd"),
        ("a =?us-ascii*en?Q?b?= c", "a b c"),
    ],
)
def test_encoded_words(raw, decoded):
    assert decode_header(raw) == decoded


def test_bytes_that_are_no_message_say_so():
    for raw in (b"", b"\n\n", b"\x00\x01\x02" * 100, b"no header here\n\nnor here"):
        with pytest.raises(BrokenMessage, match="no header"):
            parse_message(raw)
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3_000))
    with pytest.raises(BrokenMessage, match="nested too deeply"):
        parse_message(b"Message-ID: <deep@x>\n" + deep)


def test_a_very_long_body_is_cut_and_kept_whole_as_a_file():
    long = "word " * 200_000
    message = parse_message(letters.letter("long", long))
    assert len(message.text) == MAX_BODY_CHARACTERS
    assert [(file.filename, len(file.content)) for file in message.attachments] == [("message.txt", len(long) + 6)]


def test_html_that_python_cannot_read_still_gives_words():
    assert text_of_html("<p>some <![foo words</p> <b>bold</b>").split() == ["some", "bold"]


_pieces = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [
                b"\n", b"\r\n", b"\n\n", b"--b\n", b"--b--\n", b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: text/html",
                b"; charset=", b"utf-7", b"punycode", b"hex", b"\x00", b"From: ", b"To: (((", b"Date: ", b"99 Feb 99999 99:99 +9999",
                b"Message-ID: <", b">", b"Subject: =?utf-8?B?", b"?=", b"Content-Transfer-Encoding: base64\n",
                b"Content-Transfer-Encoding: x-uuencode\n", b"begin 644 x\n", b"Content-Disposition: attachment; filename*0*=a''%ff",
                b";filename*1=", b"Content-Type: message/rfc822\n\n",
                b"Content-Type: message/delivery-status\n\n", b"<![", b"&#xd800;", b"\xff",
            ]
        ),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pieces=_pieces)
@example(pieces=[b"Content-Type:\x00/\n\nx"])
@example(pieces=[b"Content-Type: message/\n\n\xff: x\n\ny"])
@example(pieces=[b"From: ", b"(" * 5_000, b"\n\n"])
@example(pieces=[b"Content-Type: text/plain; charset*=\x00''x\n\n\xff"])
def test_no_message_is_too_odd(pieces):
    """Whatever comes, it is either refused as no message or gives values that any pod can store."""
    raw = b"".join(pieces)
    try:
        message = parse_message(raw)
    except BrokenMessage:
        return
    assert message.key and message.key == message_key(raw)
    texts = [message.key, message.parent_key or "", message.subject, message.text, message.html or ""]
    texts += [text or "" for found in message.addresses.values() for address in found for text in address]
    texts += [text or "" for file in message.attachments for text in (file.filename, file.content_id)]
    for text in texts:
        assert msgspec.json.decode(msgspec.json.encode(text)) == text
        assert "\x00" not in text
    assert all(file.filename and "/" not in file.filename for file in message.attachments)


def test_the_messages_that_python_tests_itself_with_are_all_read():
    data = pytest.importorskip("test.test_email", reason="this Python ships without its own tests").__path__[0]
    from pathlib import Path

    found = sorted((Path(data) / "data").glob("msg_*.txt"))
    if not found:
        pytest.skip("this Python ships without its own tests")
    for path in found:
        raw = path.read_bytes()
        try:
            assert parse_message(raw).key
        except BrokenMessage as error:
            assert "no header" in str(error), path

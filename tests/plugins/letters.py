"""Messages as they really come, for the tests of mail."""

from __future__ import annotations

PLAIN = b"""Return-Path: <ann@example.org>
Received: from mx.example.org by mail.example.net; Tue, 10 Jan 2023 10:11:13 +0100
Message-ID: <plain@example.org>
Date: Tue, 10 Jan 2023 10:11:12 +0100
From: "Zee, Ann van" <Ann@Example.org>
To: Bob <bob@example.net>, undisclosed-recipients:;
Cc: =?iso-8859-1?Q?J=F6rg?= <joerg@example.de>
Subject: =?utf-8?B?SGVsbG8sIHfDtnJsZCE=?=
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

See you at the harbour caf=C3=A9.
"""

ANSWER = b"""Message-ID: <answer@example.net>
In-Reply-To: Your message of Tuesday <plain@example.org>
References: <older@example.org> <plain@example.org>
Date: Tue, 10 Jan 2023 12:00:00 +0100
From: bob@example.net
To: ann@example.org
Subject: Re: Hello

> See you at the harbour
I will be there.
"""

NEWSLETTER = b"""Message-ID: <news@shop.example>
Date: Wed, 11 Jan 2023 08:00:00 GMT
From: Shop <news@shop.example>
Reply-To: Help <help@shop.example>
To: ann@example.org
Subject: Sale
MIME-Version: 1.0
Content-Type: multipart/related; boundary=rel

--rel
Content-Type: text/html; charset="windows-1252"

<html><head><style>p {color: red}</style><title>no</title></head><body><p>Only \x80 5!<br>Today.</p>
<img src="cid:logo@shop"></body></html>
--rel
Content-Type: image/png; name="logo.png"
Content-ID: <logo@shop>
Content-Disposition: inline; filename="logo.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--rel--
"""

NESTED = b"""Message-ID: <nested@example.org>
Date: Thu, 12 Jan 2023 09:00:00 +0100
From: ann@example.org
To: bob@example.net
Subject: report
MIME-Version: 1.0
Content-Type: multipart/signed; boundary=sig; protocol="application/pkcs7-signature"; micalg=sha-256

--sig
Content-Type: multipart/mixed; boundary=mix

--mix
Content-Type: multipart/alternative; boundary=alt

--alt
Content-Type: text/plain; charset=utf-8

plain words
--alt
Content-Type: text/html; charset=utf-8

<p>rich words</p>
--alt--
--mix
Content-Type: application/pdf
Content-Disposition: attachment; filename*=UTF-8''caf%C3%A9%2Fmenu.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--mix
Content-Type: application/octet-stream; name="=?utf-8?B?w7xiZXIudHh0?="
Content-Disposition: attachment

raw
--mix
Content-Type: message/rfc822

From: carl@example.com
Subject: inner

forwarded text
--mix
Content-Type: text/plain

the footer of a list
--mix--
--sig
Content-Type: application/pkcs7-signature; name=smime.p7s
Content-Transfer-Encoding: base64

MIIB
--sig--
"""

BOUNCE = b"""Message-ID: <bounce@mx.example>
Date: Fri, 13 Jan 2023 09:00:00 +0100
From: MAILER-DAEMON@mx.example
To: ann@example.org
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=rep

--rep
Content-Type: text/plain

It could not be delivered.
--rep
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; nobody@example.net
Action: failed
--rep
Content-Type: text/rfc822-headers

Subject: hi
--rep--
"""

NO_ID = b"""From: root
To: root
Subject: Cron <root@box> backup
Received: by box; Sat, 14 Jan 2023 03:00:00 +0000
Date: yesterday, in the year 0

done
"""

LATIN = b"""Message-ID: <latin@example.org>
From: Ren\xe9 <rene@example.org>
To: "ann@example.org" <ann@example.org>
Subject: d\xe9j\xe0 vu
Date: Sun, 15 Jan 2023 10:00:00 +0900
Content-Type: text/plain; charset=x-unknown-set

tr\xe8s bien
"""

ALL = (PLAIN, ANSWER, NEWSLETTER, NESTED, BOUNCE, NO_ID, LATIN)


def letter(name: str, text: str = "hello", more: str = "", star: str = "") -> bytes:
    """A plain message; `more` are further header lines."""
    return (
        f"Message-ID: <{name}@example.org>\nDate: Mon, 02 Jan 2023 03:04:05 +0100\nFrom: Ann <ann@example.org>\n"
        f"To: Bob <bob@example.net>\nSubject: letter {name}{star}\n{more}\n{text} {name}\n"
    ).encode()


def mbox(*messages: bytes) -> bytes:
    """As a delivery agent writes it."""
    quoted = (b"\n".join(b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in raw.split(b"\n")) for raw in messages)
    return b"".join(b"From ann@example.org Mon Jan  2 03:04:05 2023\n" + raw.rstrip(b"\n") + b"\n\n" for raw in quoted)

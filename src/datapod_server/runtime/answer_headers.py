"""The headers that code may give to an answer of its own. Source: python-runtime.md, 5.3."""

from __future__ import annotations

import re
from collections.abc import Iterable

from datapod_server.runtime.wire import Pairs

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# How long an answer is and how it is sent is the server's business: a wrong length would cut it or leave the client waiting.
_OF_THE_SERVER = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})


def checked(pairs: Iterable[tuple[str, str]], content_type: str = "") -> Pairs:
    """The headers as they are, if HTTP can carry them. Raises `TypeError` otherwise, also for a content type with line ends in it."""
    headers = tuple(pairs)
    for name, value in (*headers, ("Content-Type", content_type)):
        if not _NAME.fullmatch(name):
            raise TypeError(f"{name!r} is no name of a header")
        if not _VALUE.fullmatch(value):
            raise TypeError(f"the header {name} has characters that HTTP cannot carry: {value!r}")
    for name, _ in headers:
        if name.lower() in _OF_THE_SERVER:
            raise TypeError(f"the header {name} is set by the server")
        if name.lower() == "content-type":
            raise TypeError("the type of an answer is given as content_type, not as a header")
    return headers

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datapod_server.runners.output import OutputTail


@given(chunks=st.lists(st.binary(max_size=12)), limit=st.integers(1, 20))
def test_the_newest_bytes_are_kept_and_no_more(chunks, limit):
    tail = OutputTail(limit)
    for chunk in chunks:
        tail.append(chunk)
    assert tail.content() == b"".join(chunks)[-limit:]

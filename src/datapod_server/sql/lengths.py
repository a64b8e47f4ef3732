"""How long the texts and rows may be that a query makes.

Some thirty `s + s`, or `{a: s, b: s}`, within one another would need all the memory there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from datapod_server.errors import QueryError

LONGEST_TEXT = 2**26
"""Characters."""
MOST_CELLS = 2**18
"""Of a row that a list of several expressions makes."""


def check_length(characters: int) -> None:
    """Raises `QueryError` for a text that must not be made."""
    if characters > LONGEST_TEXT:
        raise QueryError(f"the text would have {characters} characters; texts made by a query have at most {LONGEST_TEXT}")


def joined(separator: str, parts: Sequence[str]) -> str:
    """`separator.join(parts)`. Raises `QueryError` if that is too long."""
    check_length(sum(map(len, parts)) + len(separator) * (len(parts) - 1))
    return separator.join(parts)


def check_cells(cells: int) -> None:
    """Raises `QueryError` for a row that must not be made."""
    if cells > MOST_CELLS:
        raise QueryError(f"the row would have more than {MOST_CELLS} cells, the most that a row made of several expressions may have")

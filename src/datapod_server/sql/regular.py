"""Regular expressions that one query cannot hold the whole server up with.

Python's own `re` keeps every other thread waiting while it matches, and some patterns match for longer than anybody lives. These let the
others run meanwhile, and give up after a while.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import regex

from datapod_server.errors import QueryError

_SECONDS = 5.0


class Regular:
    """A compiled pattern. Its methods raise `QueryError` when one text takes too long."""

    DOTALL: ClassVar[int] = int(regex.DOTALL)
    MULTILINE: ClassVar[int] = int(regex.MULTILINE)
    escape = staticmethod(regex.escape)

    def __init__(self, pattern: str, flags: int = 0) -> None:
        """Raises `ValueError` for a text that is no pattern."""
        try:
            self._pattern: regex.Pattern[str] = regex.compile(pattern, flags | regex.VERSION0, cache_pattern=False)
        except (regex.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error) or "the pattern is nested too deeply") from error

    @property
    def groups(self) -> int:
        return int(self._pattern.groups)

    def fullmatch(self, text: str) -> regex.Match[str] | None:
        try:
            return self._pattern.fullmatch(text, concurrent=True, timeout=_SECONDS)
        except TimeoutError as error:
            raise _too_slow() from error

    def search(self, text: str, start: int = 0, end: int | None = None) -> regex.Match[str] | None:
        try:
            return self._pattern.search(text, start, len(text) if end is None else end, concurrent=True, timeout=_SECONDS)
        except TimeoutError as error:
            raise _too_slow() from error

    def sub(self, replacement: Callable[[regex.Match[str]], str], text: str) -> str:
        try:
            return str(self._pattern.sub(replacement, text, concurrent=True, timeout=_SECONDS))
        except TimeoutError as error:
            raise _too_slow() from error


def _too_slow() -> QueryError:
    return QueryError(f"the regular expression took longer than {_SECONDS:g} seconds for one text")

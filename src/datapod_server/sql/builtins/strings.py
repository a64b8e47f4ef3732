"""Strings and regular expressions. Source: sql-functions.md, 5 and 6."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import Builtin, Code, Null, Stamp, Takes
from datapod_server.sql.lengths import check_length
from datapod_server.sql.regular import Regular
from datapod_server.sql.structures import Embedding, RowValue, Valued, atom, latest_of
from datapod_server.values.atoms import text_form

_POSIX = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s", "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f", "word": r"\w", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f", "print": r"\x20-\x7e", "graph": r"\x21-\x7e",
}  # fmt: skip
_REFERENCE = re.compile(r"\\(\d)|\$(\d)|\$(&)")


def remove_prefix(text: Any, prefix: Any) -> str:
    if not isinstance(text, str) or not isinstance(prefix, str):
        raise QueryError("The arguments passed to remove_prefix must be two strings")
    return text.removeprefix(prefix)


def remove_suffix(text: Any, suffix: Any) -> str:
    if not isinstance(text, str) or not isinstance(suffix, str):
        raise QueryError("The arguments passed to remove_suffix must be two strings")
    return text.removesuffix(suffix)


def levenshtein_distance(left: Any, right: Any) -> int:
    """Edit distance in code points."""
    if not isinstance(left, str) or not isinstance(right, str):
        raise QueryError("The parameters passed to the levenshtein_distance function must be strings")
    previous = list(range(len(right) + 1))
    for row, char in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (char != other)))
        previous = current
    return previous[-1]


def split_part(text: Any, characters: Any) -> Embedding:
    """The tokens between any of the characters; empty ones are dropped."""
    separators = set(text_form(characters))
    tokens, token = [], ""
    for char in text_form(text):
        if char in separators:
            tokens.append(token)
            token = ""
        else:
            token += char
    return Embedding([found for found in [*tokens, token] if found])


def translate_pattern(pattern: str) -> str:
    """POSIX classes, which are ASCII, and RE2's `\\z` in the words of the engine."""
    pattern = re.sub(r"\[:(\w+):\]", lambda match: _POSIX.get(match[1], match[0]), pattern)
    return pattern.replace(r"\z", r"\Z")


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str, flags: int) -> Regular:
    """Raises `QueryError` for a pattern that cannot be compiled."""
    try:
        return Regular(translate_pattern(pattern), flags)
    except ValueError as error:
        raise QueryError(
            f"Error when compiling regex '{pattern}': {error}. Regular expressions must adhere to Perl-style regular expression syntax."
        ) from error


def _pattern(value: Any, flags: int) -> Regular:
    if not isinstance(value, str):
        raise QueryError("Regular expressions need to be strings.")
    return compile_pattern(value, flags)


def _matcher(flags: int, answer: Callable[..., Any]) -> Callable[[Sequence[Code]], Callable[..., Valued]]:
    """Compiles a constant pattern once."""

    def bind(codes: Sequence[Code]) -> Callable[..., Valued]:
        constant = codes[1].constant
        known = None if constant is None else _pattern(constant[0], flags)

        def run(subject: Valued, pattern: Valued, *rest: Valued) -> Valued:
            compiled = known if known is not None else _pattern(pattern[0], flags)
            time = latest_of([subject[1], pattern[1], *(at for _, at in rest)])
            if subject[0] is None or any(value is None for value, _ in rest):
                return None, time
            return answer(compiled, text_form(atom(subject[0])), *(text_form(atom(value)) for value, _ in rest)), time

        return run

    return bind


def replace_all(pattern: Regular, text: str, replacement: str) -> str:
    """Every match replaced; `\\N`, `$N` and `$&` in the replacement stand for groups."""

    length = len(text)

    def insert(match: Any) -> str:
        nonlocal length

        def group(reference: re.Match[str]) -> str:
            place = 0 if reference[3] else int(reference[1] or reference[2])
            return (match[place] or "") if place <= pattern.groups else ""

        inserted = _REFERENCE.sub(group, replacement)
        length += len(inserted)
        check_length(length)
        return inserted

    return pattern.sub(insert, text)


def _length(value: Valued) -> Valued:
    content, time = value
    if isinstance(content, RowValue | Embedding):
        atom(content)
    return len(text_form(content)), time


BUILTINS = (
    Builtin("lower", lambda value: text_form(value).lower(), null=Null.IS_OWN),
    Builtin("upper", lambda value: text_form(value).upper(), null=Null.IS_OWN),
    Builtin("length", _length, takes=Takes.STAMPED),
    Builtin("remove_prefix", remove_prefix, 2, 2, null=Null.IS_OWN, stamp=Stamp.FIRST),
    Builtin("remove_suffix", remove_suffix, 2, 2, null=Null.IS_OWN, stamp=Stamp.FIRST),
    # DuckDB's levenshtein counts bytes, so 'Québec' and 'Quebec' would be 2 apart instead of 1.
    Builtin("levenshtein_distance", levenshtein_distance, 2, 2, null=Null.IS_OWN, stamp=Stamp.FIRST),
    Builtin("split_part", split_part, 2, 2, null=Null.IS_ERROR, folds=False),
    Builtin("regex_match", None, 2, 2, takes=Takes.STAMPED, bind=_matcher(0, lambda found, text: int(bool(found.fullmatch(text))))),
    Builtin(
        "regex_search", None, 2, 2, takes=Takes.STAMPED,
        bind=_matcher(Regular.DOTALL | Regular.MULTILINE, lambda found, text: int(bool(found.search(text)))),
    ),
    Builtin("regex_replace", None, 3, 3, takes=Takes.STAMPED, bind=_matcher(0, replace_all)),
)  # fmt: skip

"""Tokenising. Source: sql-functions.md, 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import Builtin, Takes
from datapod_server.sql.operators import to_integer
from datapod_server.sql.structures import ALWAYS, NEVER, RowValue, Valued, as_row, atom
from datapod_server.values.atoms import Atom, text_form
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell

_OLD_SPELLINGS = {"splitchars": "splitChars", "quotechar": "quoteChar", "min_token_length": "minTokenLength", "ngram_range": "ngramRange"}


class TokenOptions(Struct, frozen=True):
    """Source: sql-functions.md, 7.1."""

    split: str = ","
    quote: str = ""
    offset: int = 0
    limit: int = -1
    value: Atom = None
    minimum_length: int = 1
    sizes: tuple[int, int] = (1, 1)


def read_options(value: Any) -> TokenOptions:
    """Raises `QueryError` for unknown fields and impossible n-gram sizes."""
    found: dict[str, Any] = {}
    for name, content, time in as_row(value, ALWAYS).members() if value is not None else ():
        field = _OLD_SPELLINGS.get(name, name)
        if field not in ("splitChars", "quoteChar", "offset", "limit", "value", "minTokenLength", "ngramRange"):
            raise QueryError(f"Unknown field '{name}' parsing tokenize configuration")
        found[field] = [cell.value for cell in as_row(content, time).cells] if field == "ngramRange" else atom(content)
    sizes = [to_integer(size) for size in found.get("ngramRange", (1, 1))]
    if len(sizes) != 2 or sizes[0] < 1 or sizes[1] < sizes[0]:
        raise QueryError("ngramRange values must be bigger than 0 and the second value needs to be equal or bigger than the first")
    return TokenOptions(
        text_form(found.get("splitChars", ",")),
        text_form(found.get("quoteChar", "")),
        to_integer(found.get("offset", 0)),
        to_integer(found.get("limit", -1)),
        found.get("value"),
        to_integer(found.get("minTokenLength", 1)),
        (sizes[0], sizes[1]),
    )


def scan(text: str, options: TokenOptions) -> list[str]:
    """All tokens long enough, in order. Raises `QueryError` if the text ends inside quotes."""
    tokens, token = [], ""
    position, quote, separators = 0, options.quote, frozenset(options.split)
    quoted = False
    while position < len(text):
        char = text[position]
        if quote and quoted and text.startswith(quote, position):
            position += len(quote)
            quoted = False
            if position < len(text) and text[position] not in separators:
                token += text[position]  # the character behind a closing quote is taken as it is
                position += 1
            continue
        if quote and not quoted and not token and text.startswith(quote, position):
            quoted = True
            position += len(quote)
            continue
        if not quoted and char in separators:
            tokens.append(token)
            token = ""
        else:
            token += char
        position += 1
    if quoted:
        raise QueryError("string finished inside quote")
    tokens.append(token)
    return [found for found in tokens if len(found) >= options.minimum_length]


def _window(tokens: Sequence[str], options: TokenOptions) -> Sequence[str]:
    end = options.offset + options.limit if options.limit > 0 else len(tokens)
    return tokens[options.offset : end]


def tokenize(text: Valued, options: Valued = (None, NEVER)) -> Valued:
    """A row with one column per distinct token or n-gram."""
    chosen = read_options(options[0])
    if text[0] is None:
        return None, ALWAYS
    tokens = [token for token in _window(scan(text_form(atom(text[0])), chosen), chosen) if token]
    counts: dict[str, int] = {}
    for end in range(1, len(tokens) + 1):
        for size in range(chosen.sizes[0], min(chosen.sizes[1], end) + 1):
            name = "_".join(tokens[end - size : end])
            counts[name] = counts.get(name, 0) + 1
    cells = [Cell(Path((name,)), count if chosen.value is None else chosen.value, text[1]) for name, count in counts.items()]
    return RowValue(cells), text[1] if cells else NEVER


def token_extract(text: Valued, place: Valued, options: Valued = (None, NEVER)) -> Valued:
    """The token at one place; the limit counts only from the end."""
    chosen = read_options(options[0])
    if text[0] is None:
        raise QueryError("token_extract needs a text, not null")
    index = to_integer(place[0])
    tokens = scan(text_form(atom(text[0])), chosen)
    if index >= 0:
        rest = list(tokens[chosen.offset + index :])
        found = next((token for token in rest if token), None) if rest and not rest[0] else (rest[0] if rest else None)
    else:
        window = _window(tokens, chosen)
        found = (window[index] or None) if -index <= len(window) else None
    return (None, ALWAYS) if found is None else (found, text[1])


BUILTINS = (
    Builtin("tokenize", tokenize, 1, 2, takes=Takes.STAMPED, folds=False),
    Builtin("token_extract", token_extract, 2, 3, takes=Takes.STAMPED, folds=False),
)

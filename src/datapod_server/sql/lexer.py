"""Text to tokens, and errors that show the place in the text. Source: sql-language.md, 3 and 15."""

from __future__ import annotations

import re
from typing import NamedTuple

from datapod_server.errors import QueryError
from datapod_server.values.atoms import integer, number

_SPACE = re.compile(r"(?:\s|--[^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PARAMETER = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*|\d+)", re.ASCII)
_OPERATORS = ("!=", "<=", ">=", "<>")
_CONTEXT = 32
_SHOWN = 60


class Token(NamedTuple):
    """`kind` is one of `word quoted string number parameter operator end`; `value` is what it stands for."""

    kind: str
    value: str | int | float
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """All tokens, an `end` token last. Raises `QueryError` for an unclosed quote."""
    tokens: list[Token] = []
    position, length = 0, len(text)
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if position >= length:
            tokens.append(Token("end", "", length, length))
            return tokens
        token = _next(text, position)
        tokens.append(token)
        position = token.end


def _next(text: str, start: int) -> Token:
    if match := _WORD.match(text, start):
        return Token("word", match.group(), start, match.end())
    if match := _NUMBER.match(text, start):
        return Token("number", _number(match.group()), start, match.end())
    char = text[start]
    if char in "'\"":
        return _quoted(text, start, char)
    if char == "$":
        match = _PARAMETER.match(text, start)
        if match is None:
            raise error_at(text, start, "Expected identifier after $")
        return Token("parameter", match[1], start, match.end())
    operator = text[start : start + 2] if text[start : start + 2] in _OPERATORS else char
    return Token("operator", operator, start, start + len(operator))


def _quoted(text: str, start: int, quote: str) -> Token:
    position = start + 1
    while True:
        end = text.find(quote, position)
        if end < 0:
            # Clients look for the place behind the quote that opens the text.
            raise error_at(text, start, "No closing quote character for string", shift=1)
        if text.startswith(quote, end + 1):
            position = end + 2
            continue
        content = text[start + 1 : end].replace(quote * 2, quote)
        return Token("string" if quote == "'" else "quoted", content, start, end + 1)


def _number(text: str) -> int | float:
    return integer(text) if text.isdigit() else number(float(text))


def _shown(text: str, line_start: int, offset: int) -> tuple[str, str]:
    """The line of the place, cut to what fits a terminal if it is long, and a line with a caret below the place."""
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    start = max(line_start, offset - _SHOWN)
    line = text[start : min(end, offset + _SHOWN)]
    before = "..." if start > line_start else ""
    after = "..." if offset + _SHOWN < end else ""
    return f"{before}{line}{after}", " " * len(before) + re.sub(r"[^\t]", " ", text[start:offset]) + "^"


def error_at(text: str, offset: int, message: str, *, shift: int = 0) -> QueryError:
    """An error whose text shows the place, in the form of sql-language.md, 15, and below it the line with a caret.

    `shift` moves the reported column (not the caret) to the right.
    """
    line = text.count("\n", 0, offset) + 1
    line_start = text.rfind("\n", 0, offset) + 1
    column = offset - line_start + 1 + shift
    place = ""
    if offset < len(text):
        before, after = text[max(0, offset - _CONTEXT) : offset], text[offset + 1 : offset + 1 + _CONTEXT]
        place = f" ('{before}>>>{text[offset]}<<<{after}')"
    shown, caret = _shown(text, line_start, offset)
    return QueryError(
        f"{text}:{line}:{column}{place}: {message}\n{shown}\n{caret}",
        line=line,
        column=column,
        position={"line": line, "column": column, "caret": f"{shown}\n{caret}"},
    )

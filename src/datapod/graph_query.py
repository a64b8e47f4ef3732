"""Graph queries with variables, which are put into the text on this side. Source: plugin-sdk.md, 4.4 and 5."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_PIECES = re.compile(r'"(?:\\.|[^"\\])*"|[^"]+|"', re.DOTALL)
_VARIABLE = re.compile(r"\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\})")


class GQLQuery:
    """A query text with `$name` or `${name}` in it; `$$` stands for a dollar sign.

    >>> GQLQuery('query { Boat (filter: {name: {eq: "$name"}}) { $what } }').format(name='the "Swan"', what="length")
    'query { Boat (filter: {name: {eq: "the \\\\"Swan\\\\""}}) { length } }'
    """

    def __init__(self, text: str, variables: Mapping[str, Any] | None = None) -> None:
        self.text = text
        self.variables = dict(variables or {})

    def format(self, variables: Mapping[str, Any] | None = None, **more: Any) -> str:
        """The text with values in the place of names; those given here over those given at construction.

        Raises:
            KeyError: A name without value.
        """
        values = {**self.variables, **(variables or {}), **more}
        return "".join(_filled(piece, values) for piece in _PIECES.findall(self.text))

    def __str__(self) -> str:
        return self.text


def fill_in(query: str | GQLQuery, variables: Mapping[str, Any] | None = None) -> str:
    """A query's text, as the pod takes it. A plain text without variables is sent as it is."""
    if isinstance(query, GQLQuery):
        return query.format(variables)
    return GQLQuery(query, variables).format() if variables else query


def _filled(piece: str, values: Mapping[str, Any]) -> str:
    quoted = piece.startswith('"')

    def value_of(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        value = values[found[2] or found[3]]
        if quoted:
            return json.dumps(value if isinstance(value, str) else _literal(value))[1:-1]
        return _literal(value)

    return _VARIABLE.sub(value_of, piece)


def _literal(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

"""The grammar of pod-protocol.md, 10.1, by recursive descent. White space, line breaks and commas are free, `#` starts a comment."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, NoReturn

from datapod_server.errors import Invalid
from datapod_server.items.graph.tree import Arguments, Condition, Edge, Property, Root, Scalar, Selection

_IGNORED = re.compile(r"(?:[\s,\ufeff]|#[^\r\n]*)*")
_TOKEN = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r'|(?P<string>"(?:[^"\\\r\n]|\\.)*")|(?P<sign>[{}():~])',
    re.ASCII,
)
_OPERATORS = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
_DEEPEST = 50
_MOST_DIGITS = 30


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


def parse_graph_query(text: str) -> list[Root]:
    """Raises `Invalid`: `GraphQL error at line L column C: ...`."""
    return _Parser(text).document()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self._depth = 0
        self._token = self._next()

    def document(self) -> list[Root]:
        if self._is("name"):
            word = self._token
            if word.text != "query":
                self._fail(f"'{word.text}' is not supported: only queries are", word)
            self._advance()
            if self._is("name"):
                self._advance()
            if self._is("sign", "("):
                self._fail("variables are not supported: fill them in before the query is sent")
        self._expect("{")
        roots = [self._root()]
        while not self._is("sign", "}"):
            roots.append(self._root())
        self._advance()
        if self._token.kind != "end":
            self._fail("the query ends here: fragments and further operations are not supported")
        return roots

    def _root(self) -> Root:
        name = self._name("the name of an item type")
        if name.text in ("count", "total"):
            self._fail(f"'{name.text}' is not supported yet", name)
        arguments = self._arguments()
        return Root(name.text, arguments, self._selection() if self._is("sign", "{") else Selection())

    def _selection(self) -> Selection:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(f"nested more than {_DEEPEST} levels deep")
        self._expect("{")
        properties: list[Property] = []
        edges: list[Edge] = []
        while not self._is("sign", "}"):
            field = self._field()
            if isinstance(field, Edge):
                edges.append(field)
            else:
                properties.append(field)
        self._advance()
        self._depth -= 1
        return Selection(tuple(properties), tuple(edges))

    def _field(self) -> Property | Edge:
        alias = None
        incoming = self._skip("~")
        name = self._name("the name of a property or an edge")
        if not incoming and self._skip(":"):
            alias = name.text
            incoming = self._skip("~")
            name = self._name("the name behind the alias")
        arguments = self._arguments() if self._is("sign", "(") else None
        key = alias or ("~" + name.text if incoming else name.text)
        if self._is("sign", "{"):
            return Edge(name.text, key, incoming, arguments or Arguments(), self._selection())
        if incoming or arguments is not None:
            self._fail(f"the edge {name.text} needs a selection: {{ ... }}")
        return Property(name.text, key)

    def _arguments(self) -> Arguments:
        if not self._skip("("):
            return Arguments()
        conditions: tuple[Condition, ...] = ()
        limit, offset, order, descending = None, 0, None, False
        while not self._skip(")"):
            name = self._name("filter, limit, offset, order_asc or order_desc")
            self._expect(":")
            match name.text:
                case "filter":
                    conditions += self._filter()
                case "limit":
                    limit = self._count()
                case "offset":
                    offset = self._count()
                case "order_asc" | "order_desc":
                    order, descending = self._name("a property, without quotes").text, name.text == "order_desc"
                case _:
                    self._fail(f"unknown argument '{name.text}'; there are filter, limit, offset, order_asc and order_desc", name)
        return Arguments(conditions, limit, offset, order, descending)

    def _filter(self) -> tuple[Condition, ...]:
        conditions: list[Condition] = []
        self._expect("{")
        while not self._skip("}"):
            outer = self._name("a property or an operator")
            self._expect(":")
            self._expect("{")
            while not self._skip("}"):
                inner = self._name("an operator" if outer.text not in _OPERATORS else "a property")
                self._expect(":")
                # A key that is the name of an operator and holds an object is one.
                name, operator = (inner, outer) if outer.text in _OPERATORS else (outer, inner)
                if operator.text not in _OPERATORS:
                    self._fail(f"unknown operator '{operator.text}'; there are {', '.join(_OPERATORS)}", operator)
                conditions.append(Condition(name.text, _OPERATORS[operator.text], self._scalar()))
        return tuple(conditions)

    def _scalar(self) -> Scalar:
        token = self._token
        if token.kind == "name" and token.text in _CONSTANTS:
            self._advance()
            return _CONSTANTS[token.text]
        if token.kind == "number":
            if len(token.text) > _MOST_DIGITS:
                self._fail("a number of so many digits fits no property")
            self._advance()
            return json.loads(token.text)  # type: ignore[no-any-return]  # an int or a float, by the token's form
        if token.kind != "string":
            self._fail("expected a value: a text in double quotes, a number, true, false or null")
        self._advance()
        return self._unquoted(token)

    def _unquoted(self, token: _Token) -> str:
        try:
            return str(json.loads(token.text))
        except ValueError:
            self._fail("this text has a wrong escape", token)

    def _count(self) -> int:
        token = self._token
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 18:
            self._fail("expected a whole number that is not negative")
        self._advance()
        return int(token.text)

    def _name(self, what: str) -> _Token:
        token = self._token
        if token.kind != "name":
            self._fail(f"expected {what}")
        self._advance()
        return token

    def _is(self, kind: str, text: str | None = None) -> bool:
        return self._token.kind == kind and (text is None or self._token.text == text)

    def _skip(self, sign: str) -> bool:
        found = self._is("sign", sign)
        if found:
            self._advance()
        return found

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            self._fail(f"expected '{sign}'")

    def _advance(self) -> None:
        self._token = self._next()

    def _next(self) -> _Token:
        ignored = _IGNORED.match(self._text, self._end)
        start = ignored.end() if ignored else self._end
        if start == len(self._text):
            self._end = start
            return _Token("end", "", start)
        match = _TOKEN.match(self._text, start)
        if match is None:
            self._fail(f"unexpected character {self._text[start]!r}", _Token("", "", start))
        self._end = match.end()
        return _Token(match.lastgroup or "", match.group(), start)

    def _fail(self, reason: str, token: _Token | None = None) -> NoReturn:
        place = (token or self._token).start
        line = self._text.count("\n", 0, place) + 1
        column = place - (self._text.rfind("\n", 0, place) + 1) + 1
        raise Invalid(f"GraphQL error at line {line} column {column}: {reason}")

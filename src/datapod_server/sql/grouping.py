"""Groups: keys, aggregators, and what may stand beside them. Source: sql-language.md, 10."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.aggregators import AGGREGATORS, Accumulator, Aggregator, CountRows
from datapod_server.sql.builtins.builtin import Code, Evaluate
from datapod_server.sql.contexts import NAME_FUNCTIONS, Context, RowContext
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.operators import to_integer
from datapod_server.sql.scopes import Group, Scope
from datapod_server.sql.sources import Source
from datapod_server.sql.structures import ALWAYS, Embedding, RowValue, Valued, as_row, canonical, value_key
from datapod_server.values.json import atom_to_json, encode
from datapod_server.values.path import Path
from datapod_server.values.timestamp import format_seconds


def is_aggregator(node: tree.Node) -> bool:
    """Whether the node itself is a call of an aggregator."""
    return isinstance(node, tree.Call) and len(node.name) == 1 and node.name[0] in AGGREGATORS


def has_aggregator(node: tree.Node) -> bool:
    """Whether an aggregator stands anywhere in it, sub-selects apart."""
    return is_aggregator(node) or any(has_aggregator(child) for child in tree.children(node))


def normal(node: tree.Expression, source: Source) -> tree.Expression:
    """The expression with the table's name taken from its columns: `shop.item` and `item` are the same key."""

    def change(part: tree.Node) -> tree.Node | None:
        if isinstance(part, tree.Column) and source.name is not None and len(part.path) > 1 and part.path[0] == source.name:
            return replace(part, path=Path(part.path[1:]))
        return None

    return tree.transform(node, change)


@dataclass(frozen=True, slots=True)
class Slot:
    """One aggregator of a query."""

    aggregator: Aggregator | None  # None: count(*)
    arguments: tuple[Evaluate, ...]
    is_row: bool
    is_atom: bool

    def accumulator(self) -> Accumulator:
        return CountRows() if self.aggregator is None else self.aggregator.accumulator(is_row=self.is_row, is_atom=self.is_atom)


class GroupContext(Context):
    """Expressions over groups: keys, aggregators, and functions of these."""

    def __init__(self, rows: RowContext, keys: Sequence[tree.Expression]) -> None:
        super().__init__(rows.environment, rows.text)
        self._rows = rows
        self._keys = [normal(key, rows.source) for key in keys]
        self._known: dict[tree.Expression, int] = {}
        self._item: tree.Node | None = None
        self.slots: list[Slot] = []

    def place(self) -> str:
        return self._rows.place()

    def resolve(self, path: Path) -> Path:
        return self._rows.resolve(path)

    def begin_item(self, item: tree.Item) -> None:
        self._item = item

    def is_key(self, node: tree.Expression) -> bool:
        return normal(node, self._rows.source) in self._keys

    def replaced(self, node: tree.Expression) -> Code | None:
        plain = normal(node, self._rows.source)
        # rowName() and rowHash() are those of the group, even if they are keys (10.4).
        if plain in self._keys and not (isinstance(node, tree.Call) and node.name[-1] in ("rowName", "rowHash")):
            place = self._keys.index(plain)
            return Code(lambda group: group.keys[place])
        if is_aggregator(node):
            slot = self._slot(node)  # type: ignore[arg-type]
            return Code(lambda group: group.results[slot])
        return None

    def column(self, path: Path) -> Code:
        raise QueryError(f"variable '{path}' must appear in the GROUP BY clause or be used in an aggregate function")

    def wildcard(self, item: tree.Wildcard, *, top: bool) -> tuple[Path, Source | None]:
        if top or self._item is None or self._item is item:
            raise QueryError("Wildcard cannot be used with GROUP BY")
        text = self.text[slice(*self._item.span)]
        if self._keys:
            raise QueryError(f"Non-aggregator '{text}' with GROUP BY clause is not allowed")
        raise QueryError(f"Mixing non-aggregator '{text}' with aggregators is not allowed")

    def call(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        name = node.name[-1]
        function = NAME_FUNCTIONS.get(name) if len(node.name) == 1 else None
        if function is not None:
            return Code(lambda group: (function(group.name), ALWAYS))
        if name in ("group_key_element", "groupKeyElement"):
            return self._key_element(name, arguments())
        return super().call(node, arguments)

    def _key_element(self, name: str, codes: Sequence[Code]) -> Code:
        if len(codes) != 1:
            raise QueryError(f"Binding builtin function {name}: expected 1 argument, got {len(codes)}")

        def run(group: Group) -> Valued:
            place = to_integer(codes[0].run(group)[0])
            if not 0 <= place < len(group.keys):
                raise QueryError(f"Executing builtin function {name}: there is no key {place}; the group has {len(group.keys)}")
            return group.keys[place]

        return Code(run)

    def _slot(self, call: tree.Call) -> int:
        known = self._known.get(call)
        if known is not None:
            return known
        if call.star:
            slot = Slot(None, (), False, True)
        else:
            aggregator = AGGREGATORS[call.name[0]]
            aggregator.check(len(call.arguments))
            codes = [bind_expression(argument, self._rows) for argument in call.arguments]
            slot = Slot(aggregator, tuple(code.run for code in codes), codes[0].is_row, self._is_atom(call.arguments[0]))
        self._known[call] = len(self.slots)
        self.slots.append(slot)
        return self._known[call]

    def _is_atom(self, node: tree.Expression) -> bool:
        """Whether the argument is known to be no structure: a column that has nothing below it."""
        if isinstance(node, tree.Column):
            columns, path = self._rows.source.columns, self._rows.resolve(node.path)
            return columns is not None and not any(len(c) > len(path) and c[: len(path)] == path for c in columns)
        return isinstance(node, tree.Literal | tree.Is | tree.InList | tree.Like | tree.Between)


class Grouping:
    """The keys and aggregators of a query; `run` gathers its rows into groups in the order of their keys."""

    def __init__(self, keys: Sequence[Evaluate], slots: Sequence[Slot], *, appears_empty: bool) -> None:
        self._keys, self._slots, self._appears_empty = keys, slots, appears_empty

    def run(self, scopes: Iterable[Scope]) -> list[Group]:
        """Without GROUP BY there is one group, also of no rows if a call of `count` asks for it."""
        groups: dict[Any, tuple[list[Valued], list[Accumulator]]] = {}
        keys, slots = self._keys, self._slots
        for scope in scopes:
            found = [key(scope) for key in keys]
            identity = tuple([_identity(value) for value, _ in found])
            group = groups.get(identity)
            if group is None:
                group = groups[identity] = (found, [slot.accumulator() for slot in slots])
            for slot, accumulator in zip(slots, group[1], strict=True):
                accumulator.add(*[argument(scope) for argument in slot.arguments])
        if not groups and not keys and self._appears_empty:
            groups[()] = ([], [slot.accumulator() for slot in slots])
        made = [Group(group_name(found), found, [entry.result() for entry in kept]) for found, kept in groups.values()]
        return sorted(made, key=lambda group: [value_key(value) for value, _ in group.keys])


def _identity(value: Any) -> Any:
    kind = type(value)
    if kind is int or kind is str:
        return value
    # Bytes, texts and numbers never meet: Python holds none of them equal to another kind, but for 1 and 1.0, which are one value.
    return canonical(value)


def group_name(keys: Sequence[Valued]) -> Path:
    """One element: the JSON array of the keys. Source: 10.5."""
    return Path((encode([_key_json(value, time) for value, time in keys]).decode(),))


def _key_json(value: Any, time: float) -> Any:
    if isinstance(value, RowValue | Embedding):
        return [[name, [_key_json(member, at), format_seconds(at)]] for name, member, at in as_row(value, time).members()]
    return atom_to_json(value)

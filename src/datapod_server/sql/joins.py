"""Two sources put together row by row. Source: sql-language.md, 8.6."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.builtins.builtin import Evaluate
from datapod_server.sql.contexts import RowContext
from datapod_server.sql.environment import Environment
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.scopes import JoinedNames, Scope
from datapod_server.sql.sources import Source, bind_table
from datapod_server.sql.structures import true, value_key
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell

_MOST_PAIRS = 100_000_000
_CHECKED_EVERY = 4096
_ROW_FUNCTIONS = ("rowName", "rowPath", "rowHash", "rowPathElement", "columnCount")


class Side(NamedTuple):
    """One side of a join. `leaves`: names of its tables; `rows` below one."""

    source: Source
    leaves: tuple[str | None, ...]

    def scopes(self) -> Iterator[Scope]:
        """Rows whose columns stand below the name of their table."""
        name = self.source.name
        if self.source.is_join:
            yield from self.source.scopes()
            return
        renamed: dict[Path, Path] = {}
        for scope in self.source.scopes():
            cells = scope.cells
            if name is not None:
                cells = [Cell(renamed.get(c) or renamed.setdefault(c, Path((name, *c))), value, time) for c, value, time in cells]
            by_alias = {} if name is None else {name: scope.name}
            yield Scope(scope.name, cells, JoinedNames(by_alias, None, None))

    def absent(self) -> JoinedNames:
        return JoinedNames({name: None for name in self.leaves if name is not None}, None, None)

    def printed(self, row: Path | None) -> str:
        """The name of a row as part of a joined name: in brackets, unless it is a chain already."""
        if row is None:
            return "-".join("[]" for _ in self.leaves)
        return row[0] if self.source.is_join else f"[{row}]"


class JoinSource(Source):
    """The rows of a join; each reads the columns of both sides, qualified."""

    is_join = True

    def __init__(self, node: tree.JoinTable, left: Side, right: Side, environment: Environment) -> None:
        names = [name for name in (*left.leaves, *right.leaves) if name is not None]
        super().__init__(None, _columns(left, right), names)
        self._kind, self.left, self.right = node.kind, left, right
        self._environment = environment
        self._condition: Evaluate | None = None
        self._left_keys: list[Evaluate] = []
        self._right_keys: list[Evaluate] = []

    def set_condition(self, keys: Sequence[tuple[Evaluate, Evaluate]], rest: Evaluate | None) -> None:
        """Pairs of equal expressions of the left and the right side, and what else must be true of a pair."""
        self._left_keys, self._right_keys = [left for left, _ in keys], [right for _, right in keys]
        self._condition = rest

    def need(self, path: Path) -> None:
        super().need(path)
        self._pass_on(path, lambda side, rest: side.need(rest))

    def need_prefix(self, prefix: Path) -> None:
        super().need_prefix(prefix)
        for side in (self.left.source, self.right.source):
            side.need_prefix(Path())

    def _pass_on(self, path: Path, tell: Callable[[Source, Path], None]) -> None:
        for side in (self.left, self.right):
            if side.source.is_join or side.source.name is None:
                tell(side.source, path)
            elif path and path[0] == side.source.name:
                tell(side.source, Path(path[1:]))

    def scopes(self) -> Iterator[Scope]:
        rights = list(self.right.scopes())
        index: dict[Any, list[int]] = {}
        for place, right in enumerate(rights):
            key = _key(self._right_keys, right)
            if key is not None:
                index.setdefault(key, []).append(place)
        matched = [False] * len(rights)
        pairs = 0
        for left in self.left.scopes():
            found = False
            key = _key(self._left_keys, left)
            candidates = [] if key is None else index.get(key, [])
            pairs += len(candidates)
            if pairs > _MOST_PAIRS:
                raise QueryError("Cross join too big: cowardly refusing to materialize row IDs for a dataset with > 100,000,000 rows")
            for count, place in enumerate(candidates):
                if count % _CHECKED_EVERY == 0:  # also where no pair matches, and no row comes out
                    self._environment.check()
                scope = self._joined(left, rights[place])
                if self._condition is None or true(self._condition(scope)[0]):
                    found = matched[place] = True
                    yield scope
            if not found and self._kind in ("LEFT", "FULL"):
                yield self._joined(left, None)
        if self._kind in ("RIGHT", "FULL"):
            for place, right in enumerate(rights):
                if not matched[place]:
                    yield self._joined(None, right)

    def _joined(self, left: Scope | None, right: Scope | None) -> Scope:
        left_part = self.left.printed(None if left is None else left.name)
        right_row = _bracketed(self.right, None if right is None else right.name)
        names: dict[str, Path | None] = {}
        cells: list[Cell] = []
        for side, scope in ((self.left, left), (self.right, right)):
            joined = side.absent() if scope is None or scope.joined is None else scope.joined
            names.update(joined.by_alias)
            if scope is not None:
                cells.extend(scope.cells)
        sides = JoinedNames(names, None if left is None else left.name, None if right is None else right.name)
        return Scope(Path((f"{left_part}-{right_row}",)), cells, sides)

    def describe(self) -> str:
        road = "by equal keys" if self._left_keys else "every pair"
        return f"{self._kind.lower()} join ({road})"


def _bracketed(side: Side, row: Path | None) -> str:
    return "[]" if row is None else f"[{row[0] if side.source.is_join else row}]"


def _key(keys: Sequence[Evaluate], scope: Scope) -> Any:
    """The values of the equal expressions; None if one is null (it never matches), () for a join without any."""
    found = []
    for evaluate in keys:
        value = evaluate(scope)[0]
        if value is None:
            return None
        found.append(value if type(value) is str or type(value) is int else _hashable(value))
    return tuple(found)


def _hashable(value: Any) -> Any:
    key = value_key(value)
    # Numbers of both kinds are equal by value, and a text never equals a number.
    return value if isinstance(value, float) and value == value else repr(key)


def _columns(left: Side, right: Side) -> list[Path] | None:
    columns: list[Path] = []
    for side in (left, right):
        own = side.source.columns
        if own is None:
            return None
        prefix = Path() if side.source.is_join or side.source.name is None else Path((side.source.name,))
        columns += [prefix + column for column in own]
    return columns


def bind_join(node: tree.JoinTable, environment: Environment, text: str) -> JoinSource:
    """Raises `QueryError` for sides without names of their own, or a condition that reads neither."""
    left, right = _side(node.left, environment, text), _side(node.right, environment, text)
    if set(left.leaves) & set(right.leaves):
        raise QueryError("Join has ambiguous table name(s) with same name occurring on both left and right side")
    source = JoinSource(node, left, right, environment)
    if node.condition is not None:
        context = RowContext(environment, text, source)
        keys: list[tuple[Evaluate, Evaluate]] = []
        rest: list[tree.Expression] = []
        for term in _conjuncts(node.condition):
            pair = _equal_sides(term, left, right)
            if pair is None:
                rest.append(term)
            else:
                keys.append((bind_expression(pair[0], context).run, bind_expression(pair[1], context).run))
            _check_known(term, source)
        source.set_condition(keys, _all(rest, context))
    return source


def _side(node: tree.Table, environment: Environment, text: str) -> Side:
    source = bind_table(node, environment, text)
    if source.is_join:
        assert isinstance(source, JoinSource)
        return Side(source, (*source.left.leaves, *source.right.leaves))
    if source.name is None and not isinstance(node, tree.SelectTable | tree.FunctionTable):
        shown = text[slice(*node.span)]
        raise QueryError(
            "Tables in joins that don't have a natural name like a dataset name must have an AS expression "
            f"(consider replacing '{shown}' with '{shown} AS lhs'"
        )
    return Side(source, (source.name,))


def _conjuncts(node: tree.Expression) -> list[tree.Expression]:
    if isinstance(node, tree.Binary) and node.operator == "AND":
        return [*_conjuncts(node.left), *_conjuncts(node.right)]
    return [node]


def _tables_of(node: tree.Node) -> set[str]:
    """The first elements of all names that an expression reads."""
    own: set[str] = set()
    if isinstance(node, tree.Column) or (isinstance(node, tree.Call) and len(node.name) == 2):
        path = node.path if isinstance(node, tree.Column) else node.name
        own.add(path[0])
    elif isinstance(node, tree.Wildcard) or (isinstance(node, tree.Call) and node.name[0] in _ROW_FUNCTIONS):
        own.add("")  # the joined row itself
    return own.union(*(_tables_of(child) for child in tree.children(node)))


def _equal_sides(term: tree.Expression, left: Side, right: Side) -> tuple[tree.Expression, tree.Expression] | None:
    """The expressions of the left and of the right side, if the term says that they are equal."""
    if not isinstance(term, tree.Binary) or term.operator != "=":
        return None
    one, other = _tables_of(term.left), _tables_of(term.right)
    for first, second, ordered in ((one, other, True), (other, one, False)):
        if first and second and first <= set(left.leaves) and second <= set(right.leaves):
            return (term.left, term.right) if ordered else (term.right, term.left)
    return None


def _check_known(term: tree.Expression, source: JoinSource) -> None:
    unknown = {name for name in _tables_of(term) if name and name not in source.aliases}
    if unknown and None not in (*source.left.leaves, *source.right.leaves):
        raise QueryError(f"Join condition refers to unknown variables: {', '.join(sorted(unknown))}")


def _all(terms: Sequence[tree.Expression], context: RowContext) -> Evaluate | None:
    if not terms:
        return None
    whole = terms[0]
    for term in terms[1:]:
        whole = tree.Binary((whole.span[0], term.span[1]), "AND", whole, term)
    return bind_expression(whole, context).run

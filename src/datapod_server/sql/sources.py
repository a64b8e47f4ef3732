"""What stands in FROM, made ready: where the rows of a query come from. Source: sql-language.md, 8.

tables.py says what a dataset must offer; `joins.py` puts two sources together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.contexts import ConstantContext
from datapod_server.sql.environment import Environment
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.scopes import Scope
from datapod_server.sql.structures import ALWAYS, Embedding, RowValue, as_row, cells_of
from datapod_server.sql.tables import Table
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

if TYPE_CHECKING:
    from datapod_server.sql.binder import BoundQuery


class Source(ABC):
    """The base.

    Attributes:
        name: What columns may be qualified by and need not be; None in joins and where nothing was named.
        aliases: In a join, the names of the sides: columns must be qualified by one.
        columns: All that can occur, in the source's own order; None if that is not known.
    """

    is_join = False

    def __init__(self, name: str | None, columns: Sequence[Path] | None, aliases: Collection[str] = ()) -> None:
        self.name = name
        self.aliases = frozenset(aliases)
        self.columns = columns
        self._needed: set[Path] | None = set()

    def need(self, path: Path) -> None:
        """Some expression reads this column, or the structure below it."""
        if self._needed is not None:
            self._needed.add(path)

    def need_prefix(self, prefix: Path) -> None:
        """Some wildcard copies columns: all are needed."""
        del prefix
        self._needed = None

    def needed_columns(self) -> set[Path] | None:
        """Those to ask the table for; None for all."""
        if self._needed is None or self.columns is None:
            return None
        return {column for column in self.columns if any(column[: len(path)] == path for path in self._needed)}

    @abstractmethod
    def scopes(self) -> Iterator[Scope]:
        """One per row, in order."""

    @abstractmethod
    def describe(self) -> str:
        """One line for `explain`."""


class TableSource(Source):
    """A dataset, or items or edges."""

    def __init__(self, table: Table, name: str | None, label: str) -> None:
        super().__init__(name, list(table.columns()))
        self.table = table
        self._label = label

    def scopes(self) -> Iterator[Scope]:
        for name, cells in self.table.rows(columns=self.needed_columns()):
            yield Scope(name, cells)

    def describe(self) -> str:
        return self._label


class QuerySource(Source):
    """A sub-select: its rows with their names."""

    def __init__(self, environment: Environment, query: BoundQuery, name: str | None) -> None:
        super().__init__(name, query.columns)
        self._environment, self.query = environment, query

    def scopes(self) -> Iterator[Scope]:
        for name, cells in self._environment.rows(self.query):
            yield Scope(name, cells)

    def describe(self) -> str:
        return "sub-select"


class RowsSource(Source):
    """Rows that are made from other rows or from a value when the query runs."""

    def __init__(self, label: str, make: Callable[[], Iterator[Row]], name: str | None, columns: Sequence[Path] | None = None) -> None:
        super().__init__(name, columns)
        self._make, self._label = make, label

    def scopes(self) -> Iterator[Scope]:
        for name, cells in self._make():
            yield Scope(name, cells)

    def describe(self) -> str:
        return self._label


def bind_table(node: tree.Table, environment: Environment, text: str) -> Source:
    """Make a FROM clause ready. Raises `EntryNotFound`, `Conflict`, `QueryError`."""
    match node:
        case tree.DatasetTable():
            table = environment.configured.get(node.name) or environment.resolve.dataset(node.name)
            return TableSource(table, node.alias or node.name, f"dataset '{node.name}'")
        case tree.SelectTable():
            return QuerySource(environment, environment.bind(node.query), node.alias)
        case tree.MembersTable():
            return _members(node, environment, text)
        case tree.FunctionTable():
            return _table_function(node, environment, text)
        case tree.JoinTable():
            from datapod_server.sql.joins import bind_join  # a join binds its sides with this function

            return bind_join(node, environment, text)
    raise QueryError(f"{type(node).__name__} is parsed but not executed yet")


_COLUMN, _VALUE = Path(("column",)), Path(("value",))


def _members(node: tree.MembersTable, environment: Environment, text: str) -> Source:
    """`row_dataset` and `atom_dataset`. Source: 8.4."""
    function = "atom_dataset" if node.flat else "row_dataset"
    code = bind_expression(node.expression, ConstantContext(environment, text))

    def make() -> Iterator[Row]:
        value, time = code.run(None)
        if not isinstance(value, RowValue | Embedding):
            raise QueryError(f"Argument to {function} must be a row, not a scalar or NULL (got {'NULL' if value is None else value!r})")
        row = as_row(value, time)
        if node.flat:
            for place, cell in enumerate(row.cells):
                yield Row(Path((str(place),)), [Cell(_COLUMN, cell.column, ALWAYS), Cell(_VALUE, cell.value, cell.time)])
            return
        for place, (name, member, at) in enumerate(row.members()):
            cells = [Cell(_COLUMN, Path((name,)), ALWAYS), *cells_of(member, at, _VALUE)]
            yield Row(Path((str(place),)), cells)

    return RowsSource(function, make, node.alias)


def _table_function(node: tree.FunctionTable, environment: Environment, text: str) -> Source:
    if node.name in ("items", "edges"):
        return _item_table(node, environment)
    if node.name == "match":
        return _matching_items(node, environment)
    sources = [bind_table(table, environment, text) for table in node.tables]
    for source in sources:
        source.need_prefix(Path())
    if node.name == "transpose":
        if len(sources) != 1:
            raise QueryError("transpose() takes a single argument")
        return RowsSource("transpose", lambda: _transposed(sources[0]), node.alias)
    if node.name == "merge":
        return RowsSource("merge", lambda: _merged(sources), node.alias)
    if node.name == "sample":
        raise QueryError("the table function sample() is parsed but not executed yet")
    raise QueryError(f"could not bind dataset function {node.name}")


def _item_table(node: tree.FunctionTable, environment: Environment) -> Source:
    """`items('Person')`, `edges('friend')`. Source: design.md, 5."""
    if node.tables or node.options is not None:
        raise QueryError(f"{node.name}() takes one text, as in {node.name}('{'Person' if node.name == 'items' else 'friend'}')")
    find = environment.resolve.items if node.name == "items" else environment.resolve.edges
    label = f"{node.name}('{node.text}')" if node.text is not None else f"{node.name}()"
    return TableSource(find(node.text, environment.principal), node.alias or node.name, label)


def _matching_items(node: tree.FunctionTable, environment: Environment) -> Source:
    """`match(items('Note'), 'open sea')`: the items whose texts contain the words."""
    inner = node.tables[0] if len(node.tables) == 1 else None
    if not isinstance(inner, tree.FunctionTable) or inner.name != "items" or inner.tables or node.text is None or node.options is not None:
        raise QueryError("match() takes items and a text, as in match(items('Note'), 'open sea')")
    table = environment.resolve.items(inner.text, environment.principal, node.text)
    label = "items()" if inner.text is None else f"items('{inner.text}')"
    return TableSource(table, node.alias or inner.alias or "items", f"match({label}, '{node.text}')")


def _transposed(source: Source) -> Iterator[Row]:
    rows: dict[Path, list[Cell]] = {}
    for scope in source.scopes():
        for cell in scope.cells:
            rows.setdefault(cell.column, []).append(Cell(scope.name, cell.value, cell.time))
    for name, cells in rows.items():
        yield Row(name, cells)


def _merged(sources: Sequence[Source]) -> Iterator[Row]:
    rows: dict[Path, list[Cell]] = {}
    for source in sources:
        for scope in source.scopes():
            rows.setdefault(scope.name, []).extend(scope.cells)
    for name, cells in rows.items():
        yield Row(name, cells)

"""`sql.query`: a query with parameters, run at each call. Source: datasets-and-procedures.md, 10.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct

from datapod_server.errors import QueryError
from datapod_server.functions.description import row_of
from datapod_server.functions.kind import FunctionKind, Types
from datapod_server.sql import grammar, tree
from datapod_server.sql.clauses import InputQuery
from datapod_server.sql.environment import Environment
from datapod_server.sql.lexer import tokenize
from datapod_server.sql.naming import path_of_name
from datapod_server.sql.queries import check_query, select_of_clauses
from datapod_server.sql.scopes import Scope
from datapod_server.sql.structures import Valued
from datapod_server.sql.tables import Apply
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

NAME = "sql.query"
_COLUMN, _VALUE, _OUTPUT = Path(("column",)), Path(("value",)), Path(("output",))


class QueryParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Source: datasets-and-procedures.md, 10.1."""

    query: InputQuery
    output: Literal["FIRST_ROW", "NAMED_COLUMNS"] = "FIRST_ROW"


class SqlQuery:
    """One function of the type. It sees the data of the moment of each call."""

    def __init__(self, params: QueryParams) -> None:
        """Raises `QueryError` for a query that cannot be parsed."""
        self._query = params.query if isinstance(params.query, str) else params.query.given()
        self._finish = _first_row if params.output == "FIRST_ROW" else _named_columns
        check_query(self._query)
        texts = [self._query] if isinstance(self._query, str) else [text for text in self._query.values() if isinstance(text, str)]
        tokens = [token for text in texts for token in tokenize(text)]
        self._parameters = list(dict.fromkeys(str(token.value) for token in tokens if token.kind == "parameter"))

    def bind(self, environment: Environment) -> Apply:
        select, configured = self._parsed(environment)

        def apply(cells: Sequence[Cell]) -> Sequence[Cell]:
            argument = Scope(Path(), cells)
            values: dict[str, Valued] = {name: argument.find(Path((name,))) for name in self._parameters}
            inner = environment.inner(values)
            inner.configured.update(configured)
            return self._finish(inner.rows(inner.bind(select)))

        return apply

    def status(self) -> dict[str, Any]:
        """The query, as given and as understood."""
        surface = self._query if isinstance(self._query, str) else " ".join(f"{name} {text}" for name, text in self._query.items())
        ast = str(grammar.parse_statement(self._query)) if isinstance(self._query, str) else surface
        return {"expression": {"query": {"surface": surface, "ast": ast}}, "info": self.info()}

    def info(self) -> dict[str, Any]:
        return {"input": [row_of(self._parameters)], "output": row_of(None)}

    def _parsed(self, environment: Environment) -> tuple[tree.Select, dict[str, Any]]:
        if isinstance(self._query, str):
            return grammar.parse_statement(self._query), {}
        return select_of_clauses(self._query, environment.resolve)


def _first_row(rows: Iterator[Row]) -> Sequence[Cell]:
    row = next(rows, None)
    return () if row is None else row.cells


def _named_columns(rows: Iterator[Row]) -> Sequence[Cell]:
    """One output, `output`: a row of the columns that the rows name."""
    found: list[Cell] = []
    for row in rows:
        names = [cell for cell in row.cells if cell.column == _COLUMN]
        values = [cell for cell in row.cells if cell.column[:1] == _VALUE]
        if len(names) + len(values) != len(row.cells):
            raise QueryError("Rows returned from NAMED_COLUMNS SQL query can only contain 'column' and 'value' columns")
        whole = sum(cell.column == _VALUE for cell in values)
        if len(names) != 1 or not values or (whole and len(values) != 1):
            raise QueryError("Rows returned from NAMED_COLUMNS SQL query must contain exactly one 'column' and one 'value' column")
        if names[0].value is None:
            raise QueryError("Column names in NAMED_COLUMNS SQL can't be null")
        name = _OUTPUT + path_of_name(names[0].value)
        found += [Cell(name + Path(cell.column[1:]), cell.value, cell.time) for cell in values]
    return found


def register(types: Types) -> None:
    types.add(FunctionKind(NAME, QueryParams, SqlQuery, "Run an SQL query as a function"))

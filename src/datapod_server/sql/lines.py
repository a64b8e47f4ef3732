"""The four expressions of `import.text`, over the fields of one line. Source: datasets-and-procedures.md, 4.7."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from datapod_server.errors import Invalid, QueryError
from datapod_server.sql import grammar, tree
from datapod_server.sql.builtins.builtin import Code, Evaluate
from datapod_server.sql.contexts import RowContext
from datapod_server.sql.environment import Environment
from datapod_server.sql.expressions import bind_expression
from datapod_server.sql.items import bind_items
from datapod_server.sql.naming import path_of_name
from datapod_server.sql.scopes import Scope
from datapod_server.sql.sources import Source
from datapod_server.sql.structures import Valued, true
from datapod_server.values.path import Path
from datapod_server.values.rowhash import row_hash
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import Timestamp, parse_timestamp


class LineTexts(Protocol):
    """What the procedure hands in."""

    @property
    def select(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def named(self) -> str: ...
    @property
    def timestamp(self) -> str: ...
    @property
    def columns(self) -> Sequence[Path]: ...
    @property
    def file_time(self) -> float: ...
    @property
    def file_url(self) -> str: ...


class Line(Protocol):
    """One line."""

    @property
    def line_number(self) -> int: ...
    @property
    def cells(self) -> Sequence[Cell]: ...


class _LineSource(Source):
    """Columns of the file; rows come from outside."""

    def scopes(self) -> Iterator[Scope]:
        return iter(())

    def describe(self) -> str:
        return "lines of a file"


class _LineContext(RowContext):
    """Columns of the file, and functions of the line. Unknown names are errors here."""

    def __init__(self, environment: Environment, text: str, texts: LineTexts, source: Source, *, has_name: bool) -> None:
        super().__init__(environment, text, source)
        self._texts, self._has_name = texts, has_name

    def column(self, path: Path) -> Code:
        self._check(path)
        return super().column(path)

    def cells(self, path: Path) -> Callable[[Scope], list[Cell]] | None:
        self._check(path)
        return super().cells(path)

    def _check(self, path: Path) -> None:
        known = self.source.columns or ()
        if not any(column[: len(path)] == path for column in known):
            raise Invalid(
                f"Unknown column name in import.text procedure: '{path}'",
                columnName=str(path),
                knownColumnNames=[str(column) for column in known],
            )

    def call(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        if len(node.name) == 2:
            raise Invalid(f"Unknown table name in import.text procedure: '{node.name[0]}'")
        time, url = self._texts.file_time, self._texts.file_url
        match node.name[0]:
            case "lineNumber":
                return Code(lambda scope: (scope.extra, time))
            case "fileTimestamp":
                return Code(lambda _: (Timestamp(time), time))
            case "dataFileUrl":
                return Code(lambda _: (url, time))
            case "lineOffset":
                return Code(lambda _: (0, time))
            case "rowHash":
                if not self._has_name:
                    raise QueryError("rowHash() not available in this scope")
                return Code(lambda scope: (row_hash(scope.name), time))
            case "rowName" | "rowPath" | "rowPathElement" | "columnCount":
                return None
            case _:
                return super().call(node, arguments)


class Lines:
    """The program; see `procedures.workbench.LineProgram`."""

    def __init__(self, texts: LineTexts, environment: Environment) -> None:
        source = _LineSource(None, list(texts.columns))

        def bind(text: str, *, has_name: bool) -> Evaluate:
            context = _LineContext(environment, text, texts, source, has_name=has_name)
            return bind_expression(grammar.parse_expression(text), context).run

        self._named = bind(texts.named, has_name=False)
        self._where = None if texts.where.strip().lower() in ("", "true", "1") else bind(texts.where, has_name=True)
        self._timestamp = bind(texts.timestamp, has_name=True)
        items = grammar.parse_select_list(texts.select)
        self._items = bind_items(items, _LineContext(environment, texts.select, texts, source, has_name=True), top=True)
        names = self._items.names
        if names is not None and len(set(names)) != len(names):
            raise QueryError("Duplicate column name in select expression")

    @property
    def columns(self) -> Sequence[Path]:
        """Names that the select list is known to give."""
        return self._items.names or ()

    def run(self, scope: Line) -> Row | None:
        """The row of one line; None where `where` is not true."""
        line = Scope(Path(), scope.cells, None, scope.line_number)
        line.name = path_of_name(self._named(line)[0])
        if self._where is not None and not true(self._where(line)[0]):
            return None
        time = _seconds(self._timestamp(line))
        return Row(line.name, [Cell(cell.column, cell.value, time) for cell in self._items.run(line)])


def _seconds(value: Valued) -> float:
    found = value[0]
    if isinstance(found, Timestamp):
        return found.seconds
    if isinstance(found, int | float):
        return float(found)
    parsed = parse_timestamp(found) if isinstance(found, str) else None
    if parsed is None:
        raise QueryError("the timestamp of a line must be a timestamp, a date text or a number of seconds")
    return parsed.seconds

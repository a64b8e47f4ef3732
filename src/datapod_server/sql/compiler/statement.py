"""SELECT over one stored table to one statement of the engine.

A statement over rows is a single SELECT. A grouped one is two: the inner computes keys and aggregators under short names, the outer the
expressions over them, HAVING, order and window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow
from sqlglot import exp

from datapod_server.messages import Cancellation
from datapod_server.sql import tree
from datapod_server.sql.builtins import BUILT_IN
from datapod_server.sql.compiler import aggregates, answers
from datapod_server.sql.compiler.answers import Output, Part
from datapod_server.sql.compiler.coverage import Uncovered
from datapod_server.sql.compiler.expressions import Expressions
from datapod_server.sql.compiler.operators import truth
from datapod_server.sql.compiler.typed import Kind, Presence, Time, Typed, time_tree
from datapod_server.storage.engine import ColumnKind, Engine, Relation, RelationColumn
from datapod_server.values.path import Path
from datapod_server.values.rows import Row

Batches = Iterator[pyarrow.RecordBatch]


@dataclass(frozen=True)
class Compiled:
    """A statement ready to run, any number of times."""

    engine: Engine
    statement: exp.Select
    parameters: tuple[object, ...]
    read: Callable[[Batches], Iterator[Row]]
    guards: tuple[str, ...]
    otherwise: Callable[[], Iterator[Row]]

    def rows(self, cancellation: Cancellation | None = None) -> Iterator[Row]:
        """The rows, in order; by `otherwise` if a guard says that the interpreter has an error to report."""
        reader = self.engine.run(self.statement, self.parameters, cancellation=cancellation)
        if not self.guards:
            return self.read(iter(reader))
        table = reader.read_all()
        if any(count for guard in self.guards for count in table.column(guard).to_pylist()):
            return self.otherwise()
        return self.read(iter(table.to_batches()))

    def explain(self) -> str:
        """The engine's text, with values as `?`."""
        text = self.statement.sql(dialect="duckdb", pretty=True)
        for place in range(len(self.parameters), 0, -1):
            text = text.replace(f"${place}", "?")
        return text


def compile_select(
    select: tree.Select, relation: Relation, name: str, engine: Engine, otherwise: Callable[[], Iterator[Row]], *, timed: bool = True
) -> Compiled:
    """Compile a statement that was bound without error.

    Args:
        relation: The stored table in FROM.
        name: What its columns may be qualified by: the alias, or the dataset's name.
        otherwise: The interpreter's rows of the same statement.
        timed: Whether somebody looks at the times of the answer's cells; all are "always" otherwise.

    Raises:
        Uncovered: Some part is left to the interpreter.
    """
    for part, what in ((select.when, "WHEN"), (select.named, "NAMED"), (select.distinct_on, "DISTINCT ON")):
        if part:
            raise Uncovered(what)
    parameters: list[object] = []
    rows = Expressions(relation, frozenset((name,)), parameters, timed=timed)
    if select.group_by or any(_aggregates(item) for item in (*select.items, *select.order_by)) or select.having is not None:
        statement, read, guards = _Grouped(select, relation, name, rows, parameters, timed=timed).compile()
    else:
        statement, read, guards = _Plain(select, relation, rows, timed=timed).compile()
    return Compiled(engine, statement, _used(statement, parameters), read, tuple(guards), otherwise)


def _used(statement: exp.Expr, parameters: Sequence[object]) -> tuple[object, ...]:
    """The parameters that the statement still has, renumbered: constants that were folded away leave none."""
    places: dict[int, int] = {}
    for node in statement.find_all(exp.Parameter):
        old = int(node.this.this)
        node.set("this", exp.Literal.number(places.setdefault(old, len(places) + 1)))
    return tuple(parameters[old - 1] for old in places)


Parts = tuple[exp.Select, Callable[[Batches], Iterator[Row]], Sequence[str]]


def _aggregates(node: tree.Node) -> bool:
    if isinstance(node, tree.Call) and len(node.name) == 1 and node.name[0] in aggregates.NAMES | aggregates.UNCOVERED_NAMES:
        return True
    return any(_aggregates(child) for child in tree.children(node))


def _reads_row(node: tree.Node) -> bool:
    """Whether it is none of the constants that the interpreter computes when a query is bound; names of the answer are none."""
    if isinstance(node, tree.Column):
        return True
    if isinstance(node, tree.Call):
        builtin = BUILT_IN.get(node.name[0]) if len(node.name) == 1 else None
        if builtin is None or not builtin.folds or not node.arguments:
            return True
    return any(_reads_row(child) for child in tree.children(node))


def _order(typed: Typed, descending: bool) -> list[exp.Expr]:
    """Nulls first ascending and last descending, NaN before all numbers. Source: sql-language.md, 11.1."""
    if typed.kind is Kind.MIXED:
        raise Uncovered("ORDER BY a column of mixed types")
    terms = [exp.Ordered(this=typed.tree.copy(), desc=descending, nulls_first=not descending)]
    if typed.nan:
        terms.insert(0, exp.Ordered(this=exp.IsNan(this=typed.tree.copy()), desc=not descending, nulls_first=not descending))
    return list(terms)


def _aliased(tree_: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(tree_, name, quoted=True)


class _Projection:
    """The columns of a statement, named as they come."""

    def __init__(self, time_column: exp.Expr, *, timed: bool) -> None:
        self._time_column = time_column
        self._timed = timed
        self.columns: list[exp.Expr] = []

    def add(self, typed: Typed, *, timed: bool = True) -> Part:
        number = len(self.columns)
        value = f"o{number}"
        self.columns.append(_aliased(typed.tree.copy(), value))
        time: str | None = None
        if self._timed and timed and not (isinstance(typed.time, Presence) and not typed.time.cells):
            time = f"t{number}"
            self.columns.append(_aliased(time_tree(typed.time, self._time_column), time))
        if typed.overflow is None:
            return Part(value, typed.kind, time)
        overflow = f"x{number}"
        self.columns.append(_aliased(typed.overflow.copy(), overflow))
        return Part(value, typed.kind, time, overflow)


class _Items:
    """The select list: names, values, wildcards expanded."""

    def __init__(self, select: tree.Select, relation: Relation, expressions: Expressions, projection: _Projection) -> None:
        self._select, self._relation = select, relation
        self._expressions, self._projection = expressions, projection
        self.outputs: list[Output] = []
        self.named: dict[Path, Typed] = {}

    def compile(self) -> list[Output]:
        """In natural order of the names. Raises `Uncovered` for names that stand twice."""
        for item in self._select.items:
            match item:
                case tree.Wildcard():
                    self._wildcard(item)
                case tree.ExpressionItem(spread=False):
                    self._expression(item)
                case _:
                    raise Uncovered("AS * or COLUMN EXPR")
        names = [output.name for output in self.outputs]
        if len(set(names)) != len(names):
            raise Uncovered("a column name that stands twice")
        return sorted(self.outputs, key=lambda output: output.name.key)

    def _expression(self, item: tree.ExpressionItem) -> None:
        node = item.expression
        typed = self._expressions.compile(node)
        if item.alias is not None:
            name = item.alias
        elif isinstance(node, tree.Column):
            name = node.path
        else:
            name = Path.of(self._select.text[item.span[0] : item.span[1]].strip())
        self._add(name, typed, absent=False)

    def _wildcard(self, item: tree.Wildcard) -> None:
        prefix = self._expressions.strip(item.prefix) if len(item.prefix) > 1 or not item.dotted else self._whole(item.prefix)
        for column in self._relation.columns:
            path = column.path
            if not path.starts_with(prefix) or any(_excludes(entry, path, self._expressions) for entry in item.excluding):
                continue
            name = path if item.new is None else path.replace_prefix(prefix, item.new)
            self._add(name, self._expressions.stored(column), absent=True, column=column)

    def _whole(self, prefix: Path) -> Path:
        """`alias.*` is every column."""
        return Path() if self._expressions.is_name(prefix) else prefix

    def _add(self, name: Path, typed: Typed, *, absent: bool, column: RelationColumn | None = None) -> None:
        part = self._projection.add(typed)
        if typed.kind is Kind.MIXED:
            part = replace(part, base=column.base if column is not None else self._base(typed))
        self.named[name] = typed
        self.outputs.append(Output(name, part, absent))

    def _base(self, typed: Typed) -> ColumnKind:
        engine_name = typed.tree.name
        return next(column.base for column in self._relation.columns if column.column == engine_name)


def _excludes(entry: tree.Exclusion, path: Path, expressions: Expressions) -> bool:
    named = expressions.strip(entry.path)
    return path.starts_with(named) if entry.prefix else path == named


class _Plain:
    """A statement over rows."""

    def __init__(self, select: tree.Select, relation: Relation, rows: Expressions, *, timed: bool) -> None:
        self._select, self._relation, self._rows = select, relation, rows
        self._projection = _Projection(rows.time_column, timed=timed)

    def compile(self) -> Parts:
        select = self._select
        items = _Items(select, self._relation, self._rows, self._projection)
        outputs = items.compile()
        keys, terms = self._sort_keys(items)
        name = exp.column(self._relation.name_column, quoted=True)
        statement = exp.select(_aliased(name, "name"), *self._projection.columns).from_(_table(self._relation))
        if select.where is not None:
            statement = statement.where(truth(self._rows.untimed().compile(select.where)))
        if not keys:
            # Rows are only ever appended, and the engine keeps the order of a scan.
            if select.limit is not None:
                statement = statement.limit(select.limit)
            if select.offset:
                statement = statement.offset(select.offset)
            return statement, lambda batches: answers.named_rows(batches, "name", outputs), ()
        statement = self._windowed(statement, terms)
        limit, offset = select.limit, select.offset
        return statement, lambda batches: answers.ordered_rows(batches, "name", outputs, keys, offset, limit), ()

    def _sort_keys(self, items: _Items) -> tuple[list[Part], list[exp.Expr]]:
        keys: list[Part] = []
        terms: list[exp.Expr] = []
        for order in self._select.order_by:
            typed = self._rows.with_hook(_output_columns(items.named)).compile(order.expression)
            if not _reads_row(order.expression):
                continue
            if not typed.constant and typed.kind is not Kind.NULL:
                terms += _order(typed, order.descending)
            # A column that is the same for all rows leaves the order to the hashes of their names.
            keys.append(self._projection.add(typed, timed=False))
        return keys, terms

    def _windowed(self, statement: exp.Select, terms: list[exp.Expr]) -> exp.Select:
        """Sorted; with a LIMIT only the rows up to it, and all that tie with the last of them, leave the engine."""
        if not terms:
            return statement
        if self._select.limit is not None:
            rank = exp.Window(this=exp.Anonymous(this="rank"), order=exp.Order(expressions=[term.copy() for term in terms]))
            last = exp.Literal.number(self._select.offset + self._select.limit)
            statement.set("qualify", exp.Qualify(this=exp.LTE(this=rank, expression=last)))
        return statement.order_by(*terms)


def _output_columns(named: dict[Path, Typed]) -> Callable[[tree.Expression], Typed | None]:
    """ORDER BY looks among the names of the answer before those of the table."""

    def hook(node: tree.Expression) -> Typed | None:
        return named.get(node.path) if isinstance(node, tree.Column) else None

    return hook


class _Grouped:
    """A statement over groups."""

    def __init__(
        self, select: tree.Select, relation: Relation, name: str, rows: Expressions, parameters: list[object], *, timed: bool
    ) -> None:
        self._select, self._relation, self._name, self._rows, self._timed = select, relation, name, rows, timed
        self._aggregates = aggregates.Aggregates(rows, timed=timed)
        self._keys = [self._normal(node) for node in select.group_by]
        self._key_types: list[Typed] = []
        self._key_times: list[Time] = []
        self._groups = Expressions(replace_columns(relation), frozenset((name,)), parameters, timed=timed, hook=self._hook)

    def compile(self) -> Parts:
        select = self._select
        inner_keys = self._compile_keys()
        projection = _Projection(exp.Null(), timed=self._timed)
        items = _Items(select, replace_columns(self._relation), self._groups, projection)
        outputs = items.compile()
        having = truth(self._groups.compile(select.having)) if select.having is not None else None
        terms = self._order(items)
        key_parts = [projection.add(typed, timed=False) for typed in self._key_types]
        inner = self._inner(inner_keys)
        statement = exp.select(*projection.columns, *(exp.column(guard, quoted=True) for guard in self._aggregates.guards))
        statement = statement.from_(inner.subquery("grouped"))
        if terms:
            statement = statement.order_by(*terms)
        if having is not None:
            statement = statement.where(having)
        if not select.group_by and not self._aggregates.counts:
            statement = statement.where(exp.GT(this=exp.column("rows", quoted=True), expression=exp.Literal.number(0)))
        if select.limit is not None:
            statement = statement.limit(select.limit)
        if select.offset:
            statement = statement.offset(select.offset)
        return statement, lambda batches: answers.grouped_rows(batches, key_parts, outputs), self._aggregates.guards

    def _compile_keys(self) -> list[tuple[str, exp.Expr]]:
        columns: list[tuple[str, exp.Expr]] = []
        for place, node in enumerate(self._keys):
            typed = self._rows.compile(node)
            if typed.kind is Kind.MIXED or (typed.kind is Kind.NULL):
                raise Uncovered("GROUP BY something without a single type")
            name, time_name = f"k{place}", f"kt{place}"
            columns.append((name, typed.tree))
            self._key_times.append(typed.time)
            time: exp.Expr = exp.column(time_name, quoted=True)
            self._key_types.append(Typed(exp.column(name, quoted=True), typed.kind, time, nan=typed.nan))
        return columns

    def _inner(self, keys: list[tuple[str, exp.Expr]]) -> exp.Select:
        order = exp.column(self._relation.order_column, quoted=True)
        columns = [_aliased(value.copy(), name) for name, value in keys]
        if self._timed:
            for place, key_time in enumerate(self._key_times):
                time = time_tree(key_time, self._rows.time_column)
                # The time of a key is that of its first row.
                columns.append(_aliased(exp.Anonymous(this="arg_min", expressions=[time, order.copy()]), f"kt{place}"))
        columns += [_aliased(value.copy(), name) for name, value in self._aggregates.columns]
        if not keys:
            columns.append(_aliased(exp.Count(this=exp.Star()), "rows"))
        inner = exp.select(*columns).from_(_table(self._relation))
        if self._select.where is not None:
            inner = inner.where(truth(self._rows.untimed().compile(self._select.where)))
        return inner.group_by(*(exp.column(name, quoted=True) for name, _ in keys)) if keys else inner

    def _hook(self, node: tree.Expression) -> Typed | None:
        """Keys and aggregators are columns of the inner statement; any other column is the interpreter's error to report."""
        if isinstance(node, tree.Call) and node.name[-1] in ("rowName", "rowHash"):
            raise Uncovered("the name of a group")
        normal = self._normal(node)
        if normal in self._keys:
            return self._key_types[self._keys.index(normal)]
        if isinstance(node, tree.Call):
            name = node.name[0] if len(node.name) == 1 else ""
            if name in ("group_key_element", "groupKeyElement") and len(node.arguments) == 1:
                place = node.arguments[0]
                if isinstance(place, tree.Literal) and isinstance(place.value, int) and 0 <= place.value < len(self._key_types):
                    return self._key_types[place.value]
            if name in aggregates.NAMES:
                return self._aggregates.compile(node)
            if name in aggregates.UNCOVERED_NAMES:
                raise Uncovered(f"the aggregator {name}")
            if name == "rowPath":
                raise Uncovered("the name of a group")
        if isinstance(node, tree.Column):
            raise Uncovered(f"the column {node.path} beside aggregators")
        return None

    def _order(self, items: _Items) -> list[exp.Expr]:
        """Keys are looked up before the columns of the answer; ties keep the order of the keys."""
        terms: list[exp.Expr] = []
        for order in self._select.order_by:
            node = order.expression
            named = items.named.get(node.path) if isinstance(node, tree.Column) and self._normal(node) not in self._keys else None
            typed = named or self._groups.compile(node)
            if not typed.constant and typed.kind is not Kind.NULL:
                terms += _order(typed, order.descending)
        for typed in self._key_types:
            terms += _order(typed, descending=False)
        return terms

    def _normal(self, node: tree.Expression) -> tree.Expression:
        """The expression with the name of the table taken from its columns, for comparing."""

        def change(part: tree.Node) -> tree.Node | None:
            return replace(part, path=self._rows.strip(part.path)) if isinstance(part, tree.Column) else None

        return tree.transform(node, change)


def replace_columns(relation: Relation) -> Relation:
    """The same table without columns: over groups none can be read."""
    return Relation(relation.table, relation.name_column, relation.order_column, relation.time_column, ())


def _table(relation: Relation) -> exp.Table:
    return exp.Table(this=exp.to_identifier(relation.table, quoted=True))

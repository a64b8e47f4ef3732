"""The way in: text to rows, by whichever road. Source: sql-language.md, 13 and 14; design.md, 5."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, cast

from datapod_server.errors import Invalid, QueryError
from datapod_server.messages import Cancellation
from datapod_server.principal import Principal
from datapod_server.sql import grammar, tree
from datapod_server.sql.binder import BoundQuery, bind_select
from datapod_server.sql.compiler import Uncovered, compile_select
from datapod_server.sql.environment import CompiledQuery, Environment
from datapod_server.sql.explain import explain
from datapod_server.sql.interpreter import interpret
from datapod_server.sql.lines import Lines, LineTexts
from datapod_server.sql.sources import TableSource
from datapod_server.sql.structures import ALWAYS
from datapod_server.sql.tables import Resolve
from datapod_server.storage.engine import Engine
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Row

Level = Literal["always", "never", "sometimes"]
_TOO_DEEP = "the query is nested too deeply"  # such as thousands of terms in one sum
Road = Literal["compiled", "partly", "interpreted"]


class Result:
    """The answer of one query; its rows can be read once.

    Attributes:
        plain: The query has a FROM and does not group.
        columns: All that the answer can have, in no order; None if only rows tell.
        road: Which executor answers it: the compiler, the interpreter over compiled sub-selects, or the interpreter alone.
    """

    def __init__(self, rows: Iterator[Row], *, plain: bool, road: Road, columns: Sequence[Path] | None) -> None:
        self._rows, self.plain, self.road, self.columns = rows, plain, road, columns

    def rows(self) -> Iterator[Row]:
        """Rows in order; columns in natural order, all values of a column. Raises `QueryError` for what fails on the way."""
        try:
            yield from self._rows
        except RecursionError as error:
            raise QueryError(_TOO_DEEP) from error
        except QueryError as error:
            if error.line is not None or str(error).startswith("Execution error: "):
                raise
            raise QueryError(f"Execution error: {error}", **error.details) from error


class Engines(Protocol):
    """What the compiler runs its statements on."""

    def __call__(self) -> Engine: ...


class Queries:
    """SQL over one pod. Safe to use from several threads."""

    def __init__(self, resolve: Resolve, engine: Engine, narrow: Callable[[Principal], Resolve] | None = None) -> None:
        """`narrow`: what one principal may name; without it everybody may name what `resolve` finds."""
        self._resolve, self._engine = resolve, engine
        self._narrow = narrow
        self._level: Level = "always"

    def set_optimization_level(self, level: str) -> None:
        """Choose between the roads, for everybody and at once. Raises `Invalid`. Source: python-runtime.md, 6.7."""
        lowered = level.lower()
        if lowered not in ("always", "never", "sometimes"):
            raise Invalid(f"Couldn't parse path optimization level '{level}': accepted are 'always', 'never' and 'sometimes'")
        self._level = cast("Level", lowered)

    def run(
        self,
        text: str,
        *,
        principal: Principal,
        parameters: Mapping[str, Atom] | None = None,
        cancellation: Cancellation | None = None,
        timed: bool = True,
    ) -> Result:
        """Run one SELECT statement. Without `timed` the caller does not look at the times of cells, which then are not computed.

        Raises:
            QueryError: The text cannot be parsed or bound; what fails later is raised by the rows.
            EntryNotFound, Conflict: A table that is not there, or not ready.
        """
        return self._run(grammar.parse_statement(text), principal, parameters, cancellation, timed=timed)

    def run_clauses(
        self, clauses: Mapping[str, Any], *, principal: Principal, cancellation: Cancellation | None = None, timed: bool = True
    ) -> Result:
        """Run a query whose clauses come apart, each a text; `from` may be an object that describes a dataset."""
        select, configured = select_of_clauses(clauses, self._resolve_for(principal))
        return self._run(select, principal, None, cancellation, configured=configured, timed=timed)

    def bind_lines(self, expressions: LineTexts) -> Lines:
        """The expressions of `import.text`, ready for each line. Raises `Invalid`, `QueryError`."""
        from datapod_server.principal import OWNER

        return Lines(expressions, self._environment(OWNER, None, None, []))

    def environment(self, principal: Principal, cancellation: Cancellation | None = None) -> Environment:
        """For a function that is applied outside any query."""
        return self._environment(principal, None, cancellation, [])

    def explain(self, text: str, *, principal: Principal) -> str:
        """Tree, source and road of a query, with the engine's text, values as `?`."""
        plans: list[tuple[BoundQuery, CompiledQuery | Uncovered]] = []
        select = grammar.parse_statement(text)
        bound = self._environment(principal, None, None, plans).bind(select)
        return explain(bound, plans)

    def _run(
        self,
        select: tree.Select,
        principal: Principal,
        parameters: Mapping[str, Atom] | None,
        cancellation: Cancellation | None,
        *,
        configured: Mapping[str, Any] | None = None,
        timed: bool = True,
    ) -> Result:
        plans: list[tuple[BoundQuery, CompiledQuery | Uncovered]] = []
        environment = self._environment(principal, parameters, cancellation, plans, timed=timed)
        environment.configured.update(configured or {})
        try:
            bound = environment.bind(select)
        except RecursionError as error:
            raise QueryError(_TOO_DEEP) from error
        road: Road = "compiled" if id(bound) in environment.plans else "partly" if environment.plans else "interpreted"
        return Result(environment.rows(bound), plain=bound.plain, road=road, columns=bound.columns)

    def _environment(
        self,
        principal: Principal,
        parameters: Mapping[str, Atom] | None,
        cancellation: Cancellation | None,
        plans: list[tuple[BoundQuery, CompiledQuery | Uncovered]],
        *,
        timed: bool = True,
    ) -> Environment:
        depth = 0

        def bind(select: tree.Select, asking: Environment) -> BoundQuery:
            nonlocal depth
            depth += 1
            bound = bind_select(select, asking)
            depth -= 1
            # Inside another query, or a function, somebody may ask for the times; only the outermost answer's are shown.
            plan = self._compiled(bound, asking, timed=timed or depth > 0 or asking is not environment)
            if plan is not None:
                plans.append((bound, plan))
                if not isinstance(plan, Uncovered):
                    asking.plans[id(bound)] = plan
            return bound

        def rows(bound: BoundQuery) -> Iterator[Row]:
            return interpret(bound, environment)

        valued = None if parameters is None else {name: (value, ALWAYS) for name, value in parameters.items()}
        environment = Environment(
            self._resolve_for(principal), principal, bind=bind, interpret=rows, parameters=valued, cancellation=cancellation
        )
        return environment

    def _resolve_for(self, principal: Principal) -> Resolve:
        return self._resolve if self._narrow is None else self._narrow(principal)

    def _compiled(self, bound: BoundQuery, environment: Environment, *, timed: bool) -> CompiledQuery | Uncovered | None:
        """The compiled form, or why there is none; None if nobody tried."""
        source = bound.source
        if self._level == "never" or (self._level == "sometimes" and random.random() < 0.5):  # noqa: S311 - a coin, no secret
            return None
        if not isinstance(source, TableSource) or source.name is None:
            return None
        relation = source.table.relation()
        if relation is None:
            return None
        otherwise: Callable[[], Iterator[Row]] = lambda: interpret(bound, environment)  # noqa: E731
        try:
            return compile_select(bound.select, relation, source.name, self._engine, otherwise, timed=timed)
        except Uncovered as reason:
            return reason


_CLAUSES = ("select", "named", "from", "when", "where", "groupBy", "having", "orderBy", "offset", "limit")


def select_of_clauses(clauses: Mapping[str, Any], resolve: Resolve) -> tuple[tree.Select, dict[str, Any]]:
    """One statement from clause texts; each is parsed by its own rule. The mapping holds the dataset that `from` describes, if it does."""
    unknown = [name for name in clauses if name not in _CLAUSES]
    if unknown:
        raise Invalid(f"unknown clause '{unknown[0]}' in a query; there are {', '.join(_CLAUSES)}")
    configured: dict[str, Any] = {}
    parts = {name: clauses.get(name) for name in _CLAUSES}
    source = parts["from"]
    if isinstance(source, Mapping):
        configured["dataset"] = resolve.configured(source)
        source = "dataset"
    text = ["SELECT", parts["select"] or "*"]
    words = (("named", "NAMED"), ("from", "FROM"), ("when", "WHEN"), ("where", "WHERE"), ("groupBy", "GROUP BY"), ("having", "HAVING"))
    _check_clauses(parts)
    for name, word in (*words, ("orderBy", "ORDER BY")):
        value = source if name == "from" else parts[name]
        if value:
            text += [word, str(value)]
    limit, offset = parts["limit"], parts["offset"]
    if isinstance(limit, int) and limit >= 0:
        text += ["LIMIT", str(limit)]
    if isinstance(offset, int) and offset > 0:
        text += ["OFFSET", str(offset)]
    # A line for each clause, so that a comment at the end of one does not swallow the next.
    return grammar.parse_statement("\n".join(text)), configured


def check_query(query: str | Mapping[str, Any]) -> None:
    """Refuse a statement, or the clauses of one, that cannot be parsed; names are not looked up. Raises `QueryError`, `Invalid`."""
    if isinstance(query, str):
        grammar.parse_statement(query)
    else:
        _check_clauses({name: query.get(name) for name in _CLAUSES})


def _check_clauses(parts: Mapping[str, Any]) -> None:
    """Each clause must be complete by itself: nothing may leak into the next one."""
    rules: dict[str, Callable[[str], Any]] = {
        "select": grammar.parse_select_list,
        "named": grammar.parse_expression,
        "when": grammar.parse_expression,
        "where": grammar.parse_expression,
        "having": grammar.parse_expression,
        "groupBy": grammar.parse_expressions,
        "orderBy": grammar.parse_order_list,
    }
    for name, rule in rules.items():
        if parts[name]:
            if not isinstance(parts[name], str):
                raise Invalid(f"the clause '{name}' of a query must be a text")
            rule(parts[name])
    if isinstance(parts["from"], str) and parts["from"].strip():
        grammar.parse_table(parts["from"])
    for name in ("limit", "offset"):
        if parts[name] is not None and (not isinstance(parts[name], int) or isinstance(parts[name], bool)):
            raise Invalid(f"the clause '{name}' of a query must be a whole number")

"""What all parts of one query share while it is bound and run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from datapod_server.errors import QueryError
from datapod_server.messages import Cancellation
from datapod_server.principal import Principal
from datapod_server.sql.structures import Valued
from datapod_server.sql.tables import Resolve, Table
from datapod_server.values.rows import Row

if TYPE_CHECKING:
    from datapod_server.sql import tree
    from datapod_server.sql.binder import BoundQuery

_DEEPEST = 50

ContextFunction = Callable[[Any, list[Valued]], Valued]
"""A function that the surroundings supply (`lineNumber()`): called with the scope and the arguments."""


class CompiledQuery(Protocol):
    """What a compiler makes of a bound query: the same rows in the same order as the interpreter gives."""

    def rows(self, cancellation: Cancellation | None) -> Iterator[Row]: ...

    def explain(self) -> str:
        """The engine's text, with values as `?`."""
        ...


class Environment:
    """Made for one query.

    Attributes:
        parameters: Bound parameters; None if none were passed.
        functions: Supplied by the surroundings.
        configured: Tables that a clause-wise query described by a JSON object, by the name put in their place.
        plans: Compiled pieces, by the identity of the bound query that they answer.
        results: What is computed once per run, such as the set of an IN (SELECT ...).
    """

    def __init__(
        self,
        resolve: Resolve,
        principal: Principal,
        *,
        bind: Callable[[tree.Select, Environment], BoundQuery],
        interpret: Callable[[BoundQuery], Iterator[Row]],
        parameters: Mapping[str, Valued] | None = None,
        cancellation: Cancellation | None = None,
        functions: Mapping[str, ContextFunction] | None = None,
    ) -> None:
        self.resolve = resolve
        self.principal = principal
        self.parameters = parameters
        self.cancellation = cancellation
        self.functions = functions or {}
        self.configured: dict[str, Table] = {}
        self.plans: dict[int, CompiledQuery] = {}
        self.results: dict[int, Any] = {}
        self._bind, self._interpret = bind, interpret
        self._depth = 0

    def bind(self, query: tree.Select) -> BoundQuery:
        """Bind a statement that stands inside another."""
        return self._bind(query, self)

    def rows(self, query: BoundQuery) -> Iterator[Row]:
        """The rows of a bound query, by its compiled plan if it has one."""
        plan = self.plans.get(id(query))
        return self._interpret(query) if plan is None else plan.rows(self.cancellation)

    def inner(self, parameters: Mapping[str, Valued] | None = None) -> Environment:
        """For a function that this query calls: parameters of its own, all else is shared."""
        environment = Environment(
            self.resolve, self.principal, bind=self._bind, interpret=self._interpret, parameters=parameters, cancellation=self.cancellation
        )
        environment._depth = self._depth + 1
        environment._refuse_endless()
        return environment

    @contextlib.contextmanager
    def nested(self) -> Iterator[None]:
        """Around the binding of a call: functions that call each other for ever end here. Source: sql-language.md, 5.13."""
        self._depth += 1
        self._refuse_endless()
        try:
            yield
        finally:
            self._depth -= 1

    def _refuse_endless(self) -> None:
        if self._depth > _DEEPEST:
            raise QueryError(f"Reached a stack depth of over {_DEEPEST} functions while analysing query, possible infinite recursion")

    def check(self) -> None:
        """Raises `Cancelled` if the query is to stop."""
        if self.cancellation is not None:
            self.cancellation.check()

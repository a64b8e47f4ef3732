"""Where an expression stands decides what its names mean. Source: sql-language.md, 5.1, 5.14, 6.6, 8.1, 10.4, 11.1, 12."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.builtins.builtin import Code, Evaluate
from datapod_server.sql.environment import Environment
from datapod_server.sql.operators import to_integer
from datapod_server.sql.scopes import Scope, atom_reader
from datapod_server.sql.structures import ALWAYS, MISSING, Valued, latest_of
from datapod_server.values.path import Path
from datapod_server.values.rowhash import row_hash
from datapod_server.values.rows import Cell
from datapod_server.values.timestamp import Timestamp

if TYPE_CHECKING:
    from datapod_server.sql.sources import Source

Cells = Callable[[Any], list[Cell]]
"""From a scope to cells with relative names."""


class Context:
    """The base: no columns, no functions but the built-ins. `text` is the source that spans refer to."""

    def __init__(self, environment: Environment, text: str) -> None:
        self.environment = environment
        self.text = text

    def resolve(self, path: Path) -> Path:
        """The name that a written column has in the source."""
        return path

    def column(self, path: Path) -> Code:
        raise QueryError(f'Cannot read column "{path}" with no FROM clause.')

    def cells(self, path: Path) -> Cells | None:
        """All values of a bare column; None where an expression only sees the latest."""
        return None

    def begin_item(self, item: tree.Item) -> None:
        """Told before each entry of a select list is bound, for errors that quote it."""

    def names_below(self, path: Path, name: Path) -> Sequence[Path] | None:
        """The columns that a bare column becomes under a name; None if that is not known."""
        return None

    def wildcard(self, item: tree.Wildcard, *, top: bool) -> tuple[Path, Source | None]:
        """The prefix to match (of full names) and the source whose cells are matched; None: those of a value."""
        raise QueryError("Wildcard usage requires a FROM statement" if top else "Cannot use wildcards with no FROM clause.")

    def replaced(self, node: tree.Expression) -> Code | None:
        """Code for an expression that stands for something computed before, such as a key of a group."""
        return None

    def call(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        """Code for a function that this place supplies; None to look among user functions and built-ins."""
        supplied = self.environment.functions.get(node.name[0]) if len(node.name) == 1 else None
        if supplied is None:
            return None
        runs = [code.run for code in arguments()]
        return Code(lambda scope: supplied(scope, [run(scope) for run in runs]))

    def unknown_function(self, node: tree.Call) -> QueryError:
        name, text = node.name, self.text[slice(*node.span)]
        return QueryError(
            f"Unable to find function '{name}' binding function call '{text}'{self.place()}.  The function is not a built-in function, and "
            "either it's not a registered user function, or user functions are not available in the scope of the expression."
        )

    def place(self) -> str:
        return ""


_JOIN_FUNCTIONS = ("leftRowName", "rightRowName", "leftRowPath", "rightRowPath")


def path_place(path: Path, place: int) -> str | None:
    """One element, from 0, or from the end if negative; None outside."""
    return path[place] if -len(path) <= place < len(path) else None


class RowContext(Context):
    """The row of a source: columns, row functions, wildcards. Notes in the source which columns are needed."""

    def __init__(self, environment: Environment, text: str, source: Source) -> None:
        super().__init__(environment, text)
        self.source = source

    def place(self) -> str:
        return f" in dataset '{self.source.name}'" if self.source.name else ""

    def resolve(self, path: Path) -> Path:
        if self.source.name is not None and len(path) > 1 and path[0] == self.source.name:
            return Path(path[1:])
        return path

    def column(self, path: Path) -> Code:
        name = self.resolve(path)
        self.source.need(name)
        known = self.source.columns
        if known is not None:
            deeper = any(len(column) > len(name) and column[: len(name)] == name for column in known)
            if not deeper:
                return Code(atom_reader(name)) if name in known else Code(lambda _: MISSING)
        return Code(lambda scope: scope.find(name))

    def cells(self, path: Path) -> Cells | None:
        name = self.resolve(path)
        self.source.need(name)
        return lambda scope: scope.cells_at(name)

    def names_below(self, path: Path, name: Path) -> Sequence[Path] | None:
        known = self.source.columns
        if known is None:
            return None
        full = self.resolve(path)
        if full in known:
            return (name,)
        deeper = [name + column[len(full) :] for column in known if len(column) > len(full) and column[: len(full)] == full]
        return deeper or (name,)

    def wildcard(self, item: tree.Wildcard, *, top: bool) -> tuple[Path, Source | None]:
        prefix = item.prefix
        name = self.source.name
        if name is not None and prefix and prefix[0] == name and (item.dotted or len(prefix) > 1):
            prefix = Path(prefix[1:])
        self.source.need_prefix(prefix)
        return prefix, self.source

    def call(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        return self._row_function(node, arguments) or super().call(node, arguments)

    def _row_function(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        function = node.name[-1]
        if len(node.name) == 2:
            return self._qualified(node.name[0], function)
        if function in _JOIN_FUNCTIONS:
            return self._join_function(function)
        if function == "rowPathElement":
            codes = arguments()
            if len(codes) != 1:
                raise QueryError(f"Binding builtin function rowPathElement: expected 1 argument, got {len(codes)}")
            place = codes[0].run
            return Code(lambda scope: (path_place(scope.name, to_integer(place(scope)[0])), ALWAYS))
        if function == "columnCount":
            self.source.need_prefix(Path())
            return Code(lambda scope: (len({c.column for c in scope.cells}), latest_of([c.time for c in scope.cells])))
        run = NAME_FUNCTIONS.get(function)
        return None if run is None else Code(lambda scope: (run(scope.name), ALWAYS))

    def _qualified(self, alias: str, function: str) -> Code | None:
        run = NAME_FUNCTIONS.get(function)
        if run is None:
            return None
        if alias == self.source.name:
            return Code(lambda scope: (run(scope.name), ALWAYS))
        if alias not in self.source.aliases:
            raise QueryError(f"Unknown dataset {alias}")

        def of_side(scope: Scope) -> Valued:
            assert scope.joined is not None
            return run(scope.joined.by_alias.get(alias) or Path()), ALWAYS

        return Code(of_side)

    def _join_function(self, function: str) -> Code:
        if not self.source.is_join:
            raise QueryError(f"Function '{function}' is not available outside of a join")
        side, run = (
            ("left" if function.startswith("left") else "right"),
            NAME_FUNCTIONS["rowName" if function.endswith("Name") else "rowPath"],
        )
        return Code(lambda scope: (run(getattr(scope.joined, side) or Path()), ALWAYS))


NAME_FUNCTIONS: dict[str, Callable[[Path], Any]] = {"rowName": str, "rowPath": lambda path: path, "rowHash": row_hash}


class WhenContext(RowContext):
    """WHEN: also the time of the value under test."""

    uses_time = False

    def call(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        if tuple(node.name) == ("value_timestamp",):
            self.uses_time = True
            return Code(lambda scope: (Timestamp(scope.value_time), scope.value_time))
        return super().call(node, arguments)


class OutputContext(Context):
    """ORDER BY: names of the output row first (all that there can be, if known), then whatever `inner` says."""

    def __init__(self, inner: Context, names: Sequence[Path] | None = None) -> None:
        super().__init__(inner.environment, inner.text)
        self._inner = inner
        self._names = names

    def resolve(self, path: Path) -> Path:
        return self._inner.resolve(path)

    def replaced(self, node: tree.Expression) -> Code | None:
        return self._inner.replaced(node)

    def wildcard(self, item: tree.Wildcard, *, top: bool) -> tuple[Path, Source | None]:
        return self._inner.wildcard(item, top=top)

    def call(self, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code | None:
        return self._inner.call(node, arguments)

    def place(self) -> str:
        return self._inner.place()

    def column(self, path: Path) -> Code:
        try:
            inner: Evaluate = self._inner.column(path).run
        except QueryError as error:
            refusal = error

            def inner(scope: Any) -> Valued:
                raise refusal

        if self._names is not None and not any(name[: len(path)] == path for name in self._names):
            return Code(inner)

        def run(scope: Any) -> Valued:
            output = scope.output
            return output.find(path) if output.has(path) else inner(scope)

        return Code(run)


class MembersContext(Context):
    """`e[here]`: the members of a value are the columns."""

    def column(self, path: Path) -> Code:
        return Code(lambda scope: scope.find(path))

    def cells(self, path: Path) -> Cells | None:
        return lambda scope: scope.cells_at(path)

    def wildcard(self, item: tree.Wildcard, *, top: bool) -> tuple[Path, Source | None]:
        return item.prefix, None


class ConstantContext(Context):
    """`row_dataset(here)`: literals, functions and parameters, no columns."""

"""The half of a pod that works with tables and code: types, collections, queries, in-server Python.

The table engine and the types that stand on it are imported when they are first asked for: a script that only prints, or an owner who only
keeps items, does not wait half a second for them, nor hold their memory.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from datapod_server.entities.collection import Collection, Making
from datapod_server.entities.config import Config, automatic_id
from datapod_server.entities.records import Records
from datapod_server.entities.runs import ProcedureEntity
from datapod_server.entities.types import TypeRegistry, decode_params
from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation, Perform
from datapod_server.principal import OWNER, Principal
from datapod_server.storage.keys import SubKey
from datapod_server.vfs import Vfs
from datapod_server.workers.parameters import PythonPluginParams, WorkerSettings
from datapod_server.workers.plugin import Plugin, load_plugin
from datapod_server.workers.services import Services
from datapod_server.workers.workers import Workers
from datapod_server.workers.zygote import Zygote

if TYPE_CHECKING:
    from datapod_server.datasets import Dataset
    from datapod_server.procedures.workbench import LineExpressions, LineProgram, Output, QueryRows, Workbench
    from datapod_server.sql.queries import Queries
    from datapod_server.sql.tables import Resolve, Table, UserFunction
    from datapod_server.storage.engine import Engine

_STORES = ("items.sqlite", "tables.duckdb", "files", "runs")  # what rooms keep in a pod's folder; the rest is for URLs, too


class ItemTables(Protocol):
    """Items and edges as tables."""

    def items_table(self, item_type: str | None, principal: Principal, words: str | None = None) -> Table: ...

    def edges_table(self, name: str | None, principal: Principal) -> Table: ...

    def note_dataset(self, dataset: str, principal: Principal) -> None:
        """For the audit record: a query of this principal reads the dataset."""
        ...


class PluginKind:
    """The one type of in-server plugins."""

    name = "python"
    params = PythonPluginParams
    summary = "Load plugins or run scripts written in the Python language"


class Workshop:
    """Opened by the pod when it is first asked for, or at once if entities are to come back."""

    def __init__(
        self,
        directory: Path | None,
        tables_key: SubKey,
        records: Records,
        items: ItemTables,
        *,
        perform: Perform,
        zygote: Zygote | None,
        settings: WorkerSettings,
    ) -> None:
        self._directory = directory
        self._tables_key = tables_key
        self._items = items
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._own_zygote = None if zygote is not None else Zygote.start()
        hidden = [Path("/proc"), *map(Path, settings.hidden)]  # in /proc are the environment and the open files of the server
        self.vfs = Vfs(directory, hidden, () if directory is None else _STORES)
        self.types: dict[str, TypeRegistry[Any]] = {
            "datasets": TypeRegistry("datasets", _register_datasets),
            "procedures": TypeRegistry("procedures", _register_procedures),
            "functions": TypeRegistry("functions", _register_functions),
            "plugins": TypeRegistry("plugins", lambda types: types.add(PluginKind)),
        }
        self.datasets = Collection("datasets", self.types["datasets"], _Datasets(self), records)
        self.procedures = Collection("procedures", self.types["procedures"], _Procedures(self), records)
        self.functions = Collection("functions", self.types["functions"], _Functions(), records)
        self.plugins = Collection("plugins", self.types["plugins"], _Plugins(self), records)
        services = Services(self.datasets.ready, self.vfs, self._set_optimization_level)
        self.workers = Workers(zygote or self._started_zygote(), perform, services, settings, directory)
        for collection in self._collections():
            collection.restore()

    @cached_property
    def workbench(self) -> Workbench:
        """What procedures get handed in."""
        from datapod_server.procedures.workbench import Workbench

        return Workbench(self.vfs, self.create_output, self._run_query, self._bind_lines)

    @property
    def engine(self) -> Engine:
        """The table engine, opened when it is first needed. Raises `Unauthorized` for a wrong key."""
        from datapod_server.datasets import drop_unreferenced
        from datapod_server.storage.engine import Engine

        with self._lock:
            if self._engine is None:
                path = None if self._directory is None else self._directory / "tables.duckdb"
                self._engine = Engine.open(path, None if path is None else self._tables_key)
                drop_unreferenced(self._engine, self.datasets.data_keys())
            return self._engine

    @cached_property
    def queries(self) -> Queries:
        """SQL over datasets, items and edges."""
        from datapod_server.sql.queries import Queries

        return Queries(Resolver(self, self._items), self.engine, self._resolve_for)

    def _resolve_for(self, principal: Principal) -> Resolve:
        from datapod_server.sql.narrowed import Narrowed

        resolver = Resolver(self, self._items)
        if principal.rights is None and principal.run_id is None:
            return resolver
        return Narrowed(resolver, principal.rights, lambda name: self._items.note_dataset(name, principal))

    def create_output(self, entity_id: str | None, kind_name: str, params: Mapping[str, Any]) -> Output:
        """A dataset to be built beside the one that it may replace."""
        config = Config(entity_id or automatic_id(), kind_name, dict(params) or None, generated=not entity_id)
        kind = self.types["datasets"].get(kind_name)
        key = _new_key()
        dataset = kind.create(decode_params(config.params, kind), self.place(key))
        return BuiltOutput(self.datasets, config, dataset, key)

    def place(self, key: str) -> Any:
        """Where the data of a dataset lives."""
        from datapod_server.datasets import DatasetPlace

        return DatasetPlace(self.engine, key)

    def close(self) -> None:
        """Close code first, then what it used."""
        for collection in reversed(self._collections()):
            collection.close()
        self.workers.close()
        if self._own_zygote is not None:
            self._own_zygote.close()
        with self._lock:
            if self._engine is not None:
                self._engine.close()
        self._tables_key.wipe()

    def _collections(self) -> tuple[Collection, ...]:
        """In the order in which they come back: what others stand on first."""
        return self.datasets, self.functions, self.plugins, self.procedures

    def _started_zygote(self) -> Zygote:
        assert self._own_zygote is not None  # noqa: S101 - made above where none was given
        return self._own_zygote

    def _set_optimization_level(self, level: str) -> None:
        self.queries.set_optimization_level(level)

    @staticmethod
    def is_builtin_function(name: str) -> bool:
        """Whether a function entity of this name would hide one of the language."""
        from datapod_server.sql.builtins import BUILT_IN

        return name in BUILT_IN

    def _run_query(self, query: str | dict[str, Any], cancellation: Cancellation) -> QueryRows:
        from datapod_server.procedures.workbench import QueryRows

        if isinstance(query, str):
            result = self.queries.run(query, principal=OWNER, cancellation=cancellation)
        else:
            result = self.queries.run_clauses(query, principal=OWNER, cancellation=cancellation)
        return QueryRows(iter(result.rows()), result.plain)

    def _bind_lines(self, expressions: LineExpressions) -> LineProgram:
        return self.queries.bind_lines(expressions)


class BuiltOutput:
    """See `procedures.workbench.Output`."""

    def __init__(self, collection: Collection, config: Config, dataset: Dataset, key: str) -> None:
        self._collection = collection
        self._config = config
        self._dataset = dataset
        self._key = key

    @property
    def dataset(self) -> Dataset:
        return self._dataset

    def publish(self) -> None:
        self._dataset.commit()
        self._collection.adopt(self._config, self._dataset, self._key)

    def discard(self) -> None:
        self._dataset.drop()


class Resolver:
    """How queries find what they name."""

    def __init__(self, workshop: Workshop, items: ItemTables) -> None:
        self._workshop = workshop
        self._items = items

    def dataset(self, name: str) -> Table:
        found: Table = self._workshop.datasets.named(name)
        return found

    def configured(self, config: Mapping[str, Any]) -> Table:
        """A dataset by its configuration: the existing one of that id, else one that is made and kept."""
        entity_id = config.get("id")
        if isinstance(entity_id, str) and (self._workshop.datasets.find(entity_id) is not None or "type" not in config):
            return self.dataset(entity_id)
        if not isinstance(config.get("type"), str):
            raise Invalid("a dataset in a query is a name, or an object with id or type")
        entry = self._workshop.datasets.create(
            Config(entity_id or automatic_id(), str(config["type"]), config.get("params"), generated=not entity_id)
        )
        table: Table = entry.live
        return table

    def items(self, item_type: str | None, principal: Principal, words: str | None = None) -> Table:
        return self._items.items_table(item_type, principal, words)

    def edges(self, name: str | None, principal: Principal) -> Table:
        return self._items.edges_table(name, principal)

    def function(self, name: str) -> UserFunction | None:
        if self._workshop.functions.find(name) is None:
            return None
        found: UserFunction = self._workshop.functions.named(name)
        return found


class _Datasets:
    """The nature of datasets: data in the engine under a key of its own."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def new_key(self) -> str:
        return _new_key()

    def build(self, making: Making) -> Dataset:
        dataset: Dataset = making.kind.create(making.params, self._workshop.place(making.data_key))
        return dataset

    def status(self, live: Dataset) -> dict[str, Any]:
        return live.status()

    def retire(self, live: Dataset) -> None:
        live.drop()

    def remove(self, live: Dataset) -> None:
        live.drop()

    def close(self, live: Dataset) -> None:
        """The engine closes all of them."""


class _Procedures:
    """The nature of procedures: made from their configuration, runs in memory."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def new_key(self) -> str:
        return ""

    def build(self, making: Making) -> ProcedureEntity:
        runnable = making.kind.create(making.params, self._workshop.workbench)
        return ProcedureEntity(making.config.id, making.kind, making.config.params, runnable)

    def status(self, live: ProcedureEntity) -> None:
        return None

    def retire(self, live: ProcedureEntity) -> None:
        live.close()

    def remove(self, live: ProcedureEntity) -> None:
        live.close()

    def close(self, live: ProcedureEntity) -> None:
        live.close()


class _Functions:
    """The nature of functions."""

    def new_key(self) -> str:
        return ""

    def build(self, making: Making) -> Any:
        return making.kind.create(making.params)

    def status(self, live: Any) -> Any:
        return live.status()

    def retire(self, live: Any) -> None:
        """Nothing is held."""

    def remove(self, live: Any) -> None:
        """Nothing is held."""

    def close(self, live: Any) -> None:
        """Nothing is held."""


class _Plugins:
    """The nature of plugins: a worker process and an installed folder."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def new_key(self) -> str:
        return ""

    def build(self, making: Making) -> Plugin:
        return load_plugin(
            self._workshop.workers, making.config.id, making.params, restored=making.restored, cancellation=making.cancellation
        )

    def status(self, live: Plugin) -> Any:
        return live.status()

    def retire(self, live: Plugin) -> None:
        live.close()

    def remove(self, live: Plugin) -> None:
        live.remove()

    def close(self, live: Plugin) -> None:
        live.close()


def _register_datasets(types: TypeRegistry[Any]) -> None:
    from datapod_server import datasets

    datasets.register(types)


def _register_procedures(types: TypeRegistry[Any]) -> None:
    from datapod_server import procedures

    procedures.register(types)


def _register_functions(types: TypeRegistry[Any]) -> None:
    from datapod_server import functions

    functions.register(types)


def _new_key() -> str:
    return secrets.token_hex(8)


__all__: Sequence[str] = ("BuiltOutput", "ItemTables", "Resolver", "Workshop")

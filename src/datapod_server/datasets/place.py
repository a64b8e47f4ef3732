"""Where the data of a dataset lives: an engine and a key. The table `datasets` in the engine knows every key and the state of its data.

A key is not the dataset's id: a dataset that is built to replace another has a key of its own, and the swap is a change of the
entity's record.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec
from msgspec import Struct
from sqlglot import exp

from datapod_server.storage.engine import Engine, Transaction

_KEY = re.compile(r"[0-9a-z]{1,32}")
_CATALOGUE = "datasets"


class DatasetPlace(Struct, frozen=True):
    """Handed to a dataset kind's `create`: it makes the data if the engine does not know the key, and finds it again if it does."""

    engine: Engine
    key: str

    def table(self, suffix: str) -> str:
        """The engine's name of one of the dataset's tables."""
        return f"{table_prefix(self.key)}{suffix}"

    def find_state(self) -> bytes | None:
        """What `save_state` wrote last, in JSON; None for a key that is new."""
        create_catalogue(self.engine)
        query = exp.select(exp.column("state", quoted=True)).from_(_catalogue()).where(exp.column("key", quoted=True).eq(exp.Placeholder()))
        rows = self.engine.fetch(query, [self.key])
        return rows[0][0].encode() if rows else None

    def save_state(self, transaction: Transaction, state: Struct) -> None:
        """Write the state of the data in the same transaction as the data."""
        self.forget_state(transaction)
        values = exp.values([(exp.Placeholder(), exp.Placeholder())])
        transaction.execute(exp.insert(values, _catalogue()), [self.key, msgspec.json.encode(state).decode()])

    def forget_state(self, transaction: Transaction) -> None:
        transaction.execute(exp.delete(_catalogue(), where=exp.column("key", quoted=True).eq(exp.Placeholder())), [self.key])


def table_prefix(key: str) -> str:
    """What the names of all tables of a key start with. A key is made by the house; anything else is a fault of the caller."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"no key of a dataset: {key!r}")
    return f"d_{key}_"


def create_catalogue(engine: Engine) -> None:
    """Make the table of keys if this tables file is new."""
    if engine.fetch(_tables_named(exp.column("table_name").eq(exp.Literal.string(_CATALOGUE)))):
        return
    columns = [exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=exp.DataType.build("text")) for name in ("key", "state")]
    engine.execute(exp.Create(this=exp.Schema(this=_catalogue(), expressions=columns), kind="TABLE", exists=True))


def drop_data(engine: Engine, key: str) -> None:
    """Remove the data of a key; an unknown key is fine."""
    with engine.transaction() as transaction:
        prefix = exp.Literal.string(table_prefix(key))
        found = transaction.fetch(_tables_named(exp.StartsWith(this=exp.column("table_name"), expression=prefix)))
        for name, kind in sorted(found, key=lambda entry: entry[1] != "VIEW"):  # views first: they stand on tables
            table = exp.Table(this=exp.to_identifier(name, quoted=True))
            transaction.execute(exp.Drop(tables=[table], kind="VIEW" if kind == "VIEW" else "TABLE"))
        DatasetPlace(engine, key).forget_state(transaction)


def drop_unreferenced(engine: Engine, keys: Collection[str]) -> None:
    """Remove the data of all keys but these: what a crash left between the engine and the record of the dataset."""
    create_catalogue(engine)
    for (key,) in engine.fetch(exp.select(exp.column("key", quoted=True)).from_(_catalogue())):
        if key not in keys:
            drop_data(engine, key)


def _catalogue() -> exp.Table:
    return exp.Table(this=exp.to_identifier(_CATALOGUE, quoted=True))


def _tables_named(condition: exp.Expression) -> exp.Select:
    mine = exp.column("table_catalog").eq(exp.Literal.string("data"))
    return exp.select("table_name", "table_type").from_("information_schema.tables").where(mine, condition)

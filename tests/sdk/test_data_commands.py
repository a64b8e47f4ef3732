"""`datapod schema` and `datapod dataset`, as processes, against a real server where one is needed."""

from __future__ import annotations

import csv
import json

import pytest

from datapod import PodClient
from datapod.schema import Dataset, DatasetEntry, Message

LIBRARY = (
    "from datapod import Item\nfrom datapod.declaration import Prop\nfrom typing import Annotated\n"
    "class Book(Item):\n    title: str | None = None\n"
    "    pages: Annotated[{kind} | None, Prop(description='printed', alias='leaves')] = None\n"
)


@pytest.fixture
def ask(command, server):
    def run(*arguments):
        return command(*arguments, DATAPOD_HOME=str(server.home), POD_ADDRESS=server.address)

    return run


def test_a_schema_is_shown_checked_and_pushed(ask, tmp_path, server):
    (tmp_path / "library.py").write_text(LIBRARY.format(kind="int"))
    shown = ask("schema", "show", "library:Book")
    assert shown.returncode == 0, shown.stderr
    (book,) = json.loads(shown.stdout)
    assert (book["properties"]["pages"], book["descriptions"], book["aliases"]) == ("Integer", {"pages": "printed"}, {"pages": "leaves"})
    assert ask("schema", "check", "library").stdout == "1 item types are fine.\n"
    assert ask("schema", "push", "library").stdout == "1 item types registered.\n"
    stored = server.v4("search", {"type": "ItemPropertySchema", "propertyName": "pages"}).json()
    assert [entry["valueType"] for entry in stored] == ["Integer"]


def test_a_changed_type_is_refused_by_check_and_by_the_pod_with_advice(ask, tmp_path):
    (tmp_path / "library.py").write_text(LIBRARY.format(kind="int"))
    (tmp_path / "released.json").write_text(ask("schema", "show", "library").stdout)
    assert ask("schema", "push", "library").returncode == 0
    (tmp_path / "library.py").write_text(LIBRARY.format(kind="str"))
    checked = ask("schema", "check", "library", "--since", "released.json")
    assert checked.returncode == 1 and "Book.pages is Text now and was Integer" in checked.stderr and "new name" in checked.stderr
    pushed = ask("schema", "push", "library")
    assert pushed.returncode == 1 and "already defined to type Integer" in pushed.stderr and "new name" in pushed.stderr


def test_a_module_that_is_not_there_is_one_line(ask):
    done = ask("schema", "check", "no_such_module")
    assert (done.returncode, done.stderr) == (1, "There is no module no_such_module\n")


def test_data_sets_of_items_and_of_tables_are_exported(ask, tmp_path, server):
    with PodClient(server.address, database_key=server.database_key, owner_key=server.owner_key) as client:
        dataset, message = Dataset(name="labels"), Message(content='a "b"\nc')
        entries = [DatasetEntry(), DatasetEntry()]
        edges = [*(dataset.add_edge("entry", entry) for entry in entries), entries[0].add_edge("data", message)]
        assert client.bulk_action(create_items=[dataset, message, *entries], create_edges=edges)
    done = ask("dataset", "export", "--items", "labels", "--columns", "data.content", "--out", "out.csv")
    assert (done.returncode, done.stdout) == (0, "1 rows written to out.csv\n"), done.stderr
    assert list(csv.reader((tmp_path / "out.csv").read_text().splitlines(keepends=True))) == [
        ["id", "data.content"],
        [entries[0].id, 'a "b"\nc'],
    ]
    assert ask("dataset", "export", "--items", "labels", "--columns", "data.content", "--all-rows", "--out", "o.json").returncode == 0
    assert len(json.loads((tmp_path / "o.json").read_text())) == 2
    server.v1("PUT", "/v1/datasets/sales", {"type": "sparse.mutable"})
    server.v1("POST", "/v1/datasets/sales/rows", {"rowName": "r", "columns": [["day", 1, 0], ["total", 2.5, 0]]})
    server.v1("POST", "/v1/datasets/sales/commit")
    done = ask("dataset", "export", "sales", "--columns", "total", "--out", "sales.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "sales.json").read_text()) == [{"_rowName": "r", "total": 2.5}]
    assert ask("dataset", "export", "--out", "x.csv").returncode == 2

"""Helpers of the oldest importers and indexers, and of files."""

from __future__ import annotations

import zipfile

from tests.sdk.test_client import Book

from datapod.importers import ImporterBase, IndexerBase
from datapod.old_files import get_ci_variables, get_project_root, read_json, unzip, write_json
from datapod.schema import BUILT_IN


def test_an_importer_tells_its_progress(client, pod, capsys):
    run = BUILT_IN["IndexerRun"]()
    client.create(run)
    ImporterBase.update_progress(client, run, 0.5, total="mails")
    ImporterBase.update_run_status(client, run, "busy")
    ImporterBase.update_progress_message(client, run, "half way", verbose=False)
    assert capsys.readouterr().out == "PROGRESS: Importing 50% of mails \n"
    assert (pod.items[run.id]["progress"], pod.items[run.id]["runStatus"], pod.items[run.id]["progressMessage"]) == (
        0.5,
        "busy",
        "half way",
    )


def test_an_indexer_reads_and_adds(client, pod):
    class Counter(IndexerBase):
        def get_data(self, client, run):
            return client.search({"type": "Book"})

        def index(self, data, run, client):
            for book in data:
                book.pages = len(book.title)
            return [*data, Book(title="index")]

    client.create(Book(title="four"))
    Counter().run(None, client)
    assert sorted((item["title"], item.get("pages")) for item in pod.items.values() if item["type"] == "Book") == [
        ("four", 4),
        ("index", None),
    ]


def test_small_files_and_variables(tmp_path, monkeypatch):
    write_json({"a": 1}, tmp_path / "a.json")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.json", "b.json")
    unzip(tmp_path / "a.zip", tmp_path)
    assert read_json(tmp_path / "b.json") == {"a": 1}
    (tmp_path / "setup.py").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setenv("POD", "x")
    assert get_project_root() == tmp_path and get_ci_variables("POD", "NOPE") == {"POD": "x", "NOPE": None}

"""The encrypted SQLite file."""

from __future__ import annotations

import hashlib
import threading

import pytest

from datapod_server.errors import Unauthorized, Unavailable
from datapod_server.storage.keys import DatabaseKey, Purpose
from datapod_server.storage.sqlite import Database


def key(text="ab" * 32):
    return DatabaseKey.parse(text).derive(Purpose.ITEMS)


def count(database):
    with database.read() as connection:
        return connection.execute("SELECT count(*) FROM t").fetchone()[0]


@pytest.fixture(params=["file", "memory"])
def database(request, tmp_path):
    opened = Database.open(tmp_path / "items.sqlite" if request.param == "file" else None, key())
    with opened.write() as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
    yield opened
    opened.close()
    opened.close()


def test_a_write_that_raises_leaves_nothing(database):
    with pytest.raises(ValueError, match="stop"), database.write() as connection:
        connection.execute("INSERT INTO t VALUES ('x')")
        raise ValueError("stop")
    assert count(database) == 0


def test_a_write_inside_a_write_is_part_of_it(database):
    with pytest.raises(ValueError, match="stop"), database.write():
        with database.write() as connection:
            connection.execute("INSERT INTO t VALUES ('x')")
        raise ValueError("stop")
    assert count(database) == 0


def test_many_threads_write_and_read(database):
    def work():
        for _ in range(20):
            with database.write() as connection:
                connection.execute("INSERT INTO t VALUES ('x')")
            count(database)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 160


def test_readers_see_the_last_commit_while_a_write_is_under_way(tmp_path):
    database = Database.open(tmp_path / "items.sqlite", key())
    with database.write() as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
    with database.write() as connection:
        connection.execute("INSERT INTO t VALUES ('x')")
        counted = []
        reader = threading.Thread(target=lambda: counted.append(count(database)))
        reader.start()
        reader.join(5)
        assert counted == [0]
    assert count(database) == 1
    database.close()


def test_nothing_readable_reaches_the_disk_and_a_wrong_key_changes_nothing(tmp_path):
    path = tmp_path / "items.sqlite"
    database = Database.open(path, key())
    with database.write() as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.execute("INSERT INTO t VALUES ('planted plaintext')")
    for file in tmp_path.iterdir():
        assert b"planted" not in file.read_bytes()
        assert b"CREATE TABLE" not in file.read_bytes()
    before = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.iterdir()}
    with pytest.raises(Unauthorized, match="Failed to open the database file"):  # beside an open journal
        Database.open(path, key("cd" * 32))
    assert {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.iterdir()} == before
    database.close()
    with pytest.raises(Unauthorized):
        Database.open(path, key("cd" * 32))
    assert [file.name for file in tmp_path.iterdir()] == ["items.sqlite"]
    assert count(Database.open(path, key())) == 1


def test_a_reader_that_stops_halfway_leaves_no_old_state_behind(tmp_path):
    database = Database.open(tmp_path / "items.sqlite", key())
    with database.write() as connection:
        connection.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3)")
    kept = []
    with database.read() as connection:
        cursor = connection.execute("SELECT x FROM t")
        kept.append((cursor, next(cursor)))
    with database.write() as connection:
        connection.execute("DELETE FROM t")
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    database.close()


def test_closing_breaks_off_what_another_thread_still_reads(tmp_path):
    database = Database.open(tmp_path / "items.sqlite", key())
    with database.write() as connection:
        connection.execute("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')")
    reading, failures = threading.Event(), []

    def read_for_ever():
        try:
            with database.read() as connection:
                reading.set()
                endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
                connection.execute(endless).fetchall()
        except Unavailable as error:
            failures.append(str(error))

    reader = threading.Thread(target=read_for_ever)
    reader.start()
    reading.wait(10)
    while reader.is_alive() and not failures:
        database.close()  # again and again: the statement may not have begun at the first call
        reader.join(0.05)
    assert failures == ["this pod was locked; ask again"]
    database.close()
    reopened = Database.open(tmp_path / "items.sqlite", key())
    assert count(reopened) == 1
    reopened.close()


def test_a_file_whose_checkpoint_was_cut_short_opens_with_its_journal_and_not_with_a_wrong_key(tmp_path):
    database = Database.open(tmp_path / "items.sqlite", key())
    with database.write() as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,) for _ in range(500)])
    torn = tmp_path / "torn"
    torn.mkdir()
    journal = (tmp_path / "items.sqlite-wal").read_bytes()
    database.close()  # moves the journal into the file
    # Of the checkpoint only the first page arrived; the journal is still whole.
    (torn / "items.sqlite").write_bytes((tmp_path / "items.sqlite").read_bytes()[:4096])
    (torn / "items.sqlite-wal").write_bytes(journal)
    with pytest.raises(Unauthorized):
        Database.open(torn / "items.sqlite", key("cd" * 32))
    assert (torn / "items.sqlite-wal").read_bytes() == journal
    reopened = Database.open(torn / "items.sqlite", key())
    assert count(reopened) == 500
    reopened.close()

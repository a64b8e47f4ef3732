"""The table engine: encrypted, durable, interruptible, and nothing but its own file."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading

import pyarrow
import pytest
from sqlglot import exp, parse_one

from datapod_server.errors import Failed, Unauthorized
from datapod_server.messages import Cancellation, Cancelled
from datapod_server.storage.engine import Engine
from datapod_server.storage.keys import DatabaseKey, Purpose, SubKey

PLANTED = "plantedsecret"


def sql(text: str) -> exp.Expression:
    return parse_one(text, dialect="duckdb")


def key(digits: str = "ab") -> SubKey:
    return DatabaseKey.parse(digits * 32).derive(Purpose.TABLES)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "tables.duckdb"


def files(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_written_is_read_again_after_reopening(path):
    engine = Engine.open(path, key())
    engine.execute(sql("CREATE TABLE t (a BIGINT, b VARCHAR)"))
    engine.append("t", pyarrow.table({"b": ["x", "y"], "a": [1, 2]}))
    engine.close()
    engine.close()
    again = Engine.open(path, key())
    assert again.run(sql("SELECT * FROM t ORDER BY a")).read_all().to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    again.close()


def test_values_travel_as_parameters():
    engine = Engine.open(None)
    hostile = "'; DROP TABLE t; --"
    assert engine.run(sql("SELECT ? AS a"), [hostile]).read_all().to_pylist() == [{"a": hostile}]


def test_a_wrong_key_is_refused_and_nothing_is_created_or_changed(path):
    engine = Engine.open(path, key())
    engine.execute(sql("CREATE TABLE t AS SELECT 1 AS a"))
    engine.close()
    before = files(path.parent)
    with pytest.raises(Unauthorized, match=r"^Failed to open the database file$") as caught:
        Engine.open(path, key("cd"))
    assert files(path.parent) == before
    assert caught.value.__suppress_context__  # the engine's own error quotes the statement, and with it the key
    Engine.open(path, key()).close()


def test_a_damaged_file_is_a_clear_error_without_the_key_in_it(path):
    path.write_bytes(os.urandom(100_000))
    with pytest.raises((Failed, Unauthorized)) as caught:
        Engine.open(path, key())
    assert key().hex() not in repr(caught.value)


def test_no_plaintext_is_on_disk_while_the_engine_runs_or_spills(path):
    engine = Engine.open(path, key(), memory_limit_bytes=80_000_000, threads=1)
    engine.execute(sql(f"CREATE TABLE t AS SELECT '{PLANTED}' || i::VARCHAR || hash(i)::VARCHAR AS a FROM range(1500000) r(i)"))
    engine.append("t", pyarrow.table({"a": [f"{PLANTED} in the log"]}))
    reader = engine.run(sql("SELECT a, row_number() OVER (ORDER BY a DESC) AS n FROM t ORDER BY a"))
    reader.read_next_batch()
    found = files(path.parent)
    assert any("spill" in name for name in found), "the query was meant to be larger than memory"
    assert any(name.endswith(".wal") and content for name, content in found.items())
    assert [name for name, content in found.items() if PLANTED.encode() in content] == []
    reader.close()
    engine.close()


def test_what_was_answered_is_there_after_a_kill(path):
    program = textwrap.dedent("""
        import pathlib, pyarrow, sys
        from sqlglot import parse_one
        from datapod_server.storage.engine import Engine
        from datapod_server.storage.keys import DatabaseKey, Purpose

        engine = Engine.open(pathlib.Path(sys.argv[1]), DatabaseKey.parse("ab" * 32).derive(Purpose.TABLES))
        engine.execute(parse_one("CREATE TABLE IF NOT EXISTS t (a BIGINT, b VARCHAR)"))
        number = engine.fetch(parse_one("SELECT count(*) FROM t"))[0][0]
        while True:
            engine.append("t", pyarrow.table({"a": [number, number], "b": ["plantedsecret"] * 2}))
            number += 2
            print(number, flush=True)
    """)
    answered = 0
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
            for _, line in zip(range(30), process.stdout, strict=False):
                answered = int(line)
            process.send_signal(signal.SIGKILL)
            answered = max([answered, *(int(line) for line in process.stdout.read().split())])
        assert [name for name, content in files(path.parent).items() if PLANTED.encode() in content] == []
    engine = Engine.open(path, key())
    ((count, pairs),) = engine.fetch(sql("SELECT count(*), count(DISTINCT a) FROM t"))
    assert answered <= count <= answered + 2
    assert count == 2 * pairs, "no append is half there"
    engine.close()


def test_the_engine_reaches_no_other_file(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    engine = Engine.open(tmp_path / "t.duckdb", key())
    for text in (
        f"SELECT * FROM read_csv('{tmp_path}/x.csv')",
        f'SELECT * FROM "{tmp_path}/x.csv"',
        f"ATTACH '{tmp_path}/other.db' AS other",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(Failed):
            engine.execute(sql(text))
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "other.db").exists()
    engine.close()


def test_a_failed_transaction_leaves_nothing_and_the_engine_goes_on():
    engine = Engine.open(None)
    engine.execute(sql("CREATE TABLE t (a BIGINT)"))
    with pytest.raises(ZeroDivisionError), engine.transaction() as transaction:
        transaction.append("t", pyarrow.table({"a": [1]}))
        raise ZeroDivisionError
    with pytest.raises(Failed), engine.transaction() as transaction:
        transaction.append("t", pyarrow.table({"a": [1]}))
        transaction.execute(sql("SELECT no_such_column FROM t"))
    engine.append("t", pyarrow.table({"a": [2]}))
    assert engine.fetch(sql("SELECT * FROM t")) == [(2,)]


def test_two_writers_at_once_both_get_their_rows_in():
    engine = Engine.open(None)
    engine.execute(sql("CREATE TABLE t (a BIGINT)"))

    def write(start: int) -> None:
        for number in range(start, start + 50):
            engine.append("t", pyarrow.table({"a": [number]}))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.fetch(sql("SELECT count(*), count(DISTINCT a) FROM t")) == [(150, 150)]


def test_a_reader_keeps_the_state_of_its_start_while_rows_arrive():
    engine = Engine.open(None)
    engine.execute(sql("CREATE TABLE t AS SELECT i AS a FROM range(500000) r(i)"))
    reader = engine.run(sql("SELECT a FROM t"))
    first = reader.read_next_batch().num_rows
    engine.append("t", pyarrow.table({"a": [-1]}))
    assert first + sum(batch.num_rows for batch in reader) == 500_000


def test_a_wish_to_stop_ends_a_long_query_at_once():
    engine = Engine.open(None)
    cancellation = Cancellation()
    timer = threading.Timer(0.2, cancellation.request)
    timer.start()
    with pytest.raises(Cancelled):
        engine.run(sql("SELECT count(*) FROM range(100000000) a(i), range(100000) b(j)"), cancellation=cancellation).read_all()
    timer.join()
    assert engine.fetch(sql("SELECT 1")) == [(1,)]


def test_a_wish_to_stop_between_two_statements_rolls_back():
    engine = Engine.open(None)
    engine.execute(sql("CREATE TABLE t (a BIGINT)"))
    cancellation = Cancellation()
    with pytest.raises(Cancelled), engine.transaction(cancellation=cancellation) as transaction:
        transaction.append("t", pyarrow.table({"a": [1]}))
        cancellation.request()
    assert engine.fetch(sql("SELECT count(*) FROM t")) == [(0,)]


def test_a_full_disk_is_a_clear_error_and_loses_nothing(path):
    program = textwrap.dedent("""
        import pathlib, pyarrow, resource, signal, sys
        from sqlglot import parse_one
        from datapod_server.errors import Failed
        from datapod_server.storage.engine import Engine
        from datapod_server.storage.keys import DatabaseKey, Purpose

        engine = Engine.open(pathlib.Path(sys.argv[1]), DatabaseKey.parse("ab" * 32).derive(Purpose.TABLES))
        engine.execute(parse_one("CREATE TABLE t (a VARCHAR)"))
        engine.append("t", pyarrow.table({"a": ["kept"]}))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that may not grow fails like a disk that is full
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        import os
        try:
            engine.append("t", pyarrow.table({"a": [os.urandom(40).hex() for _ in range(400_000)]}))
        except Failed as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        engine.append("t", pyarrow.table({"a": ["after"]}))
        print(engine.fetch(parse_one("SELECT a FROM t")))
        engine.close()
    """)
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == [
        "the disk is full: nothing of this call was written; free some space and repeat it",
        "[('kept',), ('after',)]",
    ], done.stderr
    engine = Engine.open(path, key())
    assert engine.fetch(sql("SELECT a FROM t")) == [("kept",), ("after",)]
    engine.close()


def test_a_closed_engine_says_so():
    engine = Engine.open(None)
    engine.close()
    with pytest.raises(Failed, match="closed"):
        engine.run(sql("SELECT 1"))

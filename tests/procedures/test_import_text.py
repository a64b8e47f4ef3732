"""`import.text`: datasets-and-procedures.md, 4."""

from __future__ import annotations

import bz2
import gzip
import pathlib
import time
from typing import Any

import msgspec
import pytest
from bench import Bench

from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation, Cancelled
from datapod_server.procedures.import_text import ImportText, ImportTextParams, check_fields
from datapod_server.values.path import Path
from examples import flight_data

EXAMPLE = 'name,n,note\nann,1,"x, ""y"""\nbob,,\neve,7\n,,\n'


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


def run(bench: Bench, url: str, **params: Any) -> dict[str, Any]:
    decoded = msgspec.convert({"dataFileUrl": url, "outputDataset": "out", **params}, ImportTextParams)
    status, details = ImportText(decoded, bench.workbench()).run(decoded, lambda _: None, Cancellation())
    assert details is None
    return status


def imported(bench: Bench, content: str | bytes, **params: Any) -> list[tuple[str, dict[str, Any]]]:
    run(bench, bench.write("f.csv", content), **params)
    return bench.rows()


FOUR = [("2", {"name": "ann", "n": 1, "note": 'x, "y"'}), ("3", {"name": "bob"}), ("4", {"name": "eve", "n": 7}), ("5", {})]


@pytest.mark.parametrize(
    ("params", "names", "results"),
    [
        ({}, ["2", "3", "4", "5"], {"numLineErrors": 0, "rowCount": 4}),
        ({"limit": 2}, ["2", "3"], {"numLineErrors": 0, "rowCount": 2}),
        ({"limit": 0}, [], {"numLineErrors": 0, "rowCount": 0}),
        ({"offset": 1}, ["3", "4", "5"], {"numLineErrors": 0, "rowCount": 3}),
        ({"skipLineRegex": "bob.*"}, ["2", "4", "5"], {"numLineErrors": 0, "rowCount": 4}),
        ({"headers": ["a", "b", "c"]}, ["1", "2", "3", "4", "5"], {"numLineErrors": 0, "rowCount": 5}),
        ({"autoGenerateHeaders": True}, ["1", "2", "3", "4", "5"], {"numLineErrors": 0, "rowCount": 5}),
        ({"delimiter": "", "quoteChar": ""}, ["1", "2", "3", "4", "5"], {"numLineErrors": 0, "rowCount": 5}),
        ({"preHeaderOffset": 1}, ["3", "4", "5"], {"numLineErrors": 0, "rowCount": 3}),
    ],
)
def test_the_examples_of_the_chapter(bench, params, names, results):
    assert run(bench, bench.write("f.csv", EXAMPLE), **params) == results
    assert [name for name, _ in bench.rows()] == names


def test_the_rows_of_the_example(bench):
    assert imported(bench, EXAMPLE) == FOUR
    assert imported(bench, EXAMPLE, headers=["a", "b", "c"])[0] == ("1", {"a": "name", "b": "n", "c": "note"})
    assert imported(bench, EXAMPLE, autoGenerateHeaders=True)[0] == ("1", {"0": "name", "1": "n", "2": "note"})
    assert imported(bench, EXAMPLE, delimiter="", quoteChar="")[0] == ("1", {"lineText": "name,n,note"})
    assert imported(bench, "42\nx\n", delimiter="", quoteChar="", headers=["h"]) == [("1", {"h": 42}), ("2", {"h": "x"})]


def test_expressions_name_choose_and_stamp_lines(bench):
    assert run(bench, bench.write("f.csv", EXAMPLE), where="n IS NOT NULL", named="name") == {"numLineErrors": 0, "rowCount": 4}
    assert bench.rows() == [("ann", FOUR[0][1]), ("eve", FOUR[2][1])]
    assert bench.datasets["out"].timestamp_range() == (7.0, 7.0)


def test_cells_have_the_time_of_the_file(bench):
    import os

    url = bench.write("f.csv", EXAMPLE)
    os.utime(bench.folder / "f.csv", (1.0, 86400.0))
    run(bench, url)
    assert bench.datasets["out"].timestamp_range() == (86400.0, 86400.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7), ('"42"', 42), (" 5", 5), ("5 ,", "5 "), ("+5", 5), ("1_000", "1_000"), ('"1,5"', "1,5"), ("true", "true"),
        ("99999999999999999999", 2**63 - 1), ("-99999999999999999999", -(2**63)), ("1.5", 1.5), ("1e3", 1000), (".5", 0.5), ("5.", 5),
        ("0x1F", 31), ("inf", float("inf")), ("-Infinity", float("-inf")), ("1e400", float("inf")), ("-", "-"), ("=7", "=7"),
        ('="text"', "text"), ('="7"', 7), ('a"b', 'a"b'), ("2020-01-01", "2020-01-01"), ("ünï", "ünï"), ("nanx", "nanx"), ("", None),
        ('""', None), ("9007199254740993", 9007199254740993), ("1e", "1e"), ("0xg", "0xg"), ("--5", "--5"),
    ],
)  # fmt: skip
def test_the_type_is_decided_per_field(bench, text, value):
    line = text if "," in text.replace('"1,5"', "") else text + ","
    ((_, cells),) = imported(bench, f"x,y\n{line}\n")
    assert cells.get("x") == value
    assert type(cells.get("x")) is type(value)


@pytest.mark.parametrize("line", ["a,b", "a,b,", "a,b,c,", "a,b,c"])
def test_one_missing_last_field_and_one_surplus_delimiter_are_fine(bench, line):
    ((name, cells),) = imported(bench, f"x,y,z\n{line}\n")
    assert (name, {column: cells.get(column) for column in "xy"}) == ("2", {"x": "a", "y": "b"})


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        ("a", "not enough columns in row", 2),
        ("a,", "not enough columns in row", 3),
        ("a,b,c,d", "too many columns in row", 7),
        ("", "empty line", 1),
        ('a,"b', "Unclosed quoted CSV value", 5),
        ('a,"b"x,c', "Unclosed quoted CSV value", 6),
        ("  ", "not enough columns in row", 1),
    ],
)
def test_a_bad_line_fails_the_run_and_says_where(bench, line, reason, column):
    url = bench.write("x.csv", f"x,y,z\n1,2,3\n1,2,3\n{line}\n1,2,3\n")
    with pytest.raises(Invalid, match=r"^Error parsing CSV line$") as caught:
        run(bench, url)
    place = {"lineNumber": 4, "columnNumber": column, "line": line}
    context = {"error": f"Error parsing CSV row: {reason}", "details": place}
    assert caught.value.details == {"lineNumber": 4, "dataFileUrl": url, "context": context}
    assert "out" not in bench.datasets
    assert run(bench, url, ignoreBadLines=True) == {"numLineErrors": 1, "rowCount": 4}
    assert [name for name, _ in bench.rows()] == ["2", "3", "5"]


def test_extra_columns_can_be_ignored(bench):
    assert imported(bench, "x,y\n1,2,3,4\n5,6\n", ignoreExtraColumns=True) == [("2", {"x": 1, "y": 2}), ("3", {"x": 5, "y": 6})]


def test_other_quotes_and_delimiters(bench):
    assert imported(bench, "x,y\n#a,b#,2\n", quoteChar="#") == [("2", {"x": "a,b", "y": 2})]
    assert imported(bench, "x,y\n#a,b#,2\n", quotechar="#") == [("2", {"x": "a,b", "y": 2})]
    assert imported(bench, "x\ty\n1\t\n\t\n", delimiter="\t") == [("2", {"x": 1}), ("3", {})]
    assert imported(bench, 'x,y\n"a,b"\n', quoteChar="") == [("2", {"x": '"a', "y": 'b"'})]
    assert imported(bench, 'x,y\n="a",2\n', processExcelFormulas=False) == [("2", {"x": '="a"', "y": 2})]


def test_trailing_white_space_and_line_ends_of_windows_are_cut(bench):
    assert imported(bench, "x,y\r\n1,a  \r\n2,b\t\r\n") == [("2", {"x": 1, "y": "a"}), ("3", {"x": 2, "y": "b"})]
    assert imported(bench, "x,y\n1,a\n2,b\n\n\n\r\n") == [("2", {"x": 1, "y": "a"}), ("3", {"x": 2, "y": "b"})]
    assert imported(bench, "x\n1\n  \n2") == [("2", {"x": 1}), ("3", {}), ("4", {"x": 2})]


def test_multi_line_records_are_joined_with_a_blank_and_count_as_one_line(bench):
    content = 'x,y,z\n1,"first\nsecond",2\n3,4,5\n"open,\n'
    assert imported(bench, content, allowMultiLines=True) == [("2", {"x": 1, "y": "first second", "z": 2}), ("3", {"x": 3, "y": 4, "z": 5})]
    assert imported(bench, content, allowMultiLines=True, limit=1) == [("2", {"x": 1, "y": "first second", "z": 2})]
    assert len(imported(bench, content, allowMultiLines=True, limit=0)) == 2
    assert imported(bench, '"a\nb",c\n1,2\n', allowMultiLines=True) == [("2", {"a b": 1, "c": 2})]


def test_names_in_the_header(bench):
    run(bench, bench.write("f.csv", '  c.a,"q""q",d,\n1,2,3\n'))
    assert list(bench.datasets["out"].columns()) == [Path.of("c.a"), Path.of('q"q'), Path.of("d")]
    run(bench, bench.write("f.csv", "c.a,b\n1,2\n"), structuredColumnNames=True)
    assert list(bench.datasets["out"].columns()) == [Path.of("c", "a"), Path.of("b")]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a,a\n", "Duplicate column name in CSV file"),
        ("a,,b\n", "empty column names are not allowed"),
        ('a,"b\n', "file finished inside quote"),
    ],
)
def test_a_bad_header_fails_the_run(bench, content, text):
    with pytest.raises(Invalid, match=text):
        imported(bench, content)


def test_encodings(bench):
    latin = "x,y\nné,1\n".encode("latin-1")
    assert imported(bench, latin, encoding="Latin1") == [("2", {"x": "né", "y": 1})]
    with pytest.raises(Invalid, match="invalid UTF-8") as caught:
        imported(bench, latin, ignoreBadLines=True)
    assert caught.value.details["lineNumber"] == 2
    with pytest.raises(Invalid, match="non-ASCII character in ASCII text file"):
        imported(bench, latin, encoding="us-ascii", ignoreBadLines=True)
    assert imported(bench, latin, replaceInvalidCharactersWith="?") == [("2", {"x": "n?", "y": 1})]
    assert imported(bench, b"x,y\na\x7fb\x00,1\n", replaceInvalidCharactersWith="?") == [("2", {"x": "a?b?", "y": 1})]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"delimiter": ",,"}, "Separator string must have one character"),
        ({"delimiter": ""}, "Separator string must not be empty if we have a quoter string"),
        ({"quoteChar": "''"}, "Quoter string must have one character"),
        ({"replaceInvalidCharactersWith": "??"}, "replaceInvalidCharactersWith string must have one character"),
        ({"encoding": "x"}, "Unknown encoding 'x'for import.text parser: accepted are 'us-ascii', 'ascii', 'utf-8', 'utf8', 'latin1', "),
        (
            {"delimiter": "", "quoteChar": "", "headers": ["a", "b"]},
            "Custom CSV header must have exactly one element if there is no delimiter",
        ),
        ({"autoGenerateHeaders": True, "headers": ["a"]}, "autoGenerateHeaders cannot be true if headers is defined."),
        ({"skipLineRegex": "("}, "skipLineRegex is no regular expression"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused_in_known_words(bench, params, text):
    with pytest.raises(Invalid) as caught:
        imported(bench, EXAMPLE, **params)
    assert text in str(caught.value)


def test_unknown_and_removed_parameters_are_named():
    for name, text in (
        ("foo", "Unknown field 'foo"),
        ("rowNameColumn", "rowNameColumn has been removed.  Please use 'named'"),
        ("rowNamePrefix", "rowNamePrefix has been removed."),
    ):
        with pytest.raises(Invalid) as caught:
            check_fields(["dataFileUrl", name])
        assert text in str(caught.value)
    check_fields(["dataFileUrl", "quotechar", "quoteChar", "skipLineRegex", "runOnCreation"])


def test_a_missing_file_is_named(bench):
    with pytest.raises(Invalid, match=r"Opening file .*nope\.csv: .*No such file or directory"):
        run(bench, f"file://{bench.folder}/nope.csv")


def test_a_file_without_lines_gives_an_empty_dataset(bench):
    assert run(bench, bench.write("f.csv", "")) == {"numLineErrors": 0, "rowCount": 0}
    assert bench.datasets["out"].status() == {"rowCount": 0, "columnCount": 0, "valueCount": 0}
    assert imported(bench, "a,b\n") == []
    assert [str(column) for column in bench.datasets["out"].columns()] == ["a", "b"]


def test_compressed_files_are_expanded(bench):
    for ending, compress in (("gz", gzip.compress), ("bz2", bz2.compress)):
        run(bench, bench.write(f"f.csv.{ending}", compress(EXAMPLE.encode())))
        assert bench.rows() == FOUR


def test_a_sparse_output_gets_the_same_rows_last_first(bench):
    run(bench, bench.write("f.csv", EXAMPLE), outputDataset={"id": "out", "type": "sparse.mutable"})
    assert [name for name, _ in bench.rows()] == ["5", "4", "3", "2"]
    assert bench.rows()[-1] == FOUR[0]


def test_a_run_that_fails_keeps_the_old_dataset_and_leaves_no_data_behind(bench):
    assert imported(bench, EXAMPLE) == FOUR
    with pytest.raises(Invalid):
        imported(bench, EXAMPLE + "a,b,c,d,e\n")
    assert bench.rows() == FOUR
    assert imported(bench, "a\n1\n") == [("2", {"a": 1})]


def test_a_run_is_cancelled_between_blocks_and_keeps_the_old_dataset(bench):
    assert imported(bench, EXAMPLE) == FOUR
    url = bench.write("big.csv", "a,b\n" + 'x,"y"z\n' * 5 + "1,2 \n" * 500_000)
    params = ImportTextParams(data_file_url=url, output_dataset="out", ignore_bad_lines=True)
    cancellation = Cancellation()
    told: list[tuple[float, dict[str, Any]]] = []

    def report(progress: dict[str, Any]) -> None:
        told.append((time.monotonic(), progress))
        if progress["value"]:
            cancellation.request()

    with pytest.raises(Cancelled):
        ImportText(params, bench.workbench()).run(params, report, cancellation)
    assert bench.rows() == FOUR
    assert told[0][1] == {"name": "iterating", "type": "lines", "started": told[0][1]["started"], "value": 0}


def test_progress_counts_lines_and_ends(bench):
    url = bench.write("f.csv", EXAMPLE)
    told: list[dict[str, Any]] = []
    params = ImportTextParams(data_file_url=url, output_dataset="out")
    ImportText(params, bench.workbench()).run(params, told.append, Cancellation())
    assert (told[0]["value"], told[-1]["value"], "ended" in told[-1]) == (0, 4, True)


def test_the_flights_of_2013_are_imported_whole(bench, tmp_path):
    folder = flight_data.folder()
    assert run(bench, f"file://{flight_data.unpack_flights(tmp_path)}") == {"numLineErrors": 0, "rowCount": 336_776}
    status = bench.datasets["out"].status()
    assert (status["rowCount"], status["columnCount"]) == (336_776, 19)
    first = next(iter(bench.datasets["out"].rows()))
    assert {str(cell.column): cell.value for cell in first.cells}["tailnum"] == "N14228"
    for name, rows in (("airports", 1_458), ("airlines", 16), ("planes", 3_322), ("weather", 26_115)):
        assert run(bench, f"file://{folder}/{name}.csv")["rowCount"] == rows

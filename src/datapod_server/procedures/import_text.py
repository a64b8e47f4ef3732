"""`import.text`: lines of a text file as rows of a dataset. Source: datasets-and-procedures.md, 4."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation, Report
from datapod_server.procedures.kind import ProcedureKind, Types
from datapod_server.procedures.output import OutputConfig, OutputDatasetSpec, output
from datapod_server.procedures.progress import Counter
from datapod_server.procedures.text.block import Block
from datapod_server.procedures.text.layout import Layout, check_layout
from datapod_server.procedures.text.reader import Frame, TextReader
from datapod_server.procedures.text.writing import writer
from datapod_server.procedures.workbench import LineExpressions, LineProgram, Workbench

NAME = "import.text"
_DEFAULTS = {"select": "*", "where": "true", "named": "lineNumber()", "timestamp": "fileTimestamp()"}


class ImportTextParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Source: datasets-and-procedures.md, 4.1."""

    data_file_url: str = ""
    output_dataset: OutputDatasetSpec = field(default_factory=OutputConfig)
    headers: list[str] = field(default_factory=list)
    quote_char: str = '"'
    quotechar: str | None = None  # the old spelling
    delimiter: str = ","
    limit: int = -1
    pre_header_offset: int = 0
    offset: int = 0
    encoding: str = "utf-8"
    ignore_bad_lines: bool = False
    structured_column_names: bool = False
    replace_invalid_characters_with: str = ""
    select: str = "*"
    where: str = "true"
    named: str = "lineNumber()"
    timestamp: str = "fileTimestamp()"
    allow_multi_lines: bool = False
    auto_generate_headers: bool = False
    ignore_extra_columns: bool = False
    process_excel_formulas: bool = True
    skip_line_regex: str = ""
    run_on_creation: bool | int = True  # 0 and 1 are accepted too


class ImportText:
    """One procedure of the type."""

    def __init__(self, params: ImportTextParams, workbench: Workbench) -> None:
        """Raises `Invalid` for parameters that contradict each other."""
        if params.auto_generate_headers and params.headers:
            raise Invalid("autoGenerateHeaders cannot be true if headers is defined.")
        self._params = params
        self._workbench = workbench

    def run(self, params: ImportTextParams, report: Report, cancellation: Cancellation) -> tuple[dict[str, Any], None]:
        """Results: `numLineErrors` (lines dropped by `ignoreBadLines`), `rowCount` (lines handed to the parser)."""
        layout = _layout(params)
        if not params.data_file_url:
            raise Invalid("import.text needs 'dataFileUrl'")
        counter = Counter(report, "iterating", "lines")
        vfs = self._workbench.vfs
        with vfs.open_read(params.data_file_url) as stream:
            found = vfs.info(params.data_file_url)
            file_time = math.nan if found is None or found.last_modified is None else found.last_modified
            reader = TextReader(stream, layout, _frame(params))
            program = self._program(params, reader, file_time)
            with (
                output(self._workbench, params.output_dataset, "tabular") as dataset,
                writer(dataset, reader.columns, program, file_time, cancellation) as write,
            ):
                errors = lines = 0
                for block in reader.blocks():
                    cancellation.check()
                    if block.bad and not params.ignore_bad_lines:
                        raise _bad_line(block, params.data_file_url)
                    write(block)
                    errors, lines = errors + len(block.bad), lines + block.lines
                    counter.advance(lines)
        counter.finish()
        return {"numLineErrors": errors, "rowCount": lines}, None

    def _program(self, params: ImportTextParams, reader: TextReader, file_time: float) -> LineProgram | None:
        """None if every expression is the default: then lines need not be looked at one by one."""
        texts = {"select": params.select, "where": params.where, "named": params.named, "timestamp": params.timestamp}
        if texts == _DEFAULTS:
            return None
        return self._workbench.bind_lines(
            LineExpressions(**texts, columns=reader.columns, file_time=file_time, file_url=params.data_file_url)
        )


def check_fields(given: Iterable[str]) -> None:
    """Refuse unknown members of the configuration in the words that old scripts match. Source: datasets-and-procedures.md, 4.1."""
    known = {_camel(name) for name in ImportTextParams.__struct_fields__}
    for name in given:
        if name == "rowNameColumn":
            raise Invalid('rowNameColumn has been removed.  Please use \'named\' instead, for example "named": "id"')
        if name == "rowNamePrefix":
            raise Invalid("rowNamePrefix has been removed.  Please use 'named' instead, for example \"named\": \"'prefix' + lineNumber()\"")
        if name not in known:
            raise Invalid(f"Unknown field '{name}' parsing import.text configuration", field=name)


def _layout(params: ImportTextParams) -> Layout:
    if params.headers and not params.delimiter and len(params.headers) != 1:
        raise Invalid("Custom CSV header must have exactly one element if there is no delimiter")
    return check_layout(
        delimiter=params.delimiter,
        quote=params.quote_char if params.quotechar is None else params.quotechar,
        encoding=params.encoding,
        replacement=params.replace_invalid_characters_with,
        skip=params.skip_line_regex,
        multi_line=params.allow_multi_lines,
        ignore_extra=params.ignore_extra_columns,
        excel=params.process_excel_formulas,
    )


def _frame(params: ImportTextParams) -> Frame:
    return Frame(
        headers=params.headers,
        generate_headers=params.auto_generate_headers,
        structured_names=params.structured_column_names,
        lines_before_header=params.pre_header_offset,
        lines_before_data=params.offset,
        limit=params.limit,
    )


def _bad_line(block: Block, url: str) -> Invalid:
    bad = block.bad[0]
    place = {"lineNumber": bad.number, "columnNumber": bad.column, "line": bad.line}
    context = {"error": f"Error parsing CSV row: {bad.reason}", "details": place}
    return Invalid("Error parsing CSV line", lineNumber=bad.number, dataFileUrl=url, context=context)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def register(types: Types) -> None:
    summary = "Read a text or CSV file into a dataset"
    types.add(ProcedureKind(NAME, ImportTextParams, ImportText, summary, check_fields))

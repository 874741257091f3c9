"""CSV as Arrow tables, and what is wrong with one, told by its lines.

Arrow reads; only when it cannot, the text is gone through again, slowly, to say which lines are at fault.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.sdk import BadInput
from penstock.tables.contents import Text, read_texts, refuse_invalid_utf8
from penstock.tables.names import refuse_twice
from penstock.tables.source import Source
from penstock.tables.values import Locate

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".tab", ".data", ".txt")
"""Names of members of a zip that are taken for CSV."""

_HEADER_LIMIT = 1 << 20
_LARGE_BLOCK = 1 << 30
_SHOWN = 5
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class Piece:
    """What one text of a source holds."""

    where: str
    table: pa.Table
    """The columns that were asked for, by their names in the file."""
    names: Sequence[str]
    """All columns of the file, by their names in it."""
    locate: Locate
    """Says where a row is."""
    as_text: bool = False
    """Whether columns without a declared type came as text, and are to be looked at."""


Choose = Callable[[Sequence[str], str], list[str]]
"""Chooses which columns of a file to read, by their names in it; given all of them, and the file for messages."""


def read_csv(
    path: Path, source: Source, choose: Choose, types: Mapping[str, pa.DataType], where: str
) -> Iterator[Piece]:
    """Read the texts of one file.

    Args:
        path: The file.
        source: How it is written.
        choose: Which columns to read.
        types: Columns to parse as something else than text, by their names in the file.
        where: Names the source and the file in messages.

    Raises:
        BadInput: It is no such CSV, or lacks a column; the message names the lines.
    """
    for text in read_texts(path, source.encoding, where, SUFFIXES):
        names = header_of(text, source)
        if len(names) == 1:
            _refuse_other_delimiter(text, source)
        table = parse_csv(text, source, names, choose(names, text.where), types)
        locate = partial(line_of, text.content, source)
        yield Piece(text.where, table, names, locate, as_text=True)


def header_of(text: Text, source: Source) -> list[str]:
    """The names of a CSV's columns.

    Raises:
        BadInput: The text is empty, or a name is there twice (author of the data).
    """
    try:
        first = next(_rows(text.content[:_HEADER_LIMIT], source.delimiter), None)
    except csv.Error as error:
        raise BadInput(f"{text.where}: cannot be read as CSV: its first line: {error}") from None
    if first is None:
        raise BadInput(f"{text.where}: is empty", "Give a table with rows")
    if not source.header:
        return [f"column_{number}" for number in range(1, len(first) + 1)]
    first = [name.strip() for name in first] if source.strip else first
    refuse_twice(first, f"{text.where}: the header")
    return first


def parse_csv(
    text: Text, source: Source, names: Sequence[str], columns: Sequence[str], types: Mapping[str, pa.DataType]
) -> pa.Table:
    """Parse some columns of a text: those without a type as text, with nulls where the source says so.

    Raises:
        BadInput: A line has another number of values, a value is not of its type, or the text is not UTF-8.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pcsv

    nulls = list(source.nulls)
    convert = pcsv.ConvertOptions(
        column_types={column: types.get(column, pa.string()) for column in columns},
        include_columns=list(columns),
        null_values=nulls,
        strings_can_be_null=True,
        quoted_strings_can_be_null=source.quoted_nulls,
    )
    quoted = b'"' in text.content
    parse = pcsv.ParseOptions(delimiter=source.delimiter, newlines_in_values=quoted)
    read = pcsv.ReadOptions()
    if source.strip or not source.header:
        read.column_names, read.skip_rows_after_names = list(names), int(source.header)
    try:
        try:
            table = pcsv.read_csv(pa.BufferReader(text.content), read, parse, convert)
        except pa.ArrowInvalid as error:
            if "block" not in str(error):
                raise
            read.block_size = _LARGE_BLOCK  # a row that does not fit into a block of the usual size
            table = pcsv.read_csv(pa.BufferReader(text.content), read, parse, convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):  # a header, and not even the end of its line
            return pa.table({column: pa.array([], types.get(column, pa.string())) for column in columns})
        _explain(text, source, names)
        if types:  # a value is not of its type: who converts the text says on which line
            return parse_csv(text, source, names, columns, {})
        raise BadInput(f"{text.where}: cannot be read as CSV: {' '.join(str(error).split())}") from None
    if not source.strip:
        return table
    for at, name in enumerate(table.column_names):
        if pa.types.is_string(table.schema.field(name).type):
            trimmed = pc.utf8_trim_whitespace(table.column(name))
            known = pc.is_in(trimmed, value_set=pa.array(nulls, pa.string()))
            table = table.set_column(at, name, pc.if_else(known, pa.scalar(None, pa.string()), trimmed))
    return table


def line_of(text: bytes, source: Source, row: int) -> str:
    """Say on which line a row begins; blank lines are no rows."""
    line, seen = 1, -1 if source.header else 0
    reader = csv.reader(_lines(text), delimiter=source.delimiter)
    for values in reader:
        if values:
            if seen == row:
                return f"line {line:,}"
            seen += 1
        line = reader.line_num + 1
    return f"row {row + 1:,}"


def _explain(text: Text, source: Source, names: Sequence[str]) -> None:
    """Find what Arrow stumbled on, and say it in the terms of the file."""
    refuse_invalid_utf8(text.content, text.where)
    wrong: list[tuple[int, int]] = []
    count, line = 0, 1
    reader = csv.reader(_lines(text.content), delimiter=source.delimiter)
    try:
        for values in reader:
            if values and len(values) != len(names):
                count += 1
                wrong += [(line, len(values))][: _SHOWN - len(wrong)]
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{text.where}: line {line:,}: cannot be read as CSV: {error}") from None
    if not wrong:
        return
    shown = ", ".join(f"line {at:,} has {size:,}" for at, size in wrong)
    more = f", and {count - len(wrong):,} more lines" if count > len(wrong) else ""
    what = f"{len(names):,} column{'s' if len(names) > 1 else ''}, but {shown}{more}"
    raise BadInput(f"{text.where}: cannot be read as CSV: the header names {what}", _ragged_hint(source, names))


def _refuse_other_delimiter(text: Text, source: Source) -> None:
    """Refuse a single column that another delimiter would make several of."""
    rows = [row for row, _ in zip(_rows(text.content[:_HEADER_LIMIT], source.delimiter), range(100), strict=False)]
    for mark, word in _DELIMITERS.items():
        counts = {row[0].count(mark) for row in rows}
        if mark != source.delimiter and len(rows) > 1 and len(counts) == 1 and counts != {0}:
            raise BadInput(
                f"{text.where}: has one column, {rows[0][0]!r}, with the same number of {word}s in every line",
                f"Declare delimiter: {mark!r}",
            )


def _ragged_hint(source: Source, names: Sequence[str]) -> str:
    if len(names) == 1:
        for mark, word in _DELIMITERS.items():
            if mark != source.delimiter and mark in names[0]:
                return f"Declare delimiter: {mark!r} ({word})"
    return "Mend these lines, quote values that hold the delimiter, or declare another delimiter"


def _rows(content: bytes, delimiter: str) -> Iterator[list[str]]:
    return (row for row in csv.reader(_lines(content), delimiter=delimiter) if row)


def _lines(content: bytes) -> io.TextIOWrapper:
    csv.field_size_limit(max(csv.field_size_limit(), len(content) + 1))  # one for the whole process: never make it less
    return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors="replace", newline="")

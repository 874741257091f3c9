"""Source files as Arrow tables with few, fixed types: string, int64, float64, bool, date32, timestamp[us, UTC].

Types never hang on how a file is cut into blocks: a CSV column is read as text, and its type is declared or found from
all its values.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.sdk import BadInput
from penstock.tables.source import ColumnType, Source

if TYPE_CHECKING:
    import pyarrow as pa

_Read = tuple["pa.Table", Sequence[str]]
"""A table with the columns wanted, and the names of all columns of the file."""

_INTEGER = r"^-?(0|[1-9][0-9]{0,18})$"
_FLOAT = r"^-?(0|[1-9][0-9]{0,14})?(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
_BOOL = r"^([Tt]rue|[Ff]alse|TRUE|FALSE)$"


def arrow_type(name: ColumnType) -> pa.DataType:
    """The Arrow type of one of our type names."""
    import pyarrow as pa

    types = {"string": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "date": pa.date32()}
    return types.get(name) or pa.timestamp("us", tz="UTC")


def read_source(
    name: str,
    source: Source,
    files: Sequence[tuple[str, Path]],
    columns: Sequence[str] | None,
    named: Mapping[str, Sequence[str]] | None = None,
) -> pa.Table:
    """Read all files of a source as one table, in their order.

    Args:
        name: The source's name, for messages.
        source: Its declaration.
        files: Address (for messages) and path of each file.
        columns: The columns wanted; None for all.
        named: By parameter, columns that are named but not read: they must be there all the same, because a
            misspelt name would silently mean nothing.

    Raises:
        BadInput: A file lacks a column, or a value does not fit its declared type (author of the configuration).
    """
    import pyarrow as pa

    pieces: list[tuple[str, pa.Table]] = []
    known: set[str] = set()
    texts = True
    for uri, path in files:
        where = f"source {name!r}: {uri}"
        parquet = source.format == "parquet" or (source.format == "auto" and path.name.endswith(".parquet"))
        texts &= not parquet
        try:
            for table, header in (_read_parquet if parquet else _read_csv)(path, source, columns, where):
                pieces.append((where, table))
                known.update(header)
        except (pa.ArrowInvalid, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise BadInput(f"{where}: cannot be read as {'Parquet' if parquet else 'CSV'}: {reason}") from None
    for parameter, mentioned in {"types": tuple(source.types), **(named or {})}.items():
        for column in mentioned:
            require_column(column, sorted(known), f"{parameter}: the source {name!r}")
    out = {}
    for column in columns if columns is not None else pieces[0][1].column_names:
        for where, table in pieces:
            require_column(column, table.column_names, where)
        where = f"source {name!r}: column {column!r}"
        parts = [table.column(column) for _, table in pieces]
        out[column] = _one_column(parts, source.types.get(column), where, texts=texts)
    return pa.table(out)


def _read_csv(path: Path, source: Source, columns: Sequence[str] | None, where: str) -> Iterator[_Read]:
    import pyarrow as pa
    import pyarrow.csv as pc

    for content in _contents(path, where):
        header = next(csv.reader(io.StringIO(_first_line(content)), delimiter=source.delimiter), [])
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise BadInput(f"{where}: the header names a column twice: {', '.join(twice)}")
        wanted = list(columns) if columns is not None else header
        for column in wanted:
            require_column(column, header, where)
        # Numbers of a declared type are parsed on the way in; all else as text, to be looked at as a whole.
        direct = {"string": pa.string(), "int": pa.int64(), "float": pa.float64()}
        types = {column: direct.get(source.types.get(column, ""), pa.string()) for column in wanted}
        options = pc.ConvertOptions(
            column_types=types,
            include_columns=wanted,
            null_values=list(source.nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        parse = pc.ParseOptions(delimiter=source.delimiter, newlines_in_values=b'"' in content)
        yield pc.read_csv(pa.BufferReader(content), parse_options=parse, convert_options=options), header


def _read_parquet(path: Path, _source: Source, columns: Sequence[str] | None, where: str) -> Iterator[_Read]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for column in columns or ():
            require_column(column, file.schema_arrow.names, where)
        yield file.read(columns=list(columns) if columns is not None else None), file.schema_arrow.names


def _contents(path: Path, where: str) -> list[bytes]:
    """The CSV texts in a file: one, or the members of a zip, by name."""
    if path.name.endswith(".gz"):
        return [gzip.decompress(path.read_bytes())]
    if not path.name.endswith(".zip"):
        return [path.read_bytes()]
    with zipfile.ZipFile(path) as archive:
        members = sorted(n for n in archive.namelist() if n.endswith(".csv") and not n.startswith("__MACOSX"))
        if not members:
            raise BadInput(f"{where}: the zip holds no .csv file")
        return [archive.read(member) for member in members]


def _first_line(content: bytes) -> str:
    return content[: content.find(b"\n") + 1 or None].decode("utf-8-sig")


def require_column(column: str, names: Sequence[str], where: str) -> None:
    """Refuse a column that is not there, and name the nearest that is.

    Raises:
        BadInput: It is not there (author of the configuration, or of the data).
    """
    if column not in names:
        near = difflib.get_close_matches(column, names, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(names) or 'none'}"
        raise BadInput(f"{where}: has no column {column!r}", hint)


def _one_column(
    parts: Sequence[pa.ChunkedArray], declared: ColumnType | None, where: str, *, texts: bool
) -> pa.ChunkedArray:
    """Put a column's parts together in its declared type, or the one that its values show if it came as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if declared:
        parts = [convert(part, declared, where) for part in parts]
    parts = [part.cast(_plain(part.type, where)) for part in parts]
    kinds = {str(part.type) for part in parts}
    if len(kinds) > 1:
        raise BadInput(f"{where}: is {' in one file and '.join(sorted(kinds))} in another", "Declare its type")
    column = pa.chunked_array([chunk for part in parts for chunk in part.chunks], type=parts[0].type)
    if texts and not declared:
        column = convert(column, infer_type(pc.unique(column)), where)
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    if pa.types.is_floating(column.type):  # a missing value has one form
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return column


def _plain(kind: pa.DataType, where: str) -> pa.DataType:
    """The one of our types that an Arrow type becomes."""
    import pyarrow as pa
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        return _plain(kind.value_type, where)
    if is_.is_null(kind) or is_.is_string(kind) or is_.is_large_string(kind) or is_.is_time(kind):
        return pa.string()
    if is_.is_integer(kind):
        return pa.int64()
    if is_.is_floating(kind) or is_.is_decimal(kind):
        return pa.float64()
    if is_.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if is_.is_boolean(kind) or is_.is_date(kind):
        return pa.bool_() if is_.is_boolean(kind) else pa.date32()
    raise BadInput(f"{where}: values of type {kind} are not one value a row")


def infer_type(values: pa.Array) -> ColumnType:
    """Find the narrowest type that holds all values of a column unchanged.

    Example:
        >>> import pyarrow
        >>> infer_type(pyarrow.array(["1", "2", None])), infer_type(pyarrow.array(["1", "02"]))
        ('int', 'string')
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = values.drop_null()
    if not len(values):
        return "string"
    patterns: Mapping[ColumnType, str] = {
        "int": _INTEGER,
        "float": _FLOAT,
        "bool": _BOOL,
        "date": _DATE,
        "timestamp": _TIMESTAMP,
    }
    for name, pattern in patterns.items():
        if not pc.match_substring_regex(values.slice(0, 100), pattern).to_numpy(zero_copy_only=False).all():
            continue
        if pc.all(pc.match_substring_regex(values, pattern)).as_py():
            try:
                convert(pa.chunked_array([values]), name, "")
            except BadInput:
                continue
            return name
    return "string"


def convert(column: pa.ChunkedArray, name: ColumnType, where: str) -> pa.ChunkedArray:
    """Cast a column; a value that does not fit is an error, never a missing value.

    Raises:
        BadInput: A value does not fit (author of the configuration, or of the data).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    target = arrow_type(name)
    try:
        if name == "timestamp" and pa.types.is_string(column.type):
            try:
                return pc.cast(column, target)
            except pa.ArrowInvalid:  # no zone in the text: UTC
                return pc.assume_timezone(pc.cast(column, pa.timestamp("us")), "UTC")
        if name == "date" and pa.types.is_string(column.type):
            return pc.cast(pc.cast(column, pa.timestamp("s")), target)
        if name == "timestamp" and pa.types.is_timestamp(column.type) and column.type.tz is None:
            return pc.assume_timezone(pc.cast(column, pa.timestamp("us")), "UTC")
        return pc.cast(column, target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInput(f"{where} does not fit type {name!r}: {error}") from None

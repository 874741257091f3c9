"""A source as one Arrow table: all its files, the columns wanted, each under its new name and in one of few types.

Types never hang on how a file is cut into blocks: a column that came as text is typed by what is declared or by all its
values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.sdk import BadInput
from penstock.tables.delimited import Choose, Piece, read_csv
from penstock.tables.files import SourceFile, copy_file, find_files
from penstock.tables.formats import NUMBER_FORMATS, has_time
from penstock.tables.names import new_names, require_column
from penstock.tables.nested import SUFFIXES as JSON_LINES
from penstock.tables.nested import json_values, read_json_lines
from penstock.tables.parquet import SUFFIXES as PARQUET
from penstock.tables.parquet import read_parquet
from penstock.tables.source import JsonField, Source
from penstock.tables.values import arrow_type, convert, distinct, fits, infer_type, plain_type

if TYPE_CHECKING:
    import pyarrow as pa


def read(source: Source, columns: Sequence[str] | None = None, *, name: str = "data") -> pa.Table:
    """Find, fetch and read a source.

    Args:
        source: What to read.
        columns: The columns wanted, by their new names; None for all.
        name: What messages call the source.

    Returns:
        One table, its columns string, int64, float64, bool, date32 or timestamp[us, UTC].

    Raises:
        BadInput: There is no such source, or it is not as declared (author of the configuration).
        PenstockError: It cannot be reached (operator).
    """
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        return read_source(name, source, fetch_files(find_files(name, source), Path(folder)), columns)


def fetch_files(files: Sequence[SourceFile], folder: Path) -> list[tuple[str, Path]]:
    """Bring files to this machine, where they are not here already.

    Returns:
        Address (for messages) and path of each.
    """
    out = []
    for number, file in enumerate(files):
        path = Path(file.place)
        if "://" in file.place:
            path = folder / f"{number:05d}" / Path(file.name).name
            copy_file(file, path)
        out.append((file.uri, path))
    return out


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
        columns: The columns wanted, by their new names; None for all that hold texts, numbers or times.
        named: By parameter, columns that are named but not read: they must be there all the same, because a
            misspelt name would silently mean nothing.

    Raises:
        BadInput: A file lacks a column, or a value does not fit its declared type (author of the configuration).
    """
    import pyarrow as pa

    pieces = [piece for uri, path in files for piece in _pieces(path, source, columns, f"source {name!r}: {uri}")]
    known = sorted({column for piece in pieces for column in piece.names})
    for parameter, mentioned in {"types": (*source.types,), "formats": (*source.formats,), **(named or {})}.items():
        for column in mentioned:
            require_column(column, known, f"{parameter}: the source {name!r}")
    out = {}
    for column in columns if columns is not None else pieces[0].names:
        for piece in pieces:
            require_column(column, piece.table.column_names, piece.where)
        if columns is None and not all(_is_readable(piece.table.column(column)) for piece in pieces):
            continue
        out[column] = _one_column(column, pieces, source, f"source {name!r}")
    return pa.table(out)


def format_of(path: Path, source: Source) -> str:
    """The format of a file: what is declared, or what its name says."""
    if source.format != "auto":
        return source.format
    name = path.name.removesuffix(".gz").removesuffix(".zip")
    return "parquet" if name.endswith(PARQUET) else "json_lines" if name.endswith(JSON_LINES) else "csv"


def _pieces(path: Path, source: Source, columns: Sequence[str] | None, where: str) -> Iterator[Piece]:
    """The pieces of a file: columns under their new names, those from inside JSON among them."""
    inside = {name: field for name, field in source.fields.items() if columns is None or name in columns}

    def choose(names: Sequence[str], at: str) -> list[str]:
        known = new_names(names, source.columns, at)
        wanted = known if columns is None else [name for name in columns if name not in source.fields]
        for column in (*wanted, *(field.column for field in inside.values())):
            require_column(column, [*known, *source.fields], at)
        chosen = {known[column] for column in wanted} | {known[field.column] for field in inside.values()}
        return [name for name in names if name in chosen]

    for piece in _read_file(path, source, choose, where):
        known = new_names(piece.names, source.columns, piece.where)
        table = piece.table.select([old for old in known.values() if old in piece.table.column_names])
        table = table.rename_columns([new for new, old in known.items() if old in piece.table.column_names])
        table = _with_fields(table, inside, piece)
        yield replace(piece, table=table, names=[*known, *source.fields])


def _read_file(path: Path, source: Source, choose: Choose, where: str) -> Iterator[Piece]:
    match format_of(path, source):
        case "parquet":
            yield read_parquet(path, choose, where)
        case "json_lines":
            yield from read_json_lines(path, source.encoding, choose, where)
        case _:
            yield from read_csv(path, source, choose, _parsed(source), where)


def _parsed(source: Source) -> dict[str, pa.DataType]:
    """Columns whose declared type a CSV's parser can give them on the way in."""
    if source.strip:
        return {}
    direct = {column: kind for column, kind in source.types.items() if kind in ("int", "float")}
    return {
        source.columns.get(column, column): arrow_type(kind)
        for column, kind in direct.items()
        if column not in source.formats
    }


def _with_fields(table: pa.Table, inside: Mapping[str, JsonField], piece: Piece) -> pa.Table:
    for column in dict.fromkeys(field.column for field in inside.values()):
        names = [name for name, field in inside.items() if field.column == column]
        where = f"{piece.where}: column {column!r}"
        arrays = json_values(table.column(column), [inside[name].path for name in names], where, piece.locate)
        for name, array in zip(names, arrays, strict=True):
            table = table.append_column(name, array)
    return table


def _one_column(name: str, pieces: Sequence[Piece], source: Source, where: str) -> pa.ChunkedArray:
    """Put a column's parts together in its declared type, or the one that its values show if it came as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    declared, form = source.types.get(name), source.formats.get(name, "")
    if form and not declared:
        declared = "float" if form in NUMBER_FORMATS else "timestamp" if has_time(form) else "date"
    parts = [piece.table.column(name) for piece in pieces]
    if declared:
        parts = [
            convert(part, declared, f"{piece.where}: column {name!r}", form, piece.locate)
            for piece, part in zip(pieces, parts, strict=True)
        ]
    column = _join(parts, f"{where}: column {name!r}")
    if not declared and name not in source.fields and all(piece.as_text for piece in pieces):
        column = convert(column, infer_type(distinct(column)), where)
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)  # a missing value has one form
        _refuse_infinity(name, column, pieces, where)
    return column


def _join(parts: Sequence[pa.ChunkedArray], where: str) -> pa.ChunkedArray:
    import pyarrow as pa

    parts = [_plain(part, where) for part in parts]
    kinds = {str(part.type): part.type for part in parts if part.null_count < len(part)}
    if len(kinds) > 1:
        raise BadInput(f"{where}: is {' in one file and '.join(sorted(kinds))} in another", "Declare its type")
    kind = next(iter(kinds.values()), parts[0].type)
    parts = [part if part.type == kind else pa.chunked_array([pa.nulls(len(part), kind)]) for part in parts]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], type=kind)


def _is_readable(part: pa.ChunkedArray) -> bool:
    import pyarrow.types as is_

    if is_.is_binary(part.type) or is_.is_large_binary(part.type):
        return fits(part, "string")
    return not is_.is_duration(part.type) and not is_.is_fixed_size_binary(part.type)


def _plain(part: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    import pyarrow as pa

    try:
        return part.cast(plain_type(part.type, where))
    except pa.ArrowInvalid as error:
        if pa.types.is_uint64(part.type):  # beyond int64, as hashes are: texts, as they would be from a CSV
            return part.cast(pa.string())
        raise BadInput(
            f"{where}: has a value that cannot be taken as {plain_type(part.type, where)}: {error}"
        ) from None


def _refuse_infinity(name: str, column: pa.ChunkedArray, pieces: Sequence[Piece], where: str) -> None:
    import pyarrow.compute as pc

    wild = pc.is_inf(column)
    if not pc.any(wild).as_py():
        return
    row = pc.index(wild, True).as_py()
    for piece in pieces:
        if row < piece.table.num_rows:
            count = pc.sum(wild).as_py()
            raise BadInput(
                f"{piece.where}: column {name!r}: {piece.locate(row)} has an infinite value ({count:,} in all)",
                "Mend the data, or list 'inf' in 'nulls'",
            )
        row -= piece.table.num_rows

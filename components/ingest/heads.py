"""The beginning of source files, as small files of their own: enough to see names, types and values at once.

What is read of them is bounded; only what a web server or a store keeps packed is fetched whole.
"""

from __future__ import annotations

import codecs
import gzip
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.sdk import BadInput
from penstock.tables.contents import BROKEN, table_members
from penstock.tables.databases import copy_answer
from penstock.tables.delimited import SUFFIXES as DELIMITED
from penstock.tables.files import SourceFile, open_file
from penstock.tables.nested import SUFFIXES as JSON_LINES
from penstock.tables.reading import format_of
from penstock.tables.source import Source

if TYPE_CHECKING:
    from typing import BinaryIO

_BYTES = 1 << 20
_ROWS = 2000
_FILES = 8
"""So many files of a source are looked at, the first and the last among them."""


def write_heads(files: Sequence[SourceFile], source: Source, folder: Path) -> list[tuple[str, Path]]:
    """Write the beginning of some files of a source.

    Args:
        files: The source's files, in their order.
        source: How they are written.
        folder: Where to; one for each source.

    Returns:
        Address (for messages) and path of each.

    Raises:
        BadInput: A file is not what its name or its declaration says (author of the configuration).
        PenstockError: A file cannot be reached (operator).
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = files if len(files) <= _FILES else [files[at * (len(files) - 1) // (_FILES - 1)] for at in range(_FILES)]
    return [(file.uri, _write_head(file, source, folder / f"{number:03d}")) for number, file in enumerate(chosen)]


def _write_head(file: SourceFile, source: Source, stem: Path) -> Path:
    where = f"source {file.source!r}: {file.uri}"
    if file.query:
        path = stem.with_suffix(".parquet")
        copy_answer(file.place, file.query, path, where, most=_ROWS)
        return path
    name = Path(file.name)
    kind = format_of(name, source)
    with open_file(file) as stream:
        if kind == "parquet":
            return _parquet_head(stream, stem.with_suffix(".parquet"), where)
        packed = next((suffix for suffix in (".gz", ".zip") if file.name.endswith(suffix)), "")
        content, whole = _beginning(stream, packed, where, DELIMITED if kind == "csv" else JSON_LINES)
    path = stem.with_suffix(".csv" if kind == "csv" else ".jsonl")
    path.write_bytes(content if whole else _whole_lines(content, source.encoding))
    return path


def _beginning(stream: BinaryIO, packed: str, where: str, suffixes: tuple[str, ...]) -> tuple[bytes, bool]:
    """The first bytes of a text, and whether they are all of it."""
    try:
        if packed == ".gz":
            with gzip.GzipFile(fileobj=stream) as unpacked:
                content = unpacked.read(_BYTES + 1)
        elif packed == ".zip":
            with (
                zipfile.ZipFile(stream) as archive,
                archive.open(table_members(archive, where, suffixes)[0]) as unpacked,
            ):
                content = unpacked.read(_BYTES + 1)
        else:
            content = stream.read(_BYTES + 1)
    except BROKEN as error:
        raise BadInput(f"{where}: cannot be unpacked: {error}") from None
    return content[:_BYTES], len(content) <= _BYTES


def _whole_lines(content: bytes, encoding: str) -> bytes:
    """The text up to the last line that is whole: none of its values is cut off."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:  # who reads it will tell where
        return content
    end = len(text)
    while (end := text.rfind("\n", 0, end)) >= 0:
        if text.count('"', 0, end) % 2 == 0:  # outside of quotes
            return text[: end + 1].encode(encoding)
    return content


def _parquet_head(stream: Any, path: Path, where: str) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(stream) as file:
            batch = next(file.iter_batches(batch_size=_ROWS), None)
            table = pa.Table.from_batches([batch] if batch else [], file.schema_arrow)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{where}: cannot be read as Parquet: {' '.join(str(error).split())}") from None
    pq.write_table(table, path)
    return path

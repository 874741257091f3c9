"""Tables of labels that come late, read on from where the last look ended.

Files are added in the order of their names, and only the last of them may still grow. Of CSV only whole lines count:
the last may still be written.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from penstock.artifacts.digest import digest_json
from penstock.releasing.gates.source_spec import Source
from penstock.releasing.sources.source import Unmeasurable
from penstock.storage import at

MOST_ROWS = 100_000
"""Once so many labels have been read at one look, the rest comes at the next."""
_CHUNK_BYTES = 1 << 20
Row = tuple[str, float]
"""A request's id, and its label."""
_Piece = tuple[list[tuple[Any, Any]], int]
"""Rows as they stand in a file, and how far it has been read then."""


class Position(NamedTuple):
    """How far a table has been read."""

    file: str = ""
    """The last file."""
    place: int = 0
    """What has been read of it: bytes of CSV, rows of Parquet."""
    size: int = -1
    """How large it was when all of it had been read [bytes]."""


class Table(NamedTuple):
    """Two columns of CSV (`.csv`) or Parquet (`.parquet`)."""

    address: str
    """Folder or file, here or in a store."""
    id_column: str
    value_column: str

    @classmethod
    def of(cls, source: Source) -> Table:
        """The table that a gate names."""
        return cls(source.labels, source.id_column, source.value_column)

    @property
    def name(self) -> str:
        """What it is called among the cursors.

        Example:
            >>> len(Table("s3://bucket/labels", "request_id", "label").name)
            12
        """
        return digest_json(list(self)).removeprefix("sha256:")[:12]

    def end(self) -> Position:
        """Where it ends now. Its labels are not read.

        Raises:
            Unmeasurable: There is no file, or one that cannot be read (whoever writes labels).
            StoreError: It cannot be asked (operator).
        """
        name, size = list(self._files().items())[-1]
        if not self._path(name).endswith(".parquet"):
            return Position(name, size)
        with self._opened(name) as stream:
            import pyarrow.parquet as pq

            return Position(name, pq.ParquetFile(stream).metadata.num_rows, size)

    def read(self, after: Position, until: Position | None = None) -> tuple[list[Row], Position]:
        """The labels that came since; what is no number is none.

        Args:
            after: Where the last look ended.
            until: How far to read at most.

        Returns:
            Rows, and where to read on.

        Raises:
            Unmeasurable: A file cannot be read, or has become shorter (whoever writes labels).
            StoreError: It cannot be asked (operator).
        """
        found: list[Row] = []
        for name, size in self._files().items():
            if name < after.file or (until and name > until.file) or (name, size) == (after.file, after.size):
                continue
            begin = place = after.place if name == after.file else 0
            stop = until.place if until and name == until.file else None
            with self._opened(name) as stream:
                pieces = _parquet if self._path(name).endswith(".parquet") else _csv
                for rows, place in pieces(stream, (self.id_column, self.value_column), begin, stop):
                    numbers = ((str(key), _number(value)) for key, value in rows if key is not None)
                    found += [row for row in numbers if not math.isnan(row[1])]
                    if len(found) >= MOST_ROWS:
                        return found, Position(name, place)
            after = Position(name, place, size)
        return found, after

    def _path(self, name: str) -> str:
        return f"{self.address}/{name}" if name else self.address

    def _files(self) -> dict[str, int]:
        found = at(self.address).files()
        files = {
            name: size
            for name, size in found.items()
            if self._path(name).endswith((".csv", ".parquet")) and not PurePosixPath(name).name.startswith(".")
        }
        if not files:
            # A folder that is named wrongly looks like this too: it must never pass for one where no labels came yet.
            raise Unmeasurable(f"there are no label files at {self.address}: put an empty table there until some come")
        return files

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        try:
            with at(self.address).open(name) as stream:
                yield stream
        except (OSError, ValueError, KeyError, csv.Error) as error:
            columns = f"{self.id_column}, {self.value_column}"
            why = " ".join(str(error).split())[:200]
            raise Unmeasurable(
                f"{self._path(name)} cannot be read as labels with the columns {columns}: {why}"
            ) from None


def _csv(stream: BinaryIO, columns: tuple[str, str], place: int, stop: int | None) -> Iterator[_Piece]:
    size = stream.seek(0, io.SEEK_END)
    _only_grows(place, size, "bytes")
    stream.seek(0)
    head = stream.readline()
    if not head.endswith(b"\n"):
        raise ValueError("its first line is not whole")
    names = next(csv.reader([head.decode("utf-8-sig")]))
    keys, values = _places(names, columns)
    # A place within a line is where labels ended that are passed over: the rest of that line is one of them.
    begin = max(place, len(head)) - 1
    stream.seek(begin)
    begin += len(stream.readline())
    rest = b""
    while block := stream.read(_CHUNK_BYTES if stop is None else max(0, min(_CHUNK_BYTES, stop - begin - len(rest)))):
        text = rest + block
        whole = text[: text.rfind(b"\n") + 1]
        rest = text[len(whole) :]
        begin += len(whole)
        lines = csv.reader(io.StringIO(whole.decode("utf-8"), newline=""))
        yield [(line[keys], line[values]) for line in lines if len(line) == len(names)], begin


def _parquet(stream: BinaryIO, columns: tuple[str, str], place: int, stop: int | None) -> Iterator[_Piece]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream)
    _places(file.schema_arrow.names, columns)
    _only_grows(place, file.metadata.num_rows, "rows")
    last = file.metadata.num_rows if stop is None else min(stop, file.metadata.num_rows)
    begin = 0
    for group in range(file.num_row_groups):
        end = begin + file.metadata.row_group(group).num_rows
        if begin <= place < min(end, last):
            part = file.read_row_group(group, columns=list(columns)).slice(place - begin, last - place)
            place = min(end, last)
            yield list(zip(*(part[column].to_pylist() for column in columns), strict=True)), place
        begin = end


def _places(names: list[str], columns: tuple[str, str]) -> list[int]:
    missing = [column for column in columns if column not in names]
    if missing:
        raise ValueError(f"it has no column {missing[0]!r}")
    return [names.index(column) for column in columns]


def _only_grows(before: int, now: int, unit: str) -> None:
    if now < before:
        raise ValueError(f"it had {before:,} {unit} and has {now:,}, and labels only grow")


def _number(value: Any) -> float:
    """A label as a number; NaN where it is none."""
    if isinstance(value, str):
        value = {"true": 1, "false": 0, "yes": 1, "no": 0}.get(value.strip().lower(), value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan

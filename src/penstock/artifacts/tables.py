"""Parquet tables in splits: the layout that Examples and TransformedExamples share.

`Split-<name>/part-00000.parquet`, and nothing else. Row order is part of the content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.artifacts.base import Artifact

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class SplitTables(Artifact):
    """An artifact made of one Parquet table per split."""

    schema_title = "system.Dataset"

    def splits(self) -> list[str]:
        """The names of the splits, sorted."""
        return sorted(p.name.removeprefix("Split-") for p in self.path.glob("Split-*") if p.is_dir())

    def rows(self, split: str) -> int:
        """The number of rows of a split [rows], from the file footers alone."""
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(part).num_rows for part in self._parts(split))

    def columns(self, split: str) -> pa.Schema:
        """The names and types of a split's columns, from a file footer alone."""
        import pyarrow.parquet as pq

        return pq.read_schema(self._parts(split)[0])

    def read(self, split: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a split as one Arrow table; only the columns named, when they are.

        Raises:
            KeyError: The split does not exist (caller).
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = list(columns) if columns is not None else None
        tables = [pq.read_table(part, columns=wanted, partitioning=None) for part in self._parts(split)]
        return pa.concat_tables(tables)

    def batches(self, split: str, rows: int, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Read a split as record batches of at most `rows` rows: bounded memory at any size."""
        import pyarrow.parquet as pq

        for part in self._parts(split):
            with pq.ParquetFile(part) as file:
                yield from file.iter_batches(batch_size=rows, columns=list(columns) if columns else None)

    def write(self, split: str, table: pa.Table, *, part: int = 0) -> None:
        """Write one part of a split.

        Raises:
            ValueError: The split's name is not lower-case letters, digits, `_` and `-` (caller).
        """
        import pyarrow.parquet as pq

        if not SPLIT_NAME.fullmatch(split):
            raise ValueError(f"split name {split!r}: use lower-case letters, digits, '_' and '-'")
        path = self.file(f"Split-{split}/part-{part:05d}.parquet")
        pq.write_table(table, path, compression="zstd", compression_level=1, use_dictionary=_repetitive(table))

    def _parts(self, split: str) -> list[Any]:
        parts = sorted((self.path / f"Split-{split}").glob("part-*.parquet"))
        if not parts:
            raise KeyError(f"{self.uri} has no split {split!r}; it has {', '.join(self.splits()) or 'none'}")
        return parts


def _repetitive(table: pa.Table) -> bool | list[str]:
    """The columns to write with a dictionary: all but vectors of floats, which take twice as long with one."""
    import pyarrow as pa

    vectors = {
        field.name
        for field in table.schema
        if pa.types.is_fixed_size_list(field.type) and pa.types.is_floating(field.type.value_type)
    }
    if not vectors:
        return True
    lists = {field.name for field in table.schema if pa.types.is_fixed_size_list(field.type)} - vectors
    return [f"{name}.list.item" if name in lists else name for name in table.column_names if name not in vectors]

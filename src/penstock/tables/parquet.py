"""Parquet files as Arrow tables; values inside values become JSON texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penstock.sdk import BadInput
from penstock.tables.delimited import Choose, Piece
from penstock.tables.names import refuse_twice
from penstock.tables.nested import as_json

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".pq")

_LEAST_LIMIT = 200_000_000
_GREATEST_RATIO = 1000
"""A file of so many values for each of its bytes is refused, if it holds more than the least limit at all."""


def read_parquet(path: Path, choose: Choose, where: str) -> Piece:
    """Read some columns of a file.

    Raises:
        BadInput: It is no whole Parquet file, or lacks a column (author of the configuration, or of the data).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            refuse_twice(names, f"{where}: the schema")
            columns = choose(names, where)
            _refuse_bomb(file.metadata.num_rows * len(columns), path, where)
            table = file.read(columns=columns)
            table.validate(full=True)  # what is broken shows here, and not in the middle of using it
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise BadInput(f"{where}: cannot be read as Parquet: {' '.join(str(error).split())}") from None
    for at, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            table = table.set_column(at, field.name, _json_texts(table.column(at)))
    return Piece(where, table, names, lambda row: f"row {row + 1:,}")


def _refuse_bomb(values: int, path: Path, where: str) -> None:
    """Refuse a small file that says it holds so much that it could not come from real data."""
    if values > max(_LEAST_LIMIT, _GREATEST_RATIO * path.stat().st_size):
        what = f"says that it holds {values:,} values, over {_GREATEST_RATIO:,} times its size"
        raise BadInput(
            f"{where}: cannot be read as Parquet: {what}",
            "If that is so, write it anew without dictionaries and compression",
        )


def _json_texts(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else as_json(value) for value in column.to_pylist()], pa.string())

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
            table = file.read(columns=choose(names, where))
            table.validate(full=True)  # what is broken shows here, and not in the middle of using it
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise BadInput(f"{where}: cannot be read as Parquet: {' '.join(str(error).split())}") from None
    for at, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            table = table.set_column(at, field.name, _json_texts(table.column(at)))
    return Piece(where, table, names, lambda row: f"row {row + 1:,}")


def _json_texts(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else as_json(value) for value in column.to_pylist()], pa.string())

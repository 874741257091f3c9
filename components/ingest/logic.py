"""From the raw copies to the rows of each split: what is read, made, removed and put out, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.ingest.derive import derive_column
from components.ingest.rows import duplicate_rows, left_join
from components.ingest.spec import IngestParams
from components.ingest.splits import split_rows
from penstock.sdk import BadInput
from penstock.tables.names import require_column
from penstock.tables.reading import read_source

if TYPE_CHECKING:
    import pyarrow as pa

RawFiles = Mapping[str, Sequence[tuple[str, Path]]]
"""For each source, its files: address for messages, path of the raw copy."""


@dataclass(frozen=True)
class Rows:
    """All rows with all columns that are needed, before they are split."""

    table: pa.Table
    read: int
    """Rows of the base before duplicates were removed [rows]."""
    duplicates: int
    """Rows removed [rows]."""


def assemble(params: IngestParams, raw: RawFiles, progress: Callable[[int, int], None]) -> Rows:
    """Read, remove duplicates, join and derive.

    Args:
        params: What to do.
        raw: The raw copies.
        progress: Told the rows done and in all, as often as there is news.

    Raises:
        BadInput: The data are not as declared (author of the configuration, or of the data).
    """
    plan = params.plan()
    base = params.base_name
    # Without a key, rows are compared in every column, so every column is read.
    compared = params.duplicates != "keep_all"
    columns = None if compared and not params.key else list(dict.fromkeys((*plan.read[base], *params.key)))
    made = {*params.derive, *(name for join in params.joins for name in join.columns)}
    late = [name for name in params.known_after if name not in made]
    table = read_source(base, params.sources[base], raw[base], columns, {"known_after": late})
    for column in plan.read[base]:
        require_column(column, table.column_names, f"source {base!r}")
    read = table.num_rows
    if not read:
        raise BadInput(f"source {base!r}: {params.sources[base].uri}: has no rows")
    progress(0, read)
    if compared:
        again = duplicate_rows(table, params.key, params.duplicates)
        if again.any():
            table = table.filter(~again)
    removed = read - table.num_rows
    table = table.select(plan.read[base])
    for step in plan.steps:
        if isinstance(step, str):
            table = table.append_column(step, derive_column(step, params.derive[step], table))
        else:
            join = params.joins[step]
            other = read_source(join.source, params.sources[join.source], raw[join.source], plan.read[join.source])
            table = left_join(table, other, join.keys, join.columns, join.source)
    return Rows(table, read, removed)


def put_out(params: IngestParams, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Split the rows and select the columns to put out; rows keep their order.

    Yields:
        Split and table, whose columns are string, int64 or float64: truth values become 0 and 1, dates and
        timestamps ISO 8601 text.
    """
    masks = split_rows(params.split, table, params.outputs)
    outputs = table.select(params.outputs)
    outputs = outputs.cast(_output_schema(outputs.schema)).combine_chunks()
    for name, mask in masks.items():
        yield name, outputs if mask.all() else outputs.filter(mask)


def _output_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    def plain(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_boolean(kind):
            return pa.int64()
        return pa.string() if pa.types.is_date(kind) or pa.types.is_timestamp(kind) else kind

    return pa.schema([pa.field(field.name, plain(field.type)) for field in schema])

"""What can be wrong with `ingest` before it runs: sources, their columns, and what is made of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.ingest.heads import write_heads
from components.ingest.logic import assemble, put_out
from components.ingest.spec import IngestParams
from penstock.artifacts.features import FeatureType, arrow_feature_type
from penstock.sdk.checking import Check, Known
from penstock.tables.files import find_files
from penstock.tables.reading import fetch_files, read_source

if TYPE_CHECKING:
    import pyarrow as pa

Files = Sequence[tuple[str, Path]]


def check(at: Check[IngestParams]) -> None:
    """Find the sources, look for every column that is used, and make rows of the beginning, or of all."""
    params = at.params
    at.outputs["examples"] = Known(dict.fromkeys(params.outputs), splits=_splits(params), label=params.label)
    with tempfile.TemporaryDirectory(prefix="penstock-check-") as folder:
        found: dict[str, Files] = {}
        for name, source in params.sources.items():
            with at.noting("sources", name):
                files = find_files(name, source)
                here = Path(folder) / name
                if at.data:
                    here.mkdir()
                found[name] = fetch_files(files, here) if at.data else write_heads(files, source, here)
        if len(found) == len(params.sources) and _has_columns(at, found):
            _make_rows(at, found)


def _splits(params: IngestParams) -> tuple[str, ...] | None:
    split = params.split
    if split.by == "time":
        return ("train", *split.starts)
    return tuple(split.fractions) if split.by == "hash" else tuple(split.values) or None


def _has_columns(at: Check[IngestParams], found: dict[str, Files]) -> bool:
    """Look for every column that is read of every source; whether all of them are there."""
    params, before = at.params, len(at.problems)
    reads = {name: list(columns) for name, columns in params.plan().read.items()}
    reads.setdefault(params.base_name, []).extend(params.key)
    for name, columns in reads.items():
        with at.noting("sources", name):
            known = read_source(name, params.sources[name], found[name], None).column_names
            for column in dict.fromkeys(columns):
                at.member(*_named(params, name, column), name=column, of=known, where=f"the source {name!r}")
    return len(at.problems) == before


def _named(params: IngestParams, source: str, column: str) -> tuple[str | int, ...]:
    """The key that names a column, where it is plain which."""
    if column == params.label:
        return ("label",)
    if column in params.features:
        return ("features", params.features.index(column))
    if column in params.key:
        return ("key", params.key.index(column))
    joins = [number for number, join in enumerate(params.joins) if join.source == source]
    return ("joins", joins[0]) if joins and source != params.base_name else ("sources", source)


def _make_rows(at: Check[IngestParams], found: dict[str, Files]) -> None:
    params = at.params
    with at.noting():
        rows = assemble(params, found, lambda done, total: None)
        outputs = rows.table.select(params.outputs)
        types = {name: _type(outputs.column(name)) for name in outputs.column_names}
        at.outputs["examples"] = Known(types, splits=_splits(params), label=params.label)
        if at.data:
            counts = {split: table.num_rows for split, table in put_out(params, rows.table)}
            at.outputs["examples"] = Known(types, exact=True, splits=tuple(counts), label=params.label)
            shares = ", ".join(f"{split} {count:,}" for split, count in counts.items())
            at.facts.append(f"{rows.read:,} rows, {rows.duplicates:,} duplicates; {shares}")
        else:
            at.facts.append(f"{len(types)} columns, seen in the first {rows.read:,} rows")


def _type(column: pa.ChunkedArray) -> FeatureType | None:
    """The type of a column; none where what was seen of it has no value."""
    if column.null_count == len(column):
        return None
    return arrow_feature_type(column.type)

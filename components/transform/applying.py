"""Applying a fitted transformation to whole splits, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.artifacts import Examples, TransformedExamples
from penstock.artifacts.features import FeatureSpec, FeatureType, dense_columns
from penstock.sdk import PenstockError

_PART_ROWS = 1 << 20
"""Rows of one Parquet part, at most: what is held in memory before it is written."""
_PART_BYTES = 1 << 28
"""Bytes of one part, about, at most: rows may be wide."""
_BATCH_BYTES = 1 << 26
"""Bytes that come out of the graph at once, at most; it holds several times as many while it computes."""


@dataclass(frozen=True)
class Applier:
    """A fitted transformation and what is known of its columns."""

    transform: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    types: Mapping[str, FeatureType]
    """The raw columns that it takes."""
    spec: FeatureSpec
    batch_rows: int

    @property
    def row_bytes(self) -> int:
        """What comes out of one row [bytes], the label aside."""
        return sum(f.width * (4 if f.kind == "dense" else 8) for f in self.spec.transformed.values())

    def apply(self, examples: Examples, split: str, output: TransformedExamples) -> Iterator[int]:
        """Transform one split, in the order of its rows, and write it.

        Dense features are written as float32, categories and tokens as int64, what is wider than one number as lists
        of fixed size; the label as the function puts it out, or else as it is.

        Yields:
            The rows of each batch done.

        Raises:
            PenstockError: A label is missing (operator: the data was not validated).
        """
        import pyarrow as pa

        waiting: list[Any] = []
        part = 0
        batch_rows = max(1, min(self.batch_rows, _BATCH_BYTES // self.row_bytes))
        part_rows = min(_PART_ROWS, max(1, _PART_BYTES // self.row_bytes))
        for batch in examples.batches(split, batch_rows, sorted({*self.types, self.spec.label})):
            waiting.append(self._batch(batch))
            yield batch.num_rows
            if sum(table.num_rows for table in waiting) >= part_rows:
                output.write(split, pa.concat_tables(waiting), part=part)
                waiting, part = [], part + 1
        if waiting:
            output.write(split, pa.concat_tables(waiting), part=part)

    def _batch(self, batch: Any) -> Any:
        import pyarrow as pa

        outputs = self.transform(dense_columns(batch, self.types))
        arrays = {}
        for name, feature in sorted(self.spec.transformed.items()):
            values = outputs[name].numpy().astype(np.float32 if feature.kind == "dense" else np.int64)
            if feature.kind != "dense" and values.size and not 0 <= values.min() <= values.max() < feature.size:
                raise PenstockError(f"feature {name!r} has categories outside [0, {feature.size})")
            flat = pa.array(values.reshape(-1))
            arrays[name] = flat if feature.width == 1 else pa.FixedSizeListArray.from_arrays(flat, feature.width)
        label = self.spec.label
        arrays[label] = pa.array(outputs[label].numpy()) if label in outputs else batch.column(label)
        if arrays[label].null_count:
            raise PenstockError(f"{arrays[label].null_count} rows have no label {label!r}")
        return pa.table(arrays)

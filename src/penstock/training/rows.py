"""Transformed rows as the two matrices that the network takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.artifacts import TransformedExamples
from penstock.artifacts.features import FeatureSpec
from penstock.sdk import BadInput, PenstockError


@dataclass(frozen=True)
class Rows:
    """Rows of one split, in their order."""

    dense: npt.NDArray[np.float32]
    """Dense features in order of their names, shape (n_rows, n_dense)."""
    index: npt.NDArray[np.int32]
    """Categories in order of their features' names, shape (n_rows, n_index)."""
    label: npt.NDArray[np.float32]
    """Shape (n_rows,)."""

    def __len__(self) -> int:
        return len(self.label)

    def take(self, which: Any) -> Rows:
        """Some of the rows, by number or slice."""
        return Rows(self.dense[which], self.index[which], self.label[which])


def names(spec: FeatureSpec, kind: str) -> list[str]:
    """The transformed features of a kind, in the order of the matrix columns."""
    return sorted(name for name, feature in spec.transformed.items() if feature.kind == kind)


def read(examples: TransformedExamples, split: str, spec: FeatureSpec, task: str) -> Rows:
    """Read one split.

    Raises:
        BadInput: There is no such split, or a label is missing or does not suit the task (author of the pipeline).
        PenstockError: The split is empty (operator).
    """
    if split not in examples.splits():
        raise BadInput(f"there is no split {split!r}; there are {', '.join(examples.splits())}")
    count = examples.rows(split)
    if not count:
        raise PenstockError(f"split {split!r} has no rows")
    dense_names, index_names = names(spec, "dense"), names(spec, "index")
    rows = Rows(
        np.empty((count, len(dense_names)), np.float32),
        np.empty((count, len(index_names)), np.int32),
        np.empty(count, np.float32),
    )
    at = 0
    for batch in examples.batches(split, 1 << 18):
        here = slice(at, at + batch.num_rows)
        for column, name in enumerate(dense_names):
            rows.dense[here, column] = batch.column(name).to_numpy()
        for column, name in enumerate(index_names):
            rows.index[here, column] = batch.column(name).to_numpy()
        rows.label[here] = batch.column(spec.label).to_numpy(zero_copy_only=False)
        at += batch.num_rows
    missing = int((~np.isfinite(rows.label)).sum())
    if missing:
        raise BadInput(
            f"the label {spec.label!r} of split {split!r} is missing or not finite in {missing:,} rows",
            "Let the schema require it (presence { min_fraction: 1 }), so that such rows are set aside",
        )
    if task == "binary" and not np.isin(rows.label, (0.0, 1.0)).all():
        values = np.unique(rows.label)[:5].tolist()
        raise BadInput(f"task 'binary' needs labels 0 and 1; column {spec.label!r} of {split!r} has {values}")
    return rows

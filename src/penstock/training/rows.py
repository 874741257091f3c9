"""Transformed rows as the matrices that a network takes, and where in them each feature lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.artifacts import TransformedExamples
from penstock.artifacts.features import FeatureSpec
from penstock.sdk import BadInput, PenstockError
from penstock.training.settings import TrainingSettings

KINDS = ("dense", "index", "tokens")
"""The kinds of features, a matrix each, in the order that networks take them."""


@dataclass(frozen=True)
class Rows:
    """Rows of one split, in their order."""

    dense: npt.NDArray[np.float32]
    """Dense features in order of their names, shape (n_rows, sum of their widths)."""
    index: npt.NDArray[np.int32]
    """Categories in order of their features' names, shape (n_rows, n_index)."""
    tokens: npt.NDArray[np.int32]
    """Words in order of their features' names, shape (n_rows, sum of their widths)."""
    label: npt.NDArray[np.float32]
    """Shape (n_rows,)."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def matrices(self) -> tuple[npt.NDArray[Any], ...]:
        """What a network takes: one matrix a kind, in the order of `KINDS`."""
        return self.dense, self.index, self.tokens

    def take(self, which: Any) -> Rows:
        """Some of the rows, by number, truth or slice."""
        return Rows(self.dense[which], self.index[which], self.tokens[which], self.label[which])


def places(spec: FeatureSpec, kind: str) -> dict[str, slice]:
    """Where in the matrix of its kind each feature lies, in order of their names.

    Example:
        >>> from penstock.artifacts.features import TransformedFeature
        >>> wide, plain = TransformedFeature(kind="dense", width=3), TransformedFeature(kind="dense")
        >>> places(FeatureSpec(label="y", raw={}, transformed={"b": plain, "a": wide}), "dense")
        {'a': slice(0, 3, None), 'b': slice(3, 4, None)}
    """
    found, at = {}, 0
    for name, feature in sorted(spec.transformed.items()):
        if feature.kind == kind:
            found[name] = slice(at, at + feature.width)
            at += feature.width
    return found


def width(spec: FeatureSpec, kind: str) -> int:
    """The columns of a kind's matrix."""
    return sum(feature.width for feature in spec.transformed.values() if feature.kind == kind)


def read(examples: TransformedExamples, split: str, spec: FeatureSpec, settings: TrainingSettings) -> Rows:
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
    rows = Rows(
        np.empty((count, width(spec, "dense")), np.float32),
        np.empty((count, width(spec, "index")), np.int32),
        np.empty((count, width(spec, "tokens")), np.int32),
        np.empty(count, np.float32),
    )
    at = 0
    for batch in examples.batches(split, 1 << 18):
        here = slice(at, at + batch.num_rows)
        for kind, matrix in zip(KINDS, rows.matrices, strict=True):
            for name, place in places(spec, kind).items():
                matrix[here, place] = _matrix(batch.column(name), place.stop - place.start)
        rows.label[here] = batch.column(spec.label).to_numpy(zero_copy_only=False)
        at += batch.num_rows
    for wrong in _wrong_labels(rows.label, settings, f"{spec.label!r} of split {split!r}"):
        raise wrong
    return rows


def _matrix(column: pa.Array, columns: int) -> npt.NDArray[Any]:
    """Shape (n_rows, columns)."""
    values = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
    matrix: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(-1, columns)
    return matrix


def _wrong_labels(label: npt.NDArray[np.float32], settings: TrainingSettings, name: str) -> Iterator[BadInput]:
    missing = int((~np.isfinite(label)).sum())
    if missing:
        yield BadInput(
            f"the label {name} is missing or not finite in {missing:,} rows",
            "Let the schema require it (presence { min_fraction: 1 }), so that such rows are set aside",
        )
    if settings.task == "regression":
        if settings.target_scaling == "log1p" and label.min() < 0:
            yield BadInput(f"target_scaling 'log1p' needs labels from 0 on; {name} goes down to {label.min():g}")
        return
    classes = len(settings.classes) or 2
    if not np.isin(label, np.arange(classes)).all():
        values = [value for value in np.unique(label) if value not in range(classes)][:5]
        wants = "labels 0 and 1" if classes == 2 else f"the labels 0 to {classes - 1}, one a class"
        has = ", ".join(f"{value:g}" for value in values)
        yield BadInput(f"task {settings.task!r} needs {wants}; the label {name} has also {has}")

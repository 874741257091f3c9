"""What is read: the feature spec of a model, and the rows of a split with their labels."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from penstock.artifacts import Examples, Model
from penstock.artifacts.features import FEATURES_FILE, FeatureSpec
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Array = npt.NDArray[np.float64]


BASELINE = "baseline model"
"""Who needs what the baseline takes in: it may have been trained on columns that are gone."""


def read_features(model: Model) -> FeatureSpec:
    """Read what a model takes in.

    Raises:
        BadInput: The model has no readable feature spec (caller: it was not made by a trainer of Penstock).
    """
    try:
        return FeatureSpec.model_validate(model.read_json(FEATURES_FILE))
    except (FileNotFoundError, json.JSONDecodeError, ValidationError):
        raise BadInput(f"model {model.uri}: {FEATURES_FILE} is missing or damaged", "Train the model again") from None


def read_split(
    examples: Examples, split: str, needs: Mapping[str, Collection[str]], most_rows: int | None
) -> tuple[pa.Table, int]:
    """Read a split, or evenly spaced rows of it.

    Args:
        examples: The rows.
        split: Which ones.
        needs: The columns to read, by who needs them.
        most_rows: Rows to take at most [rows]; None takes all.

    Returns:
        The rows, in their order, and how many there are in the split.

    Raises:
        BadInput: The split does not exist, is empty, or lacks a column (caller).
    """
    import numpy as np

    if split not in examples.splits():
        raise BadInput(f"splits: the examples have no split {split!r}", f"They have: {', '.join(examples.splits())}")
    available = examples.rows(split)
    if not available:
        raise BadInput(f"splits: the split {split!r} has no rows")
    known = next(examples.batches(split, rows=1)).schema.names
    for who, columns in needs.items():
        for column in sorted(set(columns) - set(known)):
            raise BadInput(
                f"the {who} needs the column {column!r}, which split {split!r} of the examples does not have",
                _remedy(who, column, known),
            )
    table = examples.read(split, sorted({column for columns in needs.values() for column in columns}))
    if most_rows is not None and available > most_rows:
        table = table.take(np.linspace(0, available - 1, most_rows).astype(np.int64))
    return table, available


def _remedy(who: str, column: str, known: list[str]) -> str:
    if who == BASELINE:
        return "Set `use_baseline: false` for one run: it is judged on absolute thresholds only"
    near = difflib.get_close_matches(column, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Columns: {', '.join(known)}"


def read_label(table: pa.Table, column: str, split: str) -> Array:
    """The label of every row as a number.

    Raises:
        BadInput: A row has no label, or the label is not a number (caller).
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    label: Any = table.column(column)
    if kinds.is_boolean(label.type):
        label = pc.cast(label, pa.int8())
    if not (kinds.is_integer(label.type) or kinds.is_floating(label.type)):
        raise BadInput(f"label {column!r} of split {split!r} is {label.type}, not a number")
    if label.null_count:
        raise BadInput(f"label {column!r} of split {split!r} is missing in {label.null_count} rows")
    numbers: Array = pc.cast(label, pa.float64()).to_numpy()
    if not np.isfinite(numbers).all():
        raise BadInput(f"label {column!r} of split {split!r} is not finite in {(~np.isfinite(numbers)).sum()} rows")
    return numbers

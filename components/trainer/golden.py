"""Real rows with the trainer's own scores for them: what serving must reproduce."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from components.trainer.logic import golden_rows
from penstock.artifacts import Examples
from penstock.artifacts.features import MISSING, FeatureType, dense_columns

_ROWS = 64


def golden(
    examples: Examples, split: str, raw: Mapping[str, FeatureType], scores: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """Pick rows over the whole split, some with missing values, and score them.

    Args:
        examples: The raw rows.
        split: Which of them.
        raw: The features that the model takes.
        scores: The exported model's own answer to dense arrays, shape (n_rows, outputs).

    Returns:
        The content of `golden.json`.
    """
    table = examples.read(split, sorted(raw))
    missing = np.zeros(table.num_rows, bool)
    for column in table.columns:
        if column.null_count:
            missing |= column.is_null().to_numpy()
    features = dense_columns(table.take(golden_rows(missing, _ROWS)), raw)
    names = sorted(raw)
    rows = zip(*(features[name].tolist() for name in names), strict=True)
    return {
        "rows": [{n: _plain(v, raw[n]) for n, v in zip(names, row, strict=True)} for row in rows],
        "scores": [row[0] if len(row) == 1 else row for row in scores(features).tolist()],
    }


def _plain(value: Any, type_: FeatureType) -> Any:
    """A value as JSON has it; null where it is missing."""
    if value == MISSING[type_] or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.decode() if isinstance(value, bytes) else value

"""Rows in, scores out: the SavedModels, asked in large batches through `serve_tensors`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from components.evaluator.inputs import read_features
from penstock.artifacts import Model
from penstock.artifacts.features import dense_columns
from penstock.sdk import PenstockError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Array = npt.NDArray[np.float64]

SIGNATURE = "serve_tensors"
_BATCH_ROWS = 32_768
"""Rows scored at a time [rows]: large enough to hide the cost of a call, small enough to stay in the cache."""

Scorer = Callable[["pa.Table"], "Array"]


def open_model(model: Model) -> Scorer:
    """Load a SavedModel and return a function from raw rows to scores.

    Returns:
        From a table of raw columns to the scores, shape (n_rows,), float64; NaN and infinity are passed on.

    Raises:
        PenstockError: The model cannot be loaded, or lacks the signature `serve_tensors` with the output `score`.
    """
    import numpy as np
    import tensorflow as tf

    features = read_features(model)
    try:
        loaded = tf.saved_model.load(str(model.saved_model))
        signature = loaded.signatures[SIGNATURE]
    except (OSError, KeyError, ValueError) as error:
        raise PenstockError(f"model {model.uri}: no signature {SIGNATURE!r} can be loaded ({error})") from None

    def score(table: pa.Table) -> Array:
        columns = dense_columns(table, features.raw)
        found = np.empty(table.num_rows, dtype=np.float64)
        for start in range(0, table.num_rows, _BATCH_ROWS):
            rows = slice(start, start + _BATCH_ROWS)
            batch = {name: tf.constant(column[rows]) for name, column in columns.items()}
            found[rows] = signature(**batch)["score"].numpy().reshape(-1)
        return found

    score.keeps = loaded  # type: ignore[attr-defined]  # a signature does not keep its model's variables alive
    return score

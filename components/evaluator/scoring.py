"""Rows in, scores out: the SavedModels, asked in large batches through `serve_tensors`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from components.evaluator.inputs import read_features
from penstock.artifacts import Model
from penstock.sdk import PenstockError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

SIGNATURE = "serve_tensors"
_BATCH_ROWS = 32_768
"""Rows scored at a time [rows]: large enough to hide the cost of a call, small enough to stay in the cache."""

Columns = Mapping[str, "npt.NDArray[Any]"]
"""Raw features by name, each of shape (n_rows,), as `dense_columns` gives them."""
Scorer = Callable[[Columns], "Array"]


def open_model(model: Model) -> Scorer:
    """Load a SavedModel and return a function from raw rows to scores.

    Returns:
        From raw columns to the scores, float64, shape (n_rows,), or (n_rows, n_classes) where the model
        gives several; NaN and infinity are passed on.

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

    def score(columns: Columns) -> Array:
        n_rows = len(next(iter(columns.values())))
        parts = []
        for start in range(0, n_rows, _BATCH_ROWS):
            batch = {name: tf.constant(columns[name][start : start + _BATCH_ROWS]) for name in features.raw}
            parts.append(signature(**batch)["score"].numpy().astype(np.float64))
        found = np.concatenate(parts).reshape(n_rows, -1)
        return found[:, 0] if found.shape[1] == 1 else found

    score.keeps = loaded  # type: ignore[attr-defined]  # a signature does not keep its model's variables alive
    return score

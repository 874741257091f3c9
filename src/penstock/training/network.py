"""The network: embeddings for categories, dense layers on top."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.artifacts.features import FeatureSpec
from penstock.training.logic import embedding_width
from penstock.training.rows import Rows, names
from penstock.training.settings import TrainingSettings


def build(spec: FeatureSpec, params: TrainingSettings, train: Rows, weights: npt.NDArray[np.float32]) -> Any:
    """Build the network with its initial weights.

    Args:
        spec: The features.
        params: Widths, dropout, seed.
        train: The training rows: the last layer starts at their mean label, so that no step is spent on finding it.
        weights: How much each row counts in that mean, shape (n_rows,).

    Returns:
        A Keras model of two inputs, `dense` (n, n_dense) and `index` (n, n_index), and one output of shape (n, 1): the
        logit (binary) or the estimate (regression).
    """
    import keras

    keras.backend.clear_session()  # names of layers go into the exported graph, and a counter would number them
    keras.utils.set_random_seed(params.seed)
    index_names = names(spec, "index")
    dense = keras.Input((train.dense.shape[1],), name="dense", dtype="float32")
    index = keras.Input((train.index.shape[1],), name="index", dtype="int32")
    parts = [dense] if train.dense.shape[1] else []
    for column, name in enumerate(index_names):
        size = spec.transformed[name].size
        width = embedding_width(size, params.embedding_max)
        parts.append(keras.layers.Embedding(size, width, name=f"embed_{column}")(index[:, column]))
    x = keras.layers.Concatenate(name="features")(parts) if len(parts) > 1 else parts[0]
    regularizer = keras.regularizers.L2(params.l2) if params.l2 else None
    for number, units in enumerate(params.hidden_units):
        x = keras.layers.Dense(units, "relu", kernel_regularizer=regularizer, name=f"hidden_{number}")(x)
        if params.dropout:
            x = keras.layers.Dropout(params.dropout, seed=params.seed + number, name=f"dropout_{number}")(x)
    mean = float(np.average(train.label.astype(np.float64), weights=weights))
    if params.task == "binary":
        start = float(np.log(max(mean, 1e-6) / max(1 - mean, 1e-6)))
        out = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(start), name="logit")(x)
    else:
        spread = float(np.std(train.label, dtype=np.float64)) or 1.0
        out = keras.layers.Dense(1, name="standardised")(x)
        out = keras.layers.Rescaling(spread, mean, name="estimate")(out)
    return keras.Model([dense, index], out, name="network")

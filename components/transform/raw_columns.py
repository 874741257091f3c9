"""What the kinds of features share: raw columns as tensors of one type, with their gaps, and how gaps are filled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from penstock.artifacts.features import MISSING
from penstock.sdk import BadInput

Tensors = Mapping[str, Any]

QUANTILE_ERROR = 0.001
"""How far a quantile may lie from the true one, as a share of the rows."""


def number(name: str, feature: Any, inputs: Tensors) -> Any:
    """The raw column as float32, missing values as NaN."""
    import tensorflow as tf

    x = inputs[feature.column or name]
    if x.dtype == tf.string:
        raise BadInput(f"features.{name}: kind '{feature.kind}' needs a number; the column holds text")
    return as_float(x)


def as_float(x: Any) -> Any:
    """Numbers as float32, missing values as NaN."""
    import tensorflow as tf

    if x.dtype.is_integer:
        return tf.where(x == MISSING["int"], math.nan, tf.cast(x, tf.float32))
    return tf.cast(x, tf.float32)


def text(column: str, inputs: Tensors) -> Any:
    """The raw column as text, missing values as the empty string."""
    import tensorflow as tf

    x = inputs[column]
    if x.dtype == tf.string:
        return x
    missing = x == MISSING["int"] if x.dtype.is_integer else tf.math.is_nan(x)
    return tf.where(missing, "", tf.strings.as_string(x))


def only_text(name: str, feature: Any, inputs: Tensors) -> Any:
    """The raw column, which must be text."""
    import tensorflow as tf

    x = inputs[feature.column or name]
    if x.dtype != tf.string:
        raise BadInput(f"features.{name}: kind '{feature.kind}' needs text; the column holds numbers")
    return x


def present(x: Any) -> Any:
    """The values that are not missing: analyzers of extremes and quantiles would not skip a NaN."""
    import tensorflow as tf

    return tf.boolean_mask(x, ~tf.math.is_nan(x))


def imputed(name: str, feature: Any, x: Any) -> Any:
    """The numbers with their gaps filled before scaling, where the feature asks for it."""
    import tensorflow as tf
    import tensorflow_transform as tft

    if feature.impute is None:
        return x
    if feature.impute == "constant":
        value = tf.constant(feature.constant, tf.float32)
    elif feature.impute == "mean":
        value = tft.mean(present(x), name=f"{name}_mean")
    else:
        value = tft.quantiles(present(x), 2, epsilon=QUANTILE_ERROR, name=f"{name}_median")[0, 0]
    return tf.where(tf.math.is_nan(x), tf.where(tf.math.is_finite(value), value, 0.0), x)


def filled(name: str, feature: Any, x: Any, value: Any, fill: float = 0.0) -> dict[str, Any]:
    """The feature with its gaps filled after scaling, and the indicator where one is asked for.

    Args:
        name: What it is called.
        feature: Its declaration.
        x: The raw numbers, shape (n,), missing ones as NaN.
        value: What was made of them, same shape.
        fill: What stands for a missing value that nothing was imputed for.
    """
    import tensorflow as tf

    gap = tf.math.is_nan(x)
    outputs = {name: value}
    if feature.impute is None:
        outputs[name] = tf.where(gap, tf.constant(fill, tf.float32), value)
    if feature.indicator:
        outputs[f"{name}_missing"] = tf.cast(gap, tf.float32)
    return outputs


def categorical(index: Any, size: Any) -> Any:
    """Note in the transformed schema that the values are categories in [0, size).

    Args:
        index: Integers of any shape.
        size: A number, or a tensor of int64 that is known once the data were analysed.
    """
    import tensorflow as tf
    from tensorflow_transform import schema_inference

    result = tf.identity(tf.cast(index, tf.int64))
    last = tf.constant(size - 1, tf.int64) if isinstance(size, int) else size - 1
    schema_inference.set_tensor_schema_override(result, tf.constant(0, tf.int64), last)
    return result

"""Features that are numbers made from numbers, each by itself: scaled, or turned round a circle."""

from __future__ import annotations

import math
from typing import Any

from components.transform.kinds import AsIs, Cyclic, Log, MinMax, ZScore
from components.transform.raw_columns import Tensors, filled, imputed, number, present


def z_score(name: str, feature: ZScore, inputs: Tensors) -> dict[str, Any]:
    """Build a z-score."""
    import tensorflow_transform as tft

    raw = number(name, feature, inputs)
    return filled(name, feature, raw, tft.scale_to_z_score(imputed(name, feature, raw), name=name))


def log(name: str, feature: Log, inputs: Tensors) -> dict[str, Any]:
    """Build the z-score of a logarithm."""
    import tensorflow as tf
    import tensorflow_transform as tft

    raw = number(name, feature, inputs)
    x = imputed(name, feature, raw)
    return filled(name, feature, raw, tft.scale_to_z_score(tf.math.log1p(tf.maximum(x, 0.0)), name=name))


def min_max(name: str, feature: MinMax, inputs: Tensors) -> dict[str, Any]:
    """Build a share of the range."""
    import tensorflow as tf
    import tensorflow_transform as tft

    raw = number(name, feature, inputs)
    x = imputed(name, feature, raw)
    values = present(x)
    low, high = tft.min(values, name=f"{name}_min"), tft.max(values, name=f"{name}_max")
    width = tf.maximum(high - low, 0.0)  # of no value at all the minimum is above the maximum
    return filled(name, feature, raw, tf.math.divide_no_nan(x - low, width), feature.missing)


def as_is(name: str, feature: AsIs, inputs: Tensors) -> dict[str, Any]:
    """Build the number itself."""
    raw = number(name, feature, inputs)
    return filled(name, feature, raw, imputed(name, feature, raw) * feature.scale, feature.missing)


def cyclic(name: str, feature: Cyclic, inputs: Tensors) -> dict[str, Any]:
    """Build the two coordinates of a point on a circle."""
    import tensorflow as tf

    raw = number(name, feature, inputs)
    x = imputed(name, feature, raw)
    quantity = tf.floor(x / 100.0) * 60.0 + tf.math.floormod(x, 100.0) if feature.clock else x
    angle = quantity * (2.0 * math.pi / feature.period)
    sine = filled(f"{name}_sin", feature.model_copy(update={"indicator": False}), raw, tf.sin(angle))
    cosine = filled(name, feature, raw, tf.cos(angle))
    return {**sine, f"{name}_cos": cosine.pop(name), **cosine}

"""Features that are numbers made from numbers: scaled, encoded piecewise, or turned round a circle."""

from __future__ import annotations

import math
from typing import Any

from components.transform.kinds import AsIs, Cyclic, Log, MinMax, Piecewise, Robust, ZScore
from components.transform.raw_columns import QUANTILE_ERROR, Tensors, filled, imputed, number, present


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


def robust(name: str, feature: Robust, inputs: Tensors) -> dict[str, Any]:
    """Build a distance from the median in interquartile ranges.

    Source:
        D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
        Tabular Data", NeurIPS 2024, section 3: robust scaling and smooth clipping.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    raw = number(name, feature, inputs)
    x = imputed(name, feature, raw)
    values = present(x)
    low, median, high = tf.unstack(_quantiles(values, 4, name))
    spread = tf.where(high > low, high - low, tf.sqrt(tft.var(values, name=f"{name}_var")))
    y = tf.math.divide_no_nan(x - median, spread)
    if feature.smooth_clip is not None:
        y = y / tf.sqrt(1.0 + tf.square(y / feature.smooth_clip))
    return filled(name, feature, raw, y)


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


def piecewise(name: str, feature: Piecewise, inputs: Tensors) -> dict[str, Any]:
    """Build a piecewise-linear encoding.

    Source:
        Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
        NeurIPS 2022, equation 1, with the first and last bin bounded too, so that no number that is served leaves
        [0, 1]. Bins without width are ours: the limit of a ramp that gets steeper round its middle.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    raw = number(name, feature, inputs)
    x = imputed(name, feature, raw)
    values = present(x)
    low, high = tft.min(values, name=f"{name}_min"), tft.max(values, name=f"{name}_max")
    low = tf.minimum(low, high)  # of no value at all the minimum is above the maximum
    inner = tf.clip_by_value(_quantiles(values, feature.width, name), low, high)
    boundaries = tf.concat([[low], inner, [high]], axis=0)
    start, width = boundaries[:-1], boundaries[1:] - boundaries[:-1]
    come = x[:, tf.newaxis] - start
    ramp = tf.clip_by_value(tf.math.divide_no_nan(come, width), 0.0, 1.0)
    step = 0.5 + 0.5 * tf.sign(come)
    y = tf.ensure_shape(tf.where(width > 0.0, ramp, step), [None, feature.width])
    return filled(name, feature, raw, y)


def _quantiles(values: Any, parts: int, name: str) -> Any:
    """The boundaries between equally many values, shape (parts - 1,)."""
    import tensorflow as tf
    import tensorflow_transform as tft

    return tf.reshape(tft.quantiles(values, parts, epsilon=QUANTILE_ERROR, name=name), [parts - 1])

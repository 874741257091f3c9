"""Features that are numbers placed among the quantiles of the analysed split.

Features that are declared alike are computed as the columns of one tensor: a graph of a few large operations is traced,
saved and loaded in a fraction of the time of one with many small ones, and tables have hundreds of columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from components.transform.kinds import Piecewise, Robust
from components.transform.raw_columns import QUANTILE_ERROR, Tensors, imputed, number

_Kind = TypeVar("_Kind", Robust, Piecewise)


def robust(features: Mapping[str, Robust], inputs: Tensors) -> dict[str, Any]:
    """Build distances from the median in interquartile ranges.

    Source:
        D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
        Tabular Data", NeurIPS 2024, section 3: robust scaling and smooth clipping.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    outputs: dict[str, Any] = {}
    for group in _alike(features, lambda feature: (feature.impute is None, feature.smooth_clip or 0.0)):
        raw, x = _columns(group, inputs)
        low, median, high = tf.unstack(_quantiles(group, x, 4), axis=1)
        deviation = tf.sqrt(tft.var(x, reduce_instance_dims=False, name=f"{min(group)}_var"))
        y = tf.math.divide_no_nan(x - median, tf.where(high > low, high - low, deviation))
        if clip := next(iter(group.values())).smooth_clip:
            y = y / tf.sqrt(1.0 + tf.square(y / clip))
        outputs |= _named(group, raw, tf.where(tf.math.is_nan(x), 0.0, y))
    return outputs


def piecewise(features: Mapping[str, Piecewise], inputs: Tensors) -> dict[str, Any]:
    """Build piecewise-linear encodings.

    Source:
        Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
        NeurIPS 2022, equation 1, with the first and last bin bounded too, so that no number that is served leaves
        [0, 1]. Bins without width are ours: the limit of a ramp that gets steeper round its middle.
    """
    import tensorflow as tf

    outputs: dict[str, Any] = {}
    for group in _alike(features, lambda feature: (feature.impute is None, feature.width)):
        raw, x = _columns(group, inputs)
        boundaries = _boundaries(group, x, next(iter(group.values())).width)
        start, width = boundaries[:, :-1], boundaries[:, 1:] - boundaries[:, :-1]
        has_width = width > 0.0
        divisor = tf.where(has_width, width, tf.float32.as_numpy_dtype(_STEEP))
        offset = tf.where(has_width, 0.0, 0.5)
        lowest = tf.where(tf.math.is_nan(x), tf.float32.min, x)  # below every bin
        y = tf.clip_by_value((lowest[:, :, tf.newaxis] - start) / divisor + offset, 0.0, 1.0)
        outputs |= _named(group, raw, y)
    return outputs


_STEEP = 1.2e-38
"""The width of a ramp that is a step: the smallest normal float32, nearly."""


def _alike(features: Mapping[str, _Kind], key: Callable[[_Kind], Any]) -> Iterator[dict[str, _Kind]]:
    """The features in groups of equal keys, in order."""
    ordered = sorted(features.items(), key=lambda item: (key(item[1]), item[0]))
    for _, group in itertools.groupby(ordered, key=lambda item: key(item[1])):
        yield dict(group)


def _columns(group: Mapping[str, Any], inputs: Tensors) -> tuple[Any, Any]:
    """The group's columns, shape (n, n_features), missing ones as NaN: as they came, and with what is imputed."""
    import tensorflow as tf

    raw = {name: number(name, feature, inputs) for name, feature in group.items()}
    columns = [imputed(name, feature, raw[name]) for name, feature in group.items()]
    return tf.stack(list(raw.values()), axis=1), tf.stack(columns, axis=1)


def _quantiles(group: Mapping[str, Any], x: Any, parts: int) -> Any:
    """The boundaries between equally many values, NaN left out, shape (n_features, parts - 1).

    An analyzer a column: one for all forgets columns without a value.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    return tf.concat(
        [
            tft.quantiles(column, parts, epsilon=QUANTILE_ERROR, name=name)
            for name, column in zip(group, tf.unstack(x, axis=1), strict=True)
        ],
        axis=0,
    )


def _boundaries(group: Mapping[str, Any], x: Any, width: int) -> Any:
    """Minimum, quantiles and maximum, shape (n_features, width + 1), rising or level."""
    import tensorflow as tf
    import tensorflow_transform as tft

    gap, first = tf.math.is_nan(x), min(group)
    low = tft.min(tf.where(gap, tf.float32.max, x), reduce_instance_dims=False, name=f"{first}_min")
    high = tft.max(tf.where(gap, tf.float32.min, x), reduce_instance_dims=False, name=f"{first}_max")
    some = low <= high  # of no value at all the minimum is above the maximum
    low, high = (tf.where(some, end, 0.0)[:, tf.newaxis] for end in (low, high))
    return tf.concat([low, tf.clip_by_value(_quantiles(group, x, width), low, high), high], axis=1)


def _named(group: Mapping[str, Any], raw: Any, y: Any) -> dict[str, Any]:
    """Columns of results under the features' names, with the indicators of those that ask for one."""
    import tensorflow as tf

    outputs = dict(zip(group, tf.unstack(y, axis=1), strict=True))
    gaps = dict(zip(group, tf.unstack(tf.cast(tf.math.is_nan(raw), tf.float32), axis=1), strict=True))
    return outputs | {f"{name}_missing": gaps[name] for name, feature in group.items() if feature.indicator}

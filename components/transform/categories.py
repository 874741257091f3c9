"""Features that are categories: buckets, values and words seen, hashes, crosses; and whether there is a value."""

from __future__ import annotations

from typing import Any

from components.transform.kinds import Buckets, Cross, Hash, Missing, Text, Vocabulary
from components.transform.raw_columns import (
    QUANTILE_ERROR,
    Tensors,
    as_float,
    categorical,
    number,
    only_text,
    present,
    text,
)
from penstock.sdk import BadInput

_SEPARATOR = "\x1f"
"""Between the values of a cross: no text holds it, so that "a" + "bc" and "ab" + "c" do not meet."""

_NO_WORD = r"[^\p{L}\p{M}\p{N}]+"
"""What separates words: all but letters, the marks that belong to them in many scripts, and digits."""


def buckets(name: str, feature: Buckets, inputs: Tensors) -> dict[str, Any]:
    """Build the number of a bucket."""
    import tensorflow as tf
    import tensorflow_transform as tft

    x = number(name, feature, inputs)
    if feature.boundaries:
        boundaries = tf.constant([feature.boundaries], tf.float32)
        count = len(feature.boundaries) + 1
    else:
        boundaries = tft.quantiles(present(x), feature.count, epsilon=QUANTILE_ERROR, name=name)
        count = feature.count
    index = tft.apply_buckets(tf.where(tf.math.is_nan(x), 0.0, x), boundaries)
    index = tf.where(tf.math.is_nan(x), tf.constant(count, tf.int64), index)
    return {name: categorical(index, count + 1)}


def vocabulary(name: str, feature: Vocabulary, inputs: Tensors) -> dict[str, Any]:
    """Build the number of a value among the values seen."""
    import tensorflow_transform as tft

    index = tft.compute_and_apply_vocabulary(
        text(feature.column or name, inputs),
        top_k=feature.top_k,
        frequency_threshold=feature.frequency_threshold or None,
        num_oov_buckets=feature.oov_buckets,
        vocab_filename=name,
        name=name,
    )
    return {name: index}


def words(name: str, feature: Text, inputs: Tensors) -> dict[str, Any]:
    """Build the numbers of a text's words among the words seen."""
    import tensorflow as tf
    import tensorflow_transform as tft

    lower = tf.strings.lower(only_text(name, feature, inputs), encoding="utf-8")
    ragged = tf.strings.split(tf.strings.regex_replace(lower, _NO_WORD, " "))
    index = tft.compute_and_apply_vocabulary(
        ragged.flat_values,
        top_k=feature.top_k,
        frequency_threshold=feature.frequency_threshold or None,
        num_oov_buckets=feature.oov_buckets,
        vocab_filename=name,
        name=name,
    )
    size = tft.get_num_buckets_for_transformed_feature(index) + 1  # 0 is no word
    tokens = ragged.with_flat_values(index + 1).to_tensor(0, shape=[None, feature.max_tokens])
    return {name: categorical(tokens, size)}


def hashed(name: str, feature: Hash, inputs: Tensors) -> dict[str, Any]:
    """Build a hash of a value."""
    import tensorflow_transform as tft

    value = text(feature.column or name, inputs)
    return {name: categorical(tft.hash_strings(value, feature.buckets), feature.buckets)}


def cross(name: str, feature: Cross, inputs: Tensors) -> dict[str, Any]:
    """Build a hash of several columns' values."""
    import tensorflow as tf
    import tensorflow_transform as tft

    parts = [
        _bucket_as_text(name, column, feature.boundaries[column], inputs)
        if column in feature.boundaries
        else text(column, inputs)
        for column in feature.columns
    ]
    joined = tf.strings.join(parts, separator=_SEPARATOR)
    return {name: categorical(tft.hash_strings(joined, feature.buckets), feature.buckets)}


def _bucket_as_text(name: str, column: str, boundaries: tuple[float, ...], inputs: Tensors) -> Any:
    import tensorflow as tf
    import tensorflow_transform as tft

    if inputs[column].dtype == tf.string:
        raise BadInput(f"features.{name}: boundaries: column {column!r} holds text, which has no buckets")
    x = as_float(inputs[column])
    gap = tf.math.is_nan(x)
    index = tft.apply_buckets(tf.where(gap, 0.0, x), tf.constant([boundaries], tf.float32))
    return tf.where(gap, "", tf.strings.as_string(index))


def missing(name: str, feature: Missing, inputs: Tensors) -> dict[str, Any]:
    """Build an indicator of missing values."""
    import tensorflow as tf

    return {name: tf.cast(text(feature.column or name, inputs) == "", tf.float32)}

"""One `preprocessing_fn`, whether from declared features or from the author's own code.

Both take dense tensors of shape (n,) with missing values in band, and both are ordinary TensorFlow Transform code: what
analyses them does not know where they came from.
"""

from __future__ import annotations

import math
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from typing import Any

from components.transform import spec
from penstock.artifacts.digest import digest_bytes
from penstock.artifacts.features import MISSING
from penstock.sdk import BadInput

Tensors = Mapping[str, Any]
PreprocessingFn = Callable[[Tensors], dict[str, Any]]

_SOURCE_NAME = "<preprocessing_fn>"


def from_source(source: str) -> PreprocessingFn:
    """Load the author's module and return its `preprocessing_fn`.

    Args:
        source: Python source of the pipeline's author. It is executed: it is code of the pipeline, not data.

    Raises:
        BadInput: It is not Python, fails as it loads, or defines no `preprocessing_fn` (author of the pipeline).
    """
    name = "preprocessing_" + digest_bytes(source.encode())[-16:]
    module = types.ModuleType(name)
    try:
        exec(compile(source, _SOURCE_NAME, "exec"), module.__dict__)  # noqa: S102 - the author's own code
    except Exception as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        raise BadInput(f"preprocessing_fn: {type(error).__name__}: {error}{where}") from error
    function = getattr(module, "preprocessing_fn", None)
    if not callable(function):
        raise BadInput("preprocessing_fn: the module defines no function 'preprocessing_fn(inputs)'")
    sys.modules[name] = module  # so that Beam, which pickles functions by reference, finds it again
    return _guarded(function)


def _guarded(function: PreprocessingFn) -> PreprocessingFn:
    """Turn what goes wrong in the author's function into one line that says where."""

    def preprocessing_fn(inputs: Tensors) -> dict[str, Any]:
        try:
            outputs = function(dict(inputs))
        except Exception as error:
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == _SOURCE_NAME]
            where = f", line {lines[-1]}" if lines else ""
            text = str(error).strip() or "no message"
            raise BadInput(f"preprocessing_fn{where}: {type(error).__name__}: {text.splitlines()[0]}") from error
        if not isinstance(outputs, dict) or not outputs:
            raise BadInput("preprocessing_fn: must return a dictionary of tensors that is not empty")
        return dict(outputs)

    return preprocessing_fn


def from_features(features: Mapping[str, spec.Feature]) -> PreprocessingFn:
    """Build the function that the declared features describe."""

    def preprocessing_fn(inputs: Tensors) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for name, feature in sorted(features.items()):
            outputs.update(_BUILDERS[type(feature)](name, feature, inputs))
        return outputs

    return preprocessing_fn


def columns_of(features: Mapping[str, spec.Feature]) -> set[str]:
    """Name the raw columns that the declared features are made from."""
    columns: set[str] = set()
    for name, feature in features.items():
        columns.update(feature.columns if isinstance(feature, spec.Cross) else (feature.column or name,))
    return columns


def _number(name: str, feature: Any, inputs: Tensors) -> Any:
    """The raw column as float32, missing values as NaN."""
    import tensorflow as tf

    x = inputs[feature.column or name]
    if x.dtype == tf.string:
        raise BadInput(f"features.{name}: kind '{feature.kind}' needs a number; the column holds text")
    if x.dtype.is_integer:
        return tf.where(x == MISSING["int"], math.nan, tf.cast(x, tf.float32))
    return tf.cast(x, tf.float32)


def _text(column: str, inputs: Tensors) -> Any:
    """The raw column as text, missing values as the empty string."""
    import tensorflow as tf

    x = inputs[column]
    if x.dtype == tf.string:
        return x
    missing = x == MISSING["int"] if x.dtype.is_integer else tf.math.is_nan(x)
    return tf.where(missing, "", tf.strings.as_string(x))


def _filled(name: str, feature: Any, x: Any, value: Any, fill: float = 0.0) -> dict[str, Any]:
    """The feature with its gaps filled, and the indicator where one is asked for."""
    import tensorflow as tf

    gap = tf.math.is_nan(x)
    outputs = {name: tf.where(gap, tf.constant(fill, tf.float32), value)}
    if feature.indicator:
        outputs[f"{name}_missing"] = tf.cast(gap, tf.float32)
    return outputs


def _z_score(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow_transform as tft

    x = _number(name, feature, inputs)
    return _filled(name, feature, x, tft.scale_to_z_score(x, name=name))


def _log(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow as tf
    import tensorflow_transform as tft

    x = _number(name, feature, inputs)
    return _filled(name, feature, x, tft.scale_to_z_score(tf.math.log1p(tf.maximum(x, 0.0)), name=name))


def _min_max(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow as tf
    import tensorflow_transform as tft

    x = _number(name, feature, inputs)
    present = tf.boolean_mask(x, ~tf.math.is_nan(x))  # a maximum with a NaN in it would be NaN
    low, high = tft.min(present, name=f"{name}_min"), tft.max(present, name=f"{name}_max")
    width = tf.maximum(high - low, 0.0)  # of no value at all the minimum is above the maximum
    return _filled(name, feature, x, tf.math.divide_no_nan(x - low, width), feature.missing)


def _as_is(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    x = _number(name, feature, inputs)
    return _filled(name, feature, x, x * feature.scale, feature.missing)


def _cyclic(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow as tf

    x = _number(name, feature, inputs)
    quantity = tf.floor(x / 100.0) * 60.0 + tf.math.floormod(x, 100.0) if feature.clock else x
    angle = quantity * (2.0 * math.pi / feature.period)
    sine = _filled(f"{name}_sin", feature.model_copy(update={"indicator": False}), x, tf.sin(angle))
    cosine = _filled(name, feature, x, tf.cos(angle))
    return {**sine, f"{name}_cos": cosine.pop(name), **cosine}


def _buckets(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow as tf
    import tensorflow_transform as tft

    x = _number(name, feature, inputs)
    if feature.boundaries:
        boundaries = tf.constant([feature.boundaries], tf.float32)
        count = len(feature.boundaries) + 1
    else:
        present = tf.boolean_mask(x, ~tf.math.is_nan(x))
        boundaries = tft.quantiles(present, feature.count, epsilon=0.001, name=name)
        count = feature.count
    index = tft.apply_buckets(tf.where(tf.math.is_nan(x), 0.0, x), boundaries)
    index = tf.where(tf.math.is_nan(x), tf.constant(count, tf.int64), index)
    return {name: _categorical(index, count + 1)}


def _vocabulary(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow_transform as tft

    index = tft.compute_and_apply_vocabulary(
        _text(feature.column or name, inputs),
        top_k=feature.top_k,
        frequency_threshold=feature.frequency_threshold or None,
        num_oov_buckets=feature.oov_buckets,
        vocab_filename=name,
        name=name,
    )
    return {name: index}


def _hash(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow_transform as tft

    text = _text(feature.column or name, inputs)
    return {name: _categorical(tft.hash_strings(text, feature.buckets), feature.buckets)}


def _cross(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow as tf
    import tensorflow_transform as tft

    # A separator that no text holds: "a"+"bc" and "ab"+"c" must not meet.
    text = tf.strings.join([_text(column, inputs) for column in feature.columns], separator="\x1f")
    return {name: _categorical(tft.hash_strings(text, feature.buckets), feature.buckets)}


def _missing(name: str, feature: Any, inputs: Tensors) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.cast(_text(feature.column or name, inputs) == "", tf.float32)}


def _categorical(index: Any, size: int) -> Any:
    """Note in the transformed schema that the values are categories in [0, size)."""
    import tensorflow as tf
    from tensorflow_transform import schema_inference

    result = tf.identity(tf.cast(index, tf.int64))
    schema_inference.set_tensor_schema_override(result, tf.constant(0, tf.int64), tf.constant(size - 1, tf.int64))
    return result


_BUILDERS: dict[type, Callable[[str, Any, Tensors], dict[str, Any]]] = {
    spec.ZScore: _z_score,
    spec.MinMax: _min_max,
    spec.Log: _log,
    spec.AsIs: _as_is,
    spec.Cyclic: _cyclic,
    spec.Buckets: _buckets,
    spec.Vocabulary: _vocabulary,
    spec.Hash: _hash,
    spec.Cross: _cross,
    spec.Missing: _missing,
}

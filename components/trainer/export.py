"""Exporting a trained network with the TFT graph inside, so that what serves it feeds raw features.

The Keras model itself is not saved, only the functions that were traced through it and the variables they read: nothing
of Keras is needed to load it, in any version of TensorFlow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from penstock.artifacts.features import MISSING, FeatureSpec, FeatureType
from penstock.artifacts.saved_models import make_reproducible
from penstock.training.fitting import Fitted
from penstock.training.rows import KINDS, places


class Export:
    """The servable functions of one model.

    Args:
        fitted: The trained model.
        spec: The features.
        transform_fn: The folder of the TFT graph's SavedModel.
    """

    def __init__(self, fitted: Fitted, spec: FeatureSpec, transform_fn: Path) -> None:
        import tensorflow as tf
        from tensorflow_transform.saved import saved_transform_io_v2

        self._spec = spec
        self._module = tf.Module()
        self._module.transform = loader = saved_transform_io_v2.SavedModelLoader(str(transform_fn))
        self._module.graph = loader._imported
        self._module.weights = [variable.value for variable in fitted.model.variables]
        kinds: dict[FeatureType, Any] = {"string": tf.string, "float": tf.float32, "int": tf.int64}
        raw = {name: tf.TensorSpec([None], kinds[type_], name=name) for name, type_ in sorted(spec.raw.items())}
        parsing = {
            name: tf.io.FixedLenFeature([], kinds[type_], default_value=MISSING[type_])
            for name, type_ in spec.raw.items()
        }

        def transformed(features: dict[str, Any]) -> dict[str, Any]:
            outputs = loader.apply_transform_model(features)
            dtypes = {"dense": tf.float32, "index": tf.int64, "tokens": tf.int64}
            return {name: tf.cast(outputs[name], dtypes[f.kind]) for name, f in sorted(spec.transformed.items())}

        def scored(features: dict[str, Any]) -> dict[str, Any]:
            columns = transformed(features)
            rows = tf.shape(next(iter(features.values())))[0]
            matrices = [_matrix([columns[name] for name in places(spec, kind)], rows, kind) for kind in KINDS]
            return {"score": fitted.scores(*matrices)}

        examples = tf.TensorSpec([None], tf.string, name="examples")
        self.signatures = {
            "serving_default": tf.function(
                lambda examples: scored(tf.io.parse_example(examples, parsing)), [examples], autograph=False
            ).get_concrete_function(),
            "serve_tensors": tf.function(lambda **features: scored(features), autograph=False).get_concrete_function(
                **raw
            ),
            "transform_features": tf.function(
                lambda examples: transformed(tf.io.parse_example(examples, parsing)), [examples], autograph=False
            ).get_concrete_function(),
        }

    def save(self, folder: Path) -> None:
        """Write the SavedModel, byte for byte the same wherever and whenever it is done."""
        import tensorflow as tf

        tf.saved_model.save(self._module, str(folder), signatures=self.signatures)
        make_reproducible(folder)

    def scores(self, features: dict[str, Any]) -> Any:
        """Score raw features through `serve_tensors` itself.

        Args:
            features: Dense arrays with missing values in band, each of shape (n_rows,).

        Returns:
            Shape (n_rows, outputs), float32.
        """
        import tensorflow as tf

        tensors = {name: tf.constant(features[name]) for name in self._spec.raw}
        return self.signatures["serve_tensors"](**tensors)["score"].numpy()


def _matrix(columns: list[Any], rows: Any, kind: str) -> Any:
    """Columns side by side, shape (n, sum of their widths); n rows even where there are no columns."""
    import tensorflow as tf

    dtype = tf.float32 if kind == "dense" else tf.int32
    if not columns:
        return tf.zeros([rows, 0], dtype)
    return tf.concat([tf.cast(c if len(c.shape) == 2 else c[:, None], dtype) for c in columns], axis=1)

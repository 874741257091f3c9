"""Writing a fitted transformation in TFT's own layout, so that `tft.TFTransformOutput` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from components.transform.fitting import Fitted
from penstock.artifacts import TransformGraph
from penstock.artifacts.saved_models import make_reproducible


def save(fitted: Fitted, signature: Mapping[str, Any], output: TransformGraph) -> None:
    """Write the graph with its vocabularies, and the schemas of what goes in and what comes out.

    Args:
        fitted: The transformation.
        signature: A TensorSpec for each raw column.
        output: Where it goes: `transform_fn/`, `metadata/`, `transformed_metadata/`.
    """
    import tensorflow as tf
    from google.protobuf import text_format
    from tensorflow_transform.tf_metadata import schema_utils

    fitted.save(output.path / "transform_fn")
    make_reproducible(output.path / "transform_fn")
    raw = schema_utils.schema_from_feature_spec(
        {name: tf.io.FixedLenFeature([], spec.dtype) for name, spec in sorted(signature.items())}
    )
    output.write_text("metadata/schema.pbtxt", text_format.MessageToString(raw))
    output.write_text("transformed_metadata/schema.pbtxt", text_format.MessageToString(fitted.schema))
    if fitted.assets:
        output.write_text("transformed_metadata/asset_map", json.dumps(dict(fitted.assets), sort_keys=True))

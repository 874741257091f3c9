"""What is decided about a transformation without touching a tensor: columns, types, and what comes out."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from components.transform.preprocessing import columns_of
from components.transform.spec import TransformParams
from penstock.artifacts.features import FeatureSpec, FeatureType, TransformedFeature, arrow_feature_type
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import schema_pb2


def input_types(params: TransformParams, columns: pa.Schema, reviewed: Collection[str]) -> dict[str, FeatureType]:
    """Decide which raw columns go into the graph, and as what.

    Args:
        params: What was declared.
        columns: The examples' Arrow schema.
        reviewed: Names of the features in the reviewed schema.

    Returns:
        Types by column: of the columns that declared features use, or of all columns for the author's own function.

    Raises:
        BadInput: The label or a feature's column is not in the examples or not in the schema (author of the pipeline).
    """
    names = columns.names
    _must_have(params.label, names, "label", "the examples")
    wanted = columns_of(params.features) if params.features else set(names) - {params.label}
    for name in sorted(wanted):
        if params.features:
            _must_have(name, names, "features", "the examples")
        if name == params.label:
            raise BadInput(f"features: a feature is made from the label {name!r}")
    if params.features:
        for name in sorted(wanted):
            _must_have(name, reviewed, "features", "the schema")
    else:
        wanted = {name for name in names if name in reviewed}
    return {name: arrow_feature_type(columns.field(name).type) for name in sorted(wanted)}


def _must_have(name: str, names: Collection[str], key: str, where: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, list(names), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(names))}"
        raise BadInput(f"{key}: column {name!r} is not in {where}; {hint}")


def feature_spec(
    label: str,
    types: Mapping[str, FeatureType],
    needed: Mapping[str, Collection[str]],
    transformed: schema_pb2.Schema,
) -> FeatureSpec:
    """Describe the graph for those who feed it and those who train on what it puts out.

    Args:
        label: The label's column.
        types: Types of the graph's inputs.
        needed: For each output, the inputs that it is computed from.
        transformed: TFT's schema of the outputs.

    Raises:
        BadInput: An output is text, is not one value a row, has negative categories, or is computed from the label
            (author of the pipeline).
    """
    features = {f.name: _transformed(f) for f in transformed.feature if f.name != label}
    if not features:
        raise BadInput("the transformation puts out no feature")
    for name in sorted(features):
        if label in needed[name]:
            raise BadInput(f"feature {name!r} is computed from the label {label!r}: it would not be known when serving")
    used = {column for name in features for column in needed[name]}
    return FeatureSpec(label=label, raw={n: t for n, t in types.items() if n in used}, transformed=features)


def _transformed(feature: schema_pb2.Feature) -> TransformedFeature:
    from tensorflow_metadata.proto.v0 import schema_pb2

    if feature.type == schema_pb2.BYTES:
        raise BadInput(f"feature {feature.name!r} is text after the transformation; map it to numbers")
    if not feature.HasField("shape") or feature.shape.dim:
        raise BadInput(f"feature {feature.name!r} is not one value a row; give it shape (n,)")
    if feature.type == schema_pb2.INT and feature.int_domain.is_categorical:
        if feature.int_domain.min < 0:
            raise BadInput(
                f"feature {feature.name!r} has negative categories; give its vocabulary num_oov_buckets >= 1"
            )
        return TransformedFeature(kind="index", size=int(feature.int_domain.max) + 1)
    return TransformedFeature(kind="dense")

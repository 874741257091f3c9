"""What is decided about a transformation without touching a tensor: columns, types, and what comes out."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Literal

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
        BadInput: The label or a feature's column is not in the examples or not in the schema, or TensorFlow takes no
            input of that name (author of the pipeline).
    """
    names = columns.names
    _must_have(params.label, names, "label", "the examples")
    if not params.features:
        wanted = {name for name in names if name in reviewed}
    else:
        wanted = {column for name, feature in params.features.items() for column in feature.inputs(name)}
        for name in sorted(wanted):
            _must_have(name, names, "features", "the examples")
            if name == params.label:
                raise BadInput(f"features: a feature is made from the label {name!r}")
            _must_have(name, reviewed, "features", "the schema")
    if "self" in wanted:
        raise BadInput("TensorFlow takes no input called 'self'", "Rename it where it is read (columns: {self_: self})")
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
        BadInput: An output is text, has not as many values in every row, has negative categories, or is computed from
            the label (author of the pipeline).
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
    sizes = [dim.size for dim in feature.shape.dim]
    if not feature.HasField("shape") or len(sizes) > 1 or any(size < 2 for size in sizes):
        raise BadInput(
            f"feature {feature.name!r} is neither one value a row nor a vector of fixed width; "
            "give it shape (n,) or (n, width), width at least 2"
        )
    width = sizes[0] if sizes else 1
    if feature.type == schema_pb2.INT and feature.int_domain.is_categorical:
        if feature.int_domain.min < 0:
            raise BadInput(
                f"feature {feature.name!r} has negative categories; give its vocabulary num_oov_buckets >= 1"
            )
        kind: Literal["index", "tokens"] = "tokens" if sizes else "index"
        return TransformedFeature(kind=kind, size=int(feature.int_domain.max) + 1, width=width)
    return TransformedFeature(kind="dense", width=width)

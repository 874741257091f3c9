"""The interface of `transform`."""

from penstock.artifacts import Examples, Schema, TransformedExamples, TransformGraph
from penstock.sdk import ComponentSpec, In, Out, Params


class TransformParams(Params):
    """Which columns become which features."""


SPEC = ComponentSpec(
    name="transform",
    stage="transform",
    image="runtime",
    summary="Fit the TFT graph on the training split and apply it to every split.",
    params=TransformParams,
    inputs={"examples": In(Examples), "schema": In(Schema)},
    outputs={"transform_graph": Out(TransformGraph), "transformed_examples": Out(TransformedExamples)},
    warm=("tensorflow_transform",),
)

"""The interface of `trainer`."""

from penstock.artifacts import Examples, Model, Schema, TransformedExamples, TransformGraph
from penstock.sdk import ComponentSpec, In, Out, Params


class TrainerParams(Params):
    """The model and how it is trained."""


SPEC = ComponentSpec(
    name="trainer",
    stage="train",
    image="runtime",
    summary="Train a Keras model and export it with the TFT graph inside.",
    params=TrainerParams,
    inputs={
        "examples": In(Examples),
        "transformed_examples": In(TransformedExamples),
        "transform_graph": In(TransformGraph),
        "schema": In(Schema),
    },
    outputs={"model": Out(Model)},
    warm=("tensorflow_transform", "keras"),
)

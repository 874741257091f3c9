"""The interface of `trainer`."""

from __future__ import annotations

from penstock.artifacts import Examples, Model, Schema, TransformedExamples, TransformGraph, Tuning
from penstock.sdk import ComponentSpec, In, Out
from penstock.training.settings import TrainingSettings


class TrainerParams(TrainingSettings):
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
        "tuning": In(Tuning, optional=True),
    },
    outputs={"model": Out(Model)},
    uses=("penstock.training",),
    warm=("tensorflow_transform", "keras", "scipy.optimize"),
)

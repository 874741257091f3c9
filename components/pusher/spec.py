"""The interface of `pusher`."""

from penstock.artifacts import (
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
    PushedModel,
    Schema,
    TransformGraph,
)
from penstock.sdk import ComponentSpec, In, Out, Params


class PusherParams(Params):
    """Where the bundle goes."""


SPEC = ComponentSpec(
    name="pusher",
    stage="deliver",
    image="runtime",
    summary="Write the release bundle of a model that both gates blessed.",
    params=PusherParams,
    inputs={
        "model": In(Model),
        "schema": In(Schema),
        "transform_graph": In(TransformGraph),
        "evaluation": In(ModelEvaluation),
        "blessing": In(ModelBlessing),
        "infra_blessing": In(InfraBlessing),
    },
    outputs={"pushed_model": Out(PushedModel)},
)

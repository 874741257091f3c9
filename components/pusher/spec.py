"""The interface of `pusher`."""

from pydantic import Field

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
    """What the release is called, and where it goes."""

    name: str = Field(default="model", pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=50)
    """The name that the model is released under: lower-case letters, digits and `-`, as Kubernetes takes it."""
    destination: str = ""
    """A folder or a URL (`s3://bucket/releases`) to publish to, as `<destination>/<first 16 digits of the digest>/`;
    empty: the bundle is the task's output and nothing else."""


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
    observes=True,
    uses=("penstock.storage",),
)

"""Publishes numbers."""

from penstock.artifacts import Examples, PushedModel
from penstock.sdk import ComponentSpec, In, Out, Params


class PublishParams(Params):
    pass


SPEC = ComponentSpec(
    name="publish",
    stage="deliver",
    image="runtime",
    summary="Publish numbers.",
    params=PublishParams,
    inputs={"examples": In(Examples)},
    outputs={"pushed_model": Out(PushedModel)},
)

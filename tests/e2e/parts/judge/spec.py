"""Decides about numbers."""

from penstock.artifacts import Examples, ModelBlessing
from penstock.sdk import ComponentSpec, In, Lookup, Out, Params


class JudgeParams(Params):
    most: int = 100
    """The largest number of numbers that passes."""


SPEC = ComponentSpec(
    name="judge",
    stage="analyse",
    image="runtime",
    summary="Judge numbers.",
    params=JudgeParams,
    inputs={
        "examples": In(Examples),
        "before": In(ModelBlessing, optional=True, lookup=Lookup("previous", other_than="examples")),
    },
    outputs={"blessing": Out(ModelBlessing)},
    gate=True,
)

"""Writes numbers; its source is a file outside the pipeline."""

from penstock.artifacts import Examples
from penstock.sdk import ComponentSpec, Out, Params


class NumbersParams(Params):
    count: int = 3
    source: str = ""


SPEC = ComponentSpec(
    name="numbers",
    stage="ingest",
    image="runtime",
    summary="Write numbers.",
    params=NumbersParams,
    outputs={"examples": Out(Examples)},
    observes=True,
)

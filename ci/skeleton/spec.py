"""The interface of `skeleton`."""

from pydantic import Field

from penstock.artifacts import Examples
from penstock.sdk import ComponentSpec, In, Out, Params


class SkeletonParams(Params):
    """When a split is too small."""

    min_rows: int = Field(default=1, ge=0)
    """Smallest number of rows that a split may have [rows]."""


SPEC = ComponentSpec(
    name="skeleton",
    stage="validate",
    image="runtime",
    summary="Leave out splits that are too small.",
    params=SkeletonParams,
    inputs={"examples": In(Examples)},
    outputs={"kept": Out(Examples)},
)

"""Doubles numbers, and misbehaves on demand."""

from penstock.artifacts import Examples
from penstock.sdk import ComponentSpec, In, Out, Params


class DoubleParams(Params):
    factor: int = 2
    seconds: float = 0.0
    """How long to work [s]."""
    fail_until: str = ""
    """A file: each attempt appends a letter to it and fails before it holds three."""
    touch: str = ""
    """A file to write its process id into when work begins."""
    megabytes: int = 0
    """How much to write besides [MB]."""
    crash: bool = False
    leave: bool = False
    """Whether to leave a process behind; its id goes into `touch`."""


SPEC = ComponentSpec(
    name="double",
    stage="transform",
    image="runtime",
    summary="Double numbers.",
    params=DoubleParams,
    inputs={"examples": In(Examples)},
    outputs={"examples_out": Out(Examples)},
    warm=("fractions",),
)

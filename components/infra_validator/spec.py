"""The interface of `infra_validator`."""

from pydantic import Field

from penstock.artifacts import InfraBlessing, Model
from penstock.sdk import ComponentSpec, In, Out, Params


class InfraValidatorParams(Params):
    """The budgets that serving must keep.

    The defaults are wide: they catch a model that cannot serve, not a laptop that was busy.
    """

    tolerance: float = Field(default=1e-5, gt=0, lt=1)
    """How far a served score, or that of any class, may lie from the trainer's own, in (0, 1): absolute for scores up
    to 1 in size, relative beyond."""
    timeout_seconds: float = Field(default=120.0, gt=0, le=3600)
    """How long the server may take from its start to its first prediction [s], and any answer after it."""
    max_p99_ms: float = Field(default=250.0, gt=0)
    """Largest 99th percentile of the latency of a one-row request [ms], from the time that it was due."""
    min_qps: float = Field(default=10.0, gt=0, le=10_000)
    """Smallest rate of one-row requests that the server must answer [1/s]: so many are due in each second of the load
    test, whatever comes back."""
    max_memory_bytes: int = Field(default=4 * 1024**3, gt=0)
    """Largest peak of the server's memory [bytes]."""
    load_seconds: float = Field(default=1.0, gt=0, le=60)
    """Length of one round of the load test [s]."""
    rules: str = ""
    """The rules of the bundle as text (`rules.yaml`, see below): what may be done to scores before they are answers.
    They must fit the model, and every example in them must come out as it says. Empty: none."""


SPEC = ComponentSpec(
    name="infra_validator",
    stage="analyse",
    image="serving",
    summary="Serve the model in the serving environment, compare its answers, and measure it.",
    params=InfraValidatorParams,
    inputs={"model": In(Model)},
    outputs={"blessing": Out(InfraBlessing)},
    gate=True,
    warm=("penstock.serving.kserve_model", "tensorflow"),
    uses=("penstock.serving",),
)

"""The interface of `infra_validator`."""

from penstock.artifacts import InfraBlessing, Model
from penstock.sdk import ComponentSpec, In, Out, Params


class InfraValidatorParams(Params):
    """The budgets that serving must keep."""


SPEC = ComponentSpec(
    name="infra_validator",
    stage="analyse",
    image="serving",
    summary="Serve the model in the serving environment, compare its answers, and measure it.",
    params=InfraValidatorParams,
    inputs={"model": In(Model)},
    outputs={"blessing": Out(InfraBlessing)},
    gate=True,
    warm=("tensorflow", "kserve"),
    runs=("penstock.serving",),
)

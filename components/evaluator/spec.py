"""The interface of `evaluator`."""

from penstock.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from penstock.sdk import ComponentSpec, In, Lookup, Out, Params


class EvaluatorParams(Params):
    """Metrics, slices, thresholds, and how sure one must be."""


SPEC = ComponentSpec(
    name="evaluator",
    stage="analyse",
    image="runtime",
    summary="Score a candidate on every slice against the last blessed model and decide its blessing.",
    params=EvaluatorParams,
    inputs={
        "examples": In(Examples),
        "model": In(Model),
        "baseline": In(Model, optional=True, lookup=Lookup("last_blessed", other_than="model")),
    },
    outputs={"evaluation": Out(ModelEvaluation), "blessing": Out(ModelBlessing)},
    gate=True,
    warm=("tensorflow",),
)

"""The interface of `evaluator`."""

from typing import Any, Literal

from pydantic import Field

from penstock.artifacts import Classification, Examples, Metrics, Model, ModelBlessing, ModelEvaluation
from penstock.sdk import ComponentSpec, In, Lookup, Out, Params


class FairnessGap(Params):
    """How far a metric may differ between the large slices of one feature."""

    feature: str
    """The column whose values are compared; it must be among the slices of `eval_config`."""
    metric: str
    """The name of a metric of `eval_config`, as it stands in the results (`auc`)."""
    max_gap: float | None = Field(default=None, gt=0)
    """Largest difference that is borne between the best and the worst slice [unit of the metric]; none: reported, not
    judged."""


class Costs(Params):
    """What wrong answers cost, in any one currency."""

    false_positive: float = Field(ge=0)
    """Cost of one false positive at a score above 0.5 [currency]."""
    false_negative: float = Field(ge=0)
    """Cost of one false negative at a score of at most 0.5 [currency]."""
    max_increase: float | None = Field(default=None, ge=0)
    """Largest rise of the mean cost against the baseline [currency per row]; none: reported, not judged."""


ImportanceMetric = Literal["auc", "skill", "accuracy", "loss"]


class PermutationImportance(Params):
    """How the importance of the features is measured; it decides nothing."""

    repeats: int = Field(default=5, ge=0, le=100)
    """How often each feature is shuffled, in [0, 100]; 0 measures no importance."""
    max_rows: int = Field(default=4096, ge=2)
    """Most rows of the judged split to do it on [rows], evenly spaced; very many features get fewer rows each."""
    metric: Literal["by_task", ImportanceMetric] = "by_task"
    """What gets worse (`loss`: cross-entropy or squared error); `by_task`: `auc` for two classes, else `skill`."""


class EvaluatorParams(Params):
    """Metrics, slices, thresholds, and how sure one must be."""

    eval_config: dict[str, Any]
    """TFMA's `EvalConfig` in the JSON form of protocol buffers: `slicing_specs`, `metrics_specs` with thresholds."""
    splits: list[str] = Field(default=["train", "eval"], min_length=1)
    """Splits to score; the last one is judged, the others are reported."""
    report_rows: int = Field(default=100_000, gt=0)
    """Most rows of a split that is only reported [rows]: above it, evenly spaced ones stand for all."""
    min_slice_rows: int = Field(default=1000, ge=30)
    """Rows from which a slice may close the gate [rows]; a smaller one is Inconclusive whatever it shows."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of the intervals, in (0.5, 1); over slices it holds for all of them together."""
    bootstrap_replicates: int = Field(default=200, ge=50, le=10_000)
    """Resamples behind each standard error, in [50, 10000]."""
    seed: int = Field(default=0, ge=0)
    """Seed of the resampling."""
    fairness: list[FairnessGap] = []
    """Gaps between slices to report, and what is borne of them."""
    costs: Costs | None = None
    """Cost of false positives and false negatives; adds the metric `cost`."""
    importance: PermutationImportance = PermutationImportance()
    """How the importance of the features is measured."""
    use_baseline: bool = True
    """Whether to compare with the last blessed model; without it only absolute thresholds judge."""
    engine: Literal["vectorised", "tfma"] = "vectorised"
    """Who computes the metrics: NumPy in one process, or TFMA on Beam, which knows more metrics and is slower."""


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
    outputs={
        "evaluation": Out(ModelEvaluation),
        "blessing": Out(ModelBlessing),
        "metrics": Out(Metrics),
        "classification": Out(Classification),
    },
    gate=True,
    warm=("tensorflow", "pyarrow.parquet", "pyarrow.compute", "scipy.sparse"),
)

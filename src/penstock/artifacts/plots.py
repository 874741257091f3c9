"""What an evaluation shows beyond its metrics: curves, matrices, the importance of features; ready to be drawn."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from penstock.artifacts.task import TaskKind

PLOTS_FILE = "plots.json"
"""The name of the plots' file in an evaluation."""

CLASSIFICATION_FILE = "classification.json"
"""The name of the file of what Kubeflow's pages draw."""


class _Drawn(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Curve(_Drawn):
    """A line through points, at most some 200, in order of the threshold, from strict to lenient."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float | None = None
    """The area below it."""
    thresholds: tuple[float, ...] = ()
    """Of a ROC curve, the score from which on a row counts as positive, at each point."""

    @model_validator(mode="after")
    def _a_y_for_each_x(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError(f"a curve of {len(self.x)} x and {len(self.y)} y")
        if self.thresholds and len(self.thresholds) != len(self.x):
            raise ValueError(f"a curve of {len(self.x)} x and {len(self.thresholds)} thresholds")
        return self


class CalibrationBin(_Drawn):
    """Rows with about the same score."""

    rows: int
    mean_score: float
    mean_label: float
    lower: float
    """Bound of the mean label, at the evaluation's confidence."""
    upper: float


class Histogram(_Drawn):
    """Counts between edges."""

    edges: tuple[float, ...]
    """One more than counts, rising."""
    counts: tuple[int, ...]

    @model_validator(mode="after")
    def _counts_between_edges(self) -> Self:
        if not self.counts or len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"a histogram of {len(self.counts)} counts between {len(self.edges)} edges")
        return self


class ModelPlots(_Drawn):
    """One model on the judged split; what does not suit the task is empty."""

    roc: dict[str, Curve] = {}
    """False positive rate against true positive rate, by class: each against the rest; one entry for `binary`, named
    by the positive class (`1` where classes have no names). Of very many classes the most frequent; none where a
    class has no rows, or all of them."""
    precision_recall: dict[str, Curve] = {}
    """Recall against precision, as `roc`."""
    calibration: dict[str, tuple[CalibrationBin, ...]] = {}
    """By class, as `roc`, some 10 to 20 bins of equally many rows."""
    scores: dict[str, Histogram] = {}
    """Scores of the rows, by what their label is (`binary`)."""
    confusion: tuple[tuple[int, ...], ...] = ()
    """Rows by label (outer) and answer (inner): the class with the highest score, for `binary` above 0.5."""
    residuals: Histogram | None = None
    """Estimate minus label (`regression`); the outermost bins hold what lies beyond their edges as well."""
    estimate_by_label: tuple[CalibrationBin, ...] = ()
    """`regression`: bins of equally many rows by estimate; `mean_score` is the mean estimate."""

    @model_validator(mode="after")
    def _as_many_answers_as_labels(self) -> Self:
        if any(len(row) != len(self.confusion) for row in self.confusion):
            raise ValueError("a confusion matrix that is not square")
        return self


class Importance(_Drawn):
    """How much worse the metric gets when a feature's values are shuffled among the rows."""

    feature: str
    drop: float
    """Mean worsening [unit of the metric]; positive where the feature helps."""
    lower: float
    upper: float


class EvaluationPlots(_Drawn):
    """`PLOTS_FILE` in an evaluation."""

    split: str
    rows: int
    task: TaskKind
    classes: tuple[str, ...] = ()
    confidence: float
    """Of every interval here."""
    candidate: ModelPlots
    baseline: ModelPlots | None = None
    importance_metric: str = ""
    importance: tuple[Importance, ...] = ()
    """Most important first; of the candidate."""


class ConfidenceMetric(_Drawn):
    """One point of a ROC curve, in the words of KFP."""

    confidenceThreshold: float  # noqa: N815
    recall: float
    falsePositiveRate: float  # noqa: N815


class AnnotationSpec(_Drawn):
    """One class."""

    displayName: str  # noqa: N815


class ConfusionRow(_Drawn):
    """The answers to the rows of one class."""

    row: tuple[int, ...]


class ConfusionMatrix(_Drawn):
    """Rows by label (outer) and answer (inner)."""

    annotationSpecs: tuple[AnnotationSpec, ...]  # noqa: N815
    rows: tuple[ConfusionRow, ...]


class ClassificationPlots(_Drawn):
    """`CLASSIFICATION_FILE`: what Kubeflow's pages draw of a classifier, in the words of KFP."""

    confidenceMetrics: tuple[ConfidenceMetric, ...] | None = None  # noqa: N815
    """The ROC curve, from strict to lenient."""
    confusionMatrix: ConfusionMatrix | None = None  # noqa: N815

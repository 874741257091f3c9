"""What is drawn of an evaluation: curves, calibration, histograms and matrices of the judged split. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from components.evaluator.bins import equal_bins, histogram, rounded, usual_range
from components.evaluator.curves import CURVES, CurveMetric
from components.evaluator.measurement import Role
from components.evaluator.statistics import Rows, View
from components.evaluator.thinning import thin
from penstock.artifacts.plots import (
    AnnotationSpec,
    ClassificationPlots,
    ConfidenceMetric,
    ConfusionMatrix,
    ConfusionRow,
    Curve,
    EvaluationPlots,
    Histogram,
    Importance,
    ModelPlots,
)
from penstock.artifacts.task import Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

_MOST_POINTS = 200
_MOST_CURVES = 20
"""Of more classes than that, the ones with the most rows have curves."""
_MOST_CLASSES = 50
"""Of a matrix on Kubeflow's page, which has no way to look at a part of it."""


def draw(
    label: Array,
    scores: Mapping[Role, Array],
    task: Task | None,
    *,
    split: str,
    confidence: float,
    importance: tuple[Importance, ...] = (),
    importance_metric: str = "",
) -> EvaluationPlots:
    """Gather everything that is drawn.

    Args:
        label: Shape (n_rows,), float64.
        scores: Scores of each model, shape (n_rows,) or (n_rows, n_classes); rows that are not finite are left out.
        task: What the models answer; None where they do not say: then the labels do.
        split: The split's name.
        confidence: Of every interval.
        importance: Of the features.
        importance_metric: The metric that it is measured by.
    """
    task = task or implied_task(label)
    drawn = {role: _model(Rows(label, score), task, confidence) for role, score in scores.items()}
    return EvaluationPlots(
        split=split,
        rows=len(label),
        task=task.kind,
        classes=task.classes,
        confidence=confidence,
        candidate=drawn[Role.CANDIDATE],
        baseline=drawn.get(Role.BASELINE),
        importance_metric=importance_metric,
        importance=importance,
    )


def for_kubeflow(plots: EvaluationPlots) -> ClassificationPlots:
    """What Kubeflow's pages draw of the candidate: of two classes the ROC curve, and the matrix of a few classes.

    Its page has one curve an artifact, so there is none for more than two classes: those are in the report.
    """
    model, classes = plots.candidate, plots.classes or ("0", "1")
    roc = next(iter(model.roc.values()), None) if plots.task == "binary" else None
    names = classes if 0 < len(model.confusion) == len(classes) <= _MOST_CLASSES else ()
    points = zip(roc.thresholds, roc.y, roc.x, strict=True) if roc else ()
    return ClassificationPlots(
        confidenceMetrics=tuple(
            ConfidenceMetric(confidenceThreshold=threshold, recall=recall, falsePositiveRate=rate)
            for threshold, recall, rate in points
        )
        or None,
        confusionMatrix=ConfusionMatrix(
            annotationSpecs=tuple(AnnotationSpec(displayName=name) for name in names),
            rows=tuple(ConfusionRow(row=row) for row in model.confusion),
        )
        if names
        else None,
    )


def implied_task(label: Array) -> Task:
    """The task of a model that does not say: binary where all labels are 0 or 1."""
    import numpy as np

    return Task(kind="binary" if np.isin(label, (0.0, 1.0)).all() else "regression")


def _model(rows: Rows, task: Task, confidence: float) -> ModelPlots:
    import numpy as np

    fit = np.isfinite(rows.score.reshape(len(rows.score), -1)).all(axis=1)
    rows = rows if fit.all() else Rows(rows.label[fit], rows.score[fit])
    if not len(rows.label):
        return ModelPlots()
    if task.kind == "regression":
        residuals = rows.score - rows.label
        return ModelPlots(
            residuals=histogram(residuals, *usual_range(residuals)),
            estimate_by_label=equal_bins(rows.score, rows.label, confidence, share=False),
        )
    sides = dict(_sides(rows, task))
    curves = {name: _curves(side) for name, side in sides.items() if 0 < side.label.sum() < len(side.label)}
    return ModelPlots(
        roc={name: roc for name, (roc, _) in curves.items()},
        precision_recall={name: pr for name, (_, pr) in curves.items()},
        calibration={name: equal_bins(s.score, s.label, confidence, share=True) for name, s in sides.items()},
        scores=dict(_score_histograms(rows, task)) if task.kind == "binary" else {},
        confusion=_confusion(rows, max(task.outputs, 2)),
    )


def _class_name(task: Task, number: int) -> str:
    return task.classes[number] if task.classes else str(number)


def _sides(rows: Rows, task: Task) -> Iterator[tuple[str, Rows]]:
    """Each class against the rest, by name; of two classes the positive one."""
    import numpy as np

    if task.kind == "binary":
        yield _class_name(task, 1), rows
        return
    counts = np.bincount(rows.label.astype(np.int64), minlength=task.outputs)
    for number in sorted(np.argsort(-counts, kind="stable")[:_MOST_CURVES].tolist()):
        yield _class_name(task, number), rows.sides(View((number,)))[0]


def _curves(side: Rows) -> tuple[Curve, Curve]:
    """The ROC and the precision-recall curve, through every distinct score before they are thinned."""
    import numpy as np

    order = np.argsort(-side.score, kind="stable")
    score, label = side.score[order], side.label[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    above = np.concatenate([[0.0], np.cumsum(label)[last]])
    below = np.concatenate([[0.0], (last + 1) - above[1:]])
    positives, negatives = above[-1], below[-1]
    recall, precision = above / positives, above[1:] / (above[1:] + below[1:])
    pos, neg = np.diff(above), np.diff(below)
    parts = pos, neg, above[:-1], below[:-1]
    roc, pr = (_area(metric, parts, positives, negatives) for metric in CURVES.values())
    thresholds = np.append(max(1.0, score[0]), score[last])  # before the first row, none is positive
    return (
        _curve(below / negatives, recall, roc, thresholds),
        _curve(recall, np.append(precision[:1], precision), pr),
    )


def _area(metric: CurveMetric, parts: tuple[Array, Array, Array, Array], positives: float, negatives: float) -> float:
    import numpy as np

    return float(metric.increment(*parts).sum() / metric.scale(np.array(positives), np.array(negatives)))


def _curve(x: Array, y: Array, area: float, thresholds: Array | None = None) -> Curve:
    import numpy as np

    kept = thin(x, y, _MOST_POINTS)
    return Curve(
        x=rounded(x[kept]),
        y=rounded(y[kept]),
        area=rounded(np.array([area]))[0],
        thresholds=() if thresholds is None else rounded(thresholds[kept]),
    )


def _score_histograms(rows: Rows, task: Task) -> Iterator[tuple[str, Histogram]]:
    for number in (0, 1):
        yield _class_name(task, number), histogram(rows.score[rows.label == number], 0.0, 1.0)


def _confusion(rows: Rows, classes: int) -> tuple[tuple[int, ...], ...]:
    import numpy as np

    answer = rows.score.argmax(axis=1) if rows.score.ndim > 1 else (rows.score > 0.5).astype(np.int64)
    counts = np.bincount(rows.label.astype(np.int64) * classes + answer, minlength=classes * classes)
    return tuple(tuple(row) for row in counts.reshape(classes, classes).tolist())

"""How good scores are, for the history of a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.artifacts.task import TaskKind

Floats = npt.NDArray[np.floating[Any]]


def metrics(labels: Floats, scores: Floats, task: TaskKind) -> dict[str, float]:
    """Measure scores against labels.

    Args:
        labels: Shape (n_rows,), float32.
        scores: Shape (n_rows, outputs), float32: probabilities or estimates.
        task: What the scores are.

    Returns:
        Binary: `auc`, `accuracy` at 0.5. Multi-class: `accuracy` of the class with the highest score. Regression: `mae`
        and `rmse` in the label's unit, `r2`.
    """
    if task == "multiclass":
        return {"accuracy": float(np.mean(scores.argmax(axis=1) == labels))}
    first = scores[:, 0]
    if task == "binary":
        return {"auc": auc(labels, first), "accuracy": float(np.mean((first >= 0.5) == (labels == 1)))}
    wrong = labels.astype(np.float64) - first
    squared, variance = float(np.mean(wrong**2)), float(np.var(labels, dtype=np.float64))
    return {
        "mae": float(np.mean(np.abs(wrong))),
        "rmse": squared**0.5,
        "r2": 1 - squared / variance if variance else 0.0,
    }


def auc(labels: Floats, scores: Floats) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Returns:
        In [0, 1]; NaN-free: 0.5 when one of the classes is absent.

    Source:
        Hanley and McNeil 1982, through ranks (Mann-Whitney U).

    Example:
        >>> auc(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
    """
    order = np.argsort(scores, kind="stable")
    ordered, positive = scores[order], labels[order] == 1
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # where each group of equal scores ends
    first = np.insert(last[:-1] + 1, 0, 0)
    positives = np.diff(np.insert(np.cumsum(positive)[last], 0, 0))
    total = int(positives.sum())
    others = len(ordered) - total
    if not total or not others:
        return 0.5
    ranks = (first + last) / 2 + 1
    return float((np.dot(ranks, positives) - total * (total + 1) / 2) / (total * others))

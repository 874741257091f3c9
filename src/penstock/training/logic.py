"""What training decides with numbers alone: sizes, weights, metrics, when to stop, which rows to show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.sdk import PenstockError

Floats = npt.NDArray[np.floating[Any]]

_LEAST_EXPLAINED = 1e-4
"""The share of the best constant's loss that a model must explain [fraction]."""


def embedding_width(categories: int, largest: int) -> int:
    """Choose how many numbers stand for a category.

    Args:
        categories: Number of categories, >= 1.
        largest: Upper bound, >= 1.

    Source:
        Rule of thumb `n ** 0.25` of the TensorFlow feature column guide (2017), doubled and rounded up to a power of
        two.

    Example:
        >>> embedding_width(16, 16), embedding_width(2000, 16), embedding_width(3, 2)
        (4, 16, 2)
    """
    return min(largest, int(2 ** math.ceil(math.log2(2 * categories**0.25))))


def class_weights(labels: Floats, mode: Literal["none", "balanced"]) -> Floats:
    """Weigh rows, with a mean of 1.

    Args:
        labels: 0 or 1, shape (n_rows,).
        mode: `balanced` gives both classes half of the weight.

    Example:
        >>> class_weights(np.array([0.0, 0.0, 0.0, 0.0, 1.0]), "balanced").tolist()
        [0.625, 0.625, 0.625, 0.625, 2.5]
    """
    if mode == "none":
        return np.ones(len(labels), np.float32)
    positives = float(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        raise PenstockError("class_weights 'balanced' needs both classes in the training split")
    return np.where(labels == 1, len(labels) / (2 * positives), len(labels) / (2 * negatives)).astype(np.float32)


def shuffled(rows: int, seed: int, epoch: int) -> npt.NDArray[np.int32]:
    """The order of the rows in an epoch; depends on nothing but the arguments."""
    return np.random.default_rng((seed, epoch)).permutation(rows).astype(np.int32)


def metrics(labels: Floats, scores: Floats, task: str) -> dict[str, float]:
    """Measure scores against labels.

    Args:
        labels: Shape (n_rows,), float32.
        scores: Shape (n_rows,), float32; probabilities for a binary task.
        task: `binary` or `regression`.

    Returns:
        Binary: `loss` (mean log loss [nats]), `auc`, `accuracy` at 0.5. Regression: `loss` (mean squared error), `mae`.
    """
    loss = mean_loss(labels, scores, task)
    if task == "regression":
        return {"loss": loss, "mae": float(np.mean(np.abs(labels.astype(np.float64) - scores)))}
    return {"loss": loss, "auc": auc(labels, scores), "accuracy": float(np.mean((scores >= 0.5) == (labels == 1)))}


def mean_loss(labels: Floats, scores: Floats, task: str, weights: Floats | None = None) -> float:
    """The mean loss, log loss [nats] or squared error, each row counting as its weight says.

    Args:
        labels: Shape (n_rows,).
        scores: Shape (n_rows,); probabilities for a binary task.
        task: `binary` or `regression`.
        weights: Shape (n_rows,); None for equal weights.
    """
    y, p = labels.astype(np.float64), scores.astype(np.float64)
    if task == "regression":
        losses = (y - p) ** 2
    else:
        clipped = np.clip(p, 1e-7, 1 - 1e-7)
        losses = -np.where(y == 1, np.log(clipped), np.log1p(-clipped))
    return float(np.average(losses, weights=weights))


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


def must_be_finite(name: str, values: npt.ArrayLike, where: str) -> None:
    """Refuse numbers that are not.

    Raises:
        PenstockError: There is a NaN or an infinity (author of the pipeline).
    """
    bad = int(np.size(values) - np.isfinite(values).sum())
    if bad:
        raise PenstockError(
            f"{bad} of {np.size(values)} values of the {name} are NaN or infinite {where}",
            "Look for features that are not scaled, or lower the learning rate",
        )


def must_have_fallen(before: float, after: float, what: str) -> None:
    """Refuse a training that taught nothing.

    Raises:
        PenstockError: The loss is not smaller than it was (author of the pipeline).
    """
    if not after < before:
        raise PenstockError(
            f"the loss did not fall: {before:.6g} before, {after:.6g} after {what}",
            "Lower the learning rate, or look at the label and the features",
        )


def best_constant_loss(labels: Floats, task: str, weights: Floats | None = None) -> float:
    """The loss of always answering the mean: what a model reaches that looks at no feature.

    No other constant has a smaller log loss or squared error.

    Example:
        >>> best_constant_loss(np.array([1.0, 3.0]), "regression")
        1.0
    """
    mean = np.average(labels.astype(np.float64), weights=weights)
    return mean_loss(labels, np.full(len(labels), mean), task, weights)


def must_have_learnt(loss: float, constant: float, what: str) -> None:
    """Refuse a model that answers no better than a constant would.

    The margin is as small as noise allows: real labels that hardly hang on the features must not raise a false alarm.
    With it, a binary model passes from an area under the ROC curve of about 0.51 on.

    Args:
        loss: Of the trained model, on rows that it was trained on.
        constant: `best_constant_loss` on the same rows.
        what: What was done to reach it, for the message.

    Raises:
        PenstockError: It explains less than a ten-thousandth of that loss (author of the pipeline).

    Source:
        `1 - loss / constant` is R squared for squared error, and for log loss McFadden's pseudo R squared, in:
        Conditional logit analysis of qualitative choice behavior (1974).
    """
    if not loss < (1 - _LEAST_EXPLAINED) * constant:
        raise PenstockError(
            f"the model learned nothing: after {what} its loss is {loss:.6g}, "
            f"always answering the mean has {constant:.6g}",
            "Lower the learning rate or the regularisation, train longer, or look whether the features say anything",
        )


def rows_seen(steps: int, rows: int, batch_size: int) -> int:
    """How many rows were learnt from [rows], each epoch counting them again.

    Example:
        >>> rows_seen(3, rows=10, batch_size=8), rows_seen(1, rows=10, batch_size=100)
        (18, 10)
    """
    epochs, more = divmod(steps, math.ceil(rows / batch_size))
    return epochs * rows + more * batch_size


def should_stop(losses: Sequence[float], patience: int) -> bool:
    """Say whether the last `patience` epochs brought no smaller loss.

    Example:
        >>> should_stop([0.5, 0.4, 0.41, 0.42], 2), should_stop([0.5, 0.4, 0.41], 2), should_stop([0.5, 0.6], 0)
        (True, False, False)
    """
    return patience > 0 and bool(losses) and len(losses) - 1 - int(np.argmin(losses)) >= patience


def handful(labels: Floats, count: int) -> npt.NDArray[np.intp]:
    """Pick rows from the whole of the split, half of each class where there are two.

    Returns:
        Row numbers, rising, at most `count`.
    """
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    if not len(positive) or not len(negative):
        return spread(len(labels), count)
    half = count // 2
    return np.sort(
        np.concatenate([positive[spread(len(positive), half)], negative[spread(len(negative), count - half)]])
    )


def spread(rows: int, count: int) -> npt.NDArray[np.intp]:
    """Row numbers at equal distances over the whole, first and last among them.

    Example:
        >>> spread(10, 4).tolist(), spread(2, 4).tolist()
        ([0, 3, 6, 9], [0, 1])
    """
    return np.unique(np.linspace(0, rows - 1, min(rows, count)).astype(np.intp))


def history_entry(epoch: int, steps: int, **measured: Mapping[str, float]) -> dict[str, Any]:
    """One line of `history.json`: metrics by split, and where in the training they were taken."""
    return {"epoch": epoch, "steps": steps, **{split: dict(values) for split, values in measured.items()}}

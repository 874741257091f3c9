"""What training decides with numbers alone: sizes, weights, rates, when to stop, which rows to show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.sdk import PenstockError

Floats = npt.NDArray[np.floating[Any]]

_WARM_UP = 0.05
"""Share of the steps in which a rate that falls rises first [fraction]."""


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


def class_weights(labels: Floats, mode: Literal["none", "balanced"], classes: int = 2) -> npt.NDArray[np.float32]:
    """Weigh rows, with a mean of 1.

    Args:
        labels: Numbers of classes, shape (n_rows,).
        mode: `balanced` gives each class the same weight as a whole.
        classes: How many there are, >= 2.

    Raises:
        PenstockError: `balanced`, and a class has no row (author of the pipeline).

    Example:
        >>> class_weights(np.array([0.0, 0.0, 0.0, 0.0, 1.0]), "balanced").tolist()
        [0.625, 0.625, 0.625, 0.625, 2.5]
    """
    if mode == "none":
        return np.ones(len(labels), np.float32)
    counts = np.bincount(labels.astype(np.int64), minlength=classes)
    if not counts.all():
        lacking = ", ".join(str(number) for number in np.flatnonzero(counts == 0)[:5])
        raise PenstockError(f"class_weights 'balanced' needs every class in the training split; it lacks {lacking}")
    return (len(labels) / (classes * counts))[labels.astype(np.int64)].astype(np.float32)


def shuffled(rows: int, seed: int, epoch: int) -> npt.NDArray[np.int32]:
    """The order of the rows in an epoch; depends on nothing but the arguments."""
    return np.random.default_rng((seed, epoch)).permutation(rows).astype(np.int32)


def rates(schedule: Literal["constant", "cosine"], rate: float, steps: int) -> npt.NDArray[np.float32]:
    """The learning rate of each step.

    Args:
        schedule: `cosine` rises in the first twentieth of the steps and then falls along a half wave to 0.
        rate: The largest.
        steps: Of the whole training.

    Returns:
        Shape (steps,).

    Source:
        Loshchilov and Hutter, SGDR: Stochastic gradient descent with warm restarts (2017), equation 5, without
        restarts.

    Example:
        >>> rates("cosine", 1.0, 3).round(3).tolist()
        [1.0, 0.75, 0.25]
    """
    if schedule == "constant":
        return np.full(steps, rate, np.float32)
    at, warm = np.arange(steps), math.ceil(_WARM_UP * steps)
    falling = (1 + np.cos(np.pi * np.maximum(at + 1 - warm, 0) / (steps + 1 - warm))) / 2
    return (rate * np.minimum((at + 1) / warm, falling)).astype(np.float32)


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
    """Pick rows from the whole of the split, half of them the smallest label's, where it has as many.

    Returns:
        Row numbers, rising, at most `count`.
    """
    low = labels == labels.min()
    one, other = np.flatnonzero(low), np.flatnonzero(~low)
    if not len(one) or not len(other):
        return spread(len(labels), count)
    half = count // 2
    return np.sort(np.concatenate([other[spread(len(other), half)], one[spread(len(one), count - half)]]))


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

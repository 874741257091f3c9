"""How well one column alone predicts the label, on rows that it was not fitted on.

The predictor is the simplest there is: for each code of the column, what the label was on one half of the rows; it is
scored on the other half, and the other way round. A column whose values do not come again, as those of ids, thus
predicts nothing, however well it would name the rows that it was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.artifacts.task import TaskKind
from penstock.profiling.coding import Coded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

_FEWEST_OF_A_CLASS = 8
"""With fewer rows of the rarer class among those looked at, chance can be perfect [rows]."""


@dataclass(frozen=True)
class Target:
    """The label of the sampled rows."""

    task: TaskKind
    values: Array
    """Shape (n,): the number of the class; for `regression` the rank of the label, in [0, 1], so that neither its unit
    nor its tail counts. Rows without a label are not here."""
    rows: npt.NDArray[np.int64]
    """Which of the sampled rows these are, shape (n,)."""

    @property
    def measure(self) -> str:
        """What a score is: the area under the ROC curve, the accuracy, or the share of the variance of ranks."""
        return {"binary": "AUC", "multiclass": "accuracy", "regression": "R2"}[self.task]


def rank(values: Array) -> Array:
    """The mean rank of each value, in (0, 1).

    Example:
        >>> import numpy
        >>> rank(numpy.array([10.0, 30.0, 10.0, 20.0])).tolist()
        [0.25, 0.875, 0.25, 0.625]
    """
    import numpy as np

    _, back, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    ranks: Array = (middle / len(values))[back]
    return ranks


def predictive_power(column: Coded, target: Target) -> float:
    """Score a column as the only predictor.

    Returns:
        In [0, 1], 1 for a perfect predictor; NaN where the rows are too few to tell. `binary`: the area under the ROC
        curve, 0.5 for none. `multiclass`: the accuracy. `regression`: R2 of the ranks, 0 for none.
    """
    import numpy as np

    codes = column.codes[target.rows]
    first = _halves(len(codes))
    if target.task == "regression":
        scores = [_r2(codes, column.size, target.values, fit) for fit in (first, ~first)]
        if column.ordered and not column.missing.any():  # rising or falling needs no fit, so no bin loses rows to it
            return max(float(np.mean(scores)), _r2_of_order(codes, target.values))
    elif np.bincount(target.values.astype(np.int64)).min(initial=len(codes)) < _FEWEST_OF_A_CLASS:
        return float("nan")
    elif target.task == "multiclass":
        scores = [_accuracy(codes, column.size, target.values, fit) for fit in (first, ~first)]
    else:
        scores = [_auc_of_rates(codes, column.size, target.values, fit) for fit in (first, ~first)]
        if column.ordered and not column.missing.any():  # rising or falling needs no fit
            direct = area_under_curve(codes, column.size, target.values)
            return max(float(np.mean(scores)), direct, 1 - direct)
    return float(np.mean(scores))


def area_under_curve(codes: npt.NDArray[np.int64], size: int, label: Array) -> float:
    """The area under the ROC curve of scores that are codes, ties counted half.

    Example:
        >>> import numpy
        >>> area_under_curve(numpy.array([0, 0, 1, 1]), 2, numpy.array([0.0, 1.0, 0.0, 1.0]))
        0.5
    """
    import numpy as np

    positives = np.bincount(codes, weights=label, minlength=size)
    negatives = np.bincount(codes, minlength=size) - positives
    below = np.cumsum(negatives) - negatives
    pairs = positives.sum() * negatives.sum()
    return float((positives * (below + negatives / 2)).sum() / pairs) if pairs else float("nan")


def _halves(rows: int) -> npt.NDArray[np.bool_]:
    """True for about half of the rows, the same each time, and in no step with any order of the rows."""
    import numpy as np

    half = np.zeros(rows, dtype=bool)
    half[np.random.default_rng(0).permutation(rows)[: rows // 2]] = True
    return half


def _auc_of_rates(codes: npt.NDArray[np.int64], size: int, label: Array, fit: npt.NDArray[np.bool_]) -> float:
    import numpy as np

    rates = _means(codes, size, label, fit)
    order, ranked = np.unique(rates, return_inverse=True)
    return area_under_curve(ranked[codes[~fit]], len(order), label[~fit])


def _accuracy(codes: npt.NDArray[np.int64], size: int, label: Array, fit: npt.NDArray[np.bool_]) -> float:
    import numpy as np

    classes = int(label.max()) + 1
    counts = np.bincount(codes[fit] * classes + label[fit].astype(np.int64), minlength=size * classes)
    counts = counts.reshape(size, classes) + 0.5 * counts.reshape(size, classes).sum(axis=0) / max(fit.sum(), 1)
    return float(np.mean(counts.argmax(axis=1)[codes[~fit]] == label[~fit]))


def _r2(codes: npt.NDArray[np.int64], size: int, label: Array, fit: npt.NDArray[np.bool_]) -> float:
    import numpy as np

    predicted, actual = _means(codes, size, label, fit)[codes[~fit]], label[~fit]
    spread = np.sum((actual - actual.mean()) ** 2)
    return float(max(0.0, 1 - np.sum((actual - predicted) ** 2) / spread)) if spread else 0.0


def _r2_of_order(codes: npt.NDArray[np.int64], label: Array) -> float:
    """The squared correlation of ranks (Spearman's), 0 where one of them never changes."""
    import numpy as np

    ranks = rank(codes.astype(np.float64))
    if not (ranks.std() and label.std()):
        return 0.0
    return float(np.corrcoef(ranks, label)[0, 1] ** 2)


def _means(codes: npt.NDArray[np.int64], size: int, label: Array, fit: npt.NDArray[np.bool_]) -> Array:
    """The label's mean by code on the rows to fit on, each drawn to the mean of all as by one row more."""
    import numpy as np

    overall = label[fit].mean()
    sums = np.bincount(codes[fit], weights=label[fit], minlength=size)
    means: Array = (sums + overall) / (np.bincount(codes[fit], minlength=size) + 1)
    return means

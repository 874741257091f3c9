"""Areas under curves, from positives and negatives counted in bins of the score. To the last bin as in TFMA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.evaluator.statistics import EPSILON

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

CURVE_BINS = 10_000
"""Thresholds of a curve; TFMA's default."""


@dataclass(frozen=True)
class CurveMetric:
    """The area under a curve, from positives and negatives per bin of the score.

    Args:
        name: The name in results, TFMA's default.
        increment: From positives and negatives in a bin and above it, to the bin's share of the area, before
            division by `scale`.
        scale: From all positives and all negatives, to what the sum of shares is divided by.
        needs_negatives_above: Whether `increment` looks at the negatives above a bin; None is passed where no
            metric does.
    """

    name: str
    increment: Callable[[Array, Array, Array, Array | None], Array]
    scale: Callable[[Array, Array], Array]
    needs_negatives_above: bool = False
    trials: tuple[tuple[str, ...], ...] = (("positive",), ("negative",))
    """As `SumMetric.trials`: an area is known no better than a share of the rarer class."""


def curve_bins(score: Array) -> npt.NDArray[np.int64]:
    """Put scores into the bins between a curve's thresholds.

    TFMA first counts scores in 10,000 buckets of equal width, then moves each bucket, by its left edge, to one of
    9,999 intervals between thresholds, which lie a hair's breadth above the edges. Both steps are taken, so that the
    areas agree exactly and not to within a bin.

    Args:
        score: Shape (n_rows,), float64, finite.

    Returns:
        Bins, shape (n_rows,), in [0, 9998]; larger is a larger score.

    Source:
        tensorflow_model_analysis 0.47.1, metrics/calibration_histogram.py (`_bucket_index`, `rebin`) and
        metrics/binary_confusion_matrices.py (`_interpolated_thresholds`, `binary_confusion_matrices`).

    Example:
        >>> import numpy
        >>> curve_bins(numpy.array([0.0, 0.5, 1.0])).tolist()
        [0, 4999, 9998]
    """
    import numpy as np

    buckets = np.clip(np.floor(score * CURVE_BINS), -1, CURVE_BINS).astype(np.int64)
    edges = np.arange(CURVE_BINS + 1) / CURVE_BINS
    inner = np.arange(1, CURVE_BINS - 1) / (CURVE_BINS - 1) + EPSILON
    of_bucket = np.searchsorted(inner, edges, side="right")
    return np.where(buckets < 0, 0, of_bucket[buckets])


def _roc_increment(pos: Array, neg: Array, pos_above: Array, _neg_above: Array | None) -> Array:
    """Trapezoid between two thresholds of the ROC curve, times positives and negatives."""
    return neg * (pos_above + pos / 2)


def _pr_increment(pos: Array, neg: Array, pos_above: Array, neg_above: Array | None) -> Array:
    """Area between two thresholds of the precision-recall curve, true positives interpolated, times positives.

    Source:
        Davis and Goadrich, "The relationship between precision-recall and ROC curves", ICML 2006; in the closed
        form of Keras's AUC.
    """
    import numpy as np

    assert neg_above is not None  # noqa: S101 - the metric says that it needs it
    above = pos_above + neg_above
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = pos / (pos + neg)
        ratio = np.where(above > 0, (above + pos + neg) / above, 1.0)
        share = slope * (pos + (pos_above - slope * above) * np.log(ratio))
    return np.asarray(np.nan_to_num(share, nan=0.0))


CURVES = {
    "AUC": CurveMetric("auc", _roc_increment, lambda pos, neg: pos * neg),
    "AUCPrecisionRecall": CurveMetric(
        "auc_precision_recall", _pr_increment, lambda pos, _neg: pos, needs_negatives_above=True
    ),
}
"""Curves by TFMA's class name."""

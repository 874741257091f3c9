"""The metrics that the vectorised engine knows, as functions of sums over rows.

A metric is either a function of sums of row statistics (`SumMetric`: accuracy, cross-entropy, squared error), or the
area under a curve over binned scores (`CurveMetric`). Both are linear in the weights of the rows until the very end,
so one pass serves any number of resamples. Definitions are TFMA's, to the last bin; where it calls Keras, Keras's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

CURVE_BINS = 10_000
"""Thresholds of a curve; TFMA's default."""
_EPSILON = 1e-7
"""What TFMA moves thresholds by, and what Keras clips probabilities with."""


@dataclass(frozen=True)
class SumMetric:
    """A function of sums of row statistics.

    Args:
        name: The name in results, TFMA's default.
        needs: The row statistics, names of `row_statistic`, `@` standing for the threshold.
        formula: From the sums, each of shape (...,), to the metric, of the same shape; NaN where undefined.
        binary: Whether labels must be 0 or 1.
        exact: Whether it counts rows, and so has no sampling error.
        default_threshold: The score above which the prediction is positive; None where none is used.
    """

    name: str
    needs: tuple[str, ...]
    formula: Callable[[Mapping[str, Array]], Array]
    binary: bool = False
    exact: bool = False
    default_threshold: float | None = None


@dataclass(frozen=True)
class CurveMetric:
    """The area under a curve, from positives and negatives per bin of the score.

    Args:
        name: The name in results, TFMA's default.
        increment: From positives and negatives in a bin and above it, to the bin's share of the area, before
            division by `scale`.
        scale: From all positives and all negatives, to what the sum of shares is divided by.
    """

    name: str
    increment: Callable[[Array, Array, Array, Array | None], Array]
    scale: Callable[[Array, Array], Array]
    needs_negatives_above: bool = False
    """Whether `increment` looks at the negatives above a bin; None is passed where no metric does."""


Metric = SumMetric | CurveMetric


def row_statistic(name: str, label: Array, score: Array) -> Array:
    """Compute one statistic of every row, whose weighted sum a metric is made of.

    Args:
        name: One of `n`, `y`, `p`, `yy`, `pp`, `yp`, `ae`, `se`, `ape`, `labelled` (rows with a label other than 0),
            `sle`, `bce` (Keras, clipped), `log` (not clipped), and `tp@t`, `fp@t`, `tn@t`, `fn@t` at a threshold t.
        label: Shape (n_rows,), float64.
        score: Shape (n_rows,), float64, finite.

    Returns:
        Shape (n_rows,), float64.
    """
    import numpy as np

    kind, _, threshold = name.partition("@")
    if threshold:
        positive, predicted = label == 1.0, score > float(threshold)
        cell = {"tp": positive & predicted, "fp": ~positive & predicted}
        cell |= {"tn": ~positive & ~predicted, "fn": positive & ~predicted}
        return np.asarray(cell[kind], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(_STATISTICS[kind](label, score), dtype=np.float64)


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
    inner = np.arange(1, CURVE_BINS - 1) / (CURVE_BINS - 1) + _EPSILON
    of_bucket = np.searchsorted(inner, edges, side="right")
    return np.where(buckets < 0, 0, of_bucket[buckets])


def _divide(top: Array, bottom: Array) -> Array:
    """Divide where the denominator is positive; NaN elsewhere: undefined, not zero."""
    import numpy as np

    top, bottom = np.broadcast_arrays(np.asarray(top, dtype=np.float64), bottom)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _mean(statistic: str, over: str = "n") -> Callable[[Mapping[str, Array]], Array]:
    return lambda s: _divide(s[statistic], s[over])


def _root_mean_squared_error(s: Mapping[str, Array]) -> Array:
    import numpy as np

    return np.asarray(np.sqrt(_divide(s["se"], s["n"])))


def _matthews(s: Mapping[str, Array]) -> Array:
    import numpy as np

    tp, tn, fp, fn = (np.asarray(s[k], dtype=np.float64) for k in ("tp", "tn", "fp", "fn"))
    return _divide(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _squared_correlation(s: Mapping[str, Array]) -> Array:
    import numpy as np

    sums: list[Array] = [np.asarray(s[k], dtype=np.float64) for k in ("n", "y", "p", "yy", "pp", "yp")]
    n, y, p, yy, pp, yp = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        return _divide((yp - y * p / n) ** 2, (yy - y**2 / n) * (pp - p**2 / n))


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


def _confusion(name: str, formula: Callable[[Mapping[str, Array]], Array]) -> SumMetric:
    return SumMetric(name, ("tp@", "tn@", "fp@", "fn@"), formula, binary=True, default_threshold=0.5)


def _percentage_error(label: Array, score: Array) -> Array:
    """Absolute error per label in percent; rows with label 0 add nothing, as in TFMA."""
    import numpy as np

    return np.divide(100 * np.abs(label - score), np.abs(label), out=np.zeros_like(label), where=label != 0)


def _squared_logarithmic_error(label: Array, score: Array) -> Array:
    import numpy as np

    return np.asarray((np.log(label + 1) - np.log(score + 1)) ** 2)


def _cross_entropy(label: Array, score: Array, clip: float) -> Array:
    """Cross-entropy of a row [nats]; with Keras's clipping, which also adds the epsilon inside the logarithm."""
    import numpy as np

    score = np.clip(score, clip, 1 - clip)
    return np.asarray(-np.where(label == 1, np.log(score + clip), np.log(1 - score + clip)))


_STATISTICS: dict[str, Callable[[Any, Any], Any]] = {
    "n": lambda y, p: 0 * y + 1.0,
    "y": lambda y, p: y,
    "p": lambda y, p: p,
    "yy": lambda y, p: y * y,
    "pp": lambda y, p: p * p,
    "yp": lambda y, p: y * p,
    "ae": lambda y, p: abs(y - p),
    "se": lambda y, p: (y - p) ** 2,
    "labelled": lambda y, p: y != 0,
    "ape": _percentage_error,
    "sle": _squared_logarithmic_error,
    "bce": lambda y, p: _cross_entropy(y, p, clip=_EPSILON),
    "log": lambda y, p: _cross_entropy(y, p, clip=0.0),
}


METRICS: dict[str, Metric] = {
    "ExampleCount": SumMetric("example_count", ("n",), lambda s: s["n"], exact=True),
    "AUC": CurveMetric("auc", _roc_increment, lambda pos, neg: pos * neg),
    "AUCPrecisionRecall": CurveMetric(
        "auc_precision_recall", _pr_increment, lambda pos, _neg: pos, needs_negatives_above=True
    ),
    "BinaryAccuracy": _confusion(
        "binary_accuracy", lambda s: _divide(s["tp"] + s["tn"], s["tp"] + s["fp"] + s["tn"] + s["fn"])
    ),
    "Precision": _confusion("precision", lambda s: _divide(s["tp"], s["tp"] + s["fp"])),
    "Recall": _confusion("recall", lambda s: _divide(s["tp"], s["tp"] + s["fn"])),
    "Specificity": _confusion("specificity", lambda s: _divide(s["tn"], s["tn"] + s["fp"])),
    "FallOut": _confusion("fall_out", lambda s: _divide(s["fp"], s["fp"] + s["tn"])),
    "MissRate": _confusion("miss_rate", lambda s: _divide(s["fn"], s["fn"] + s["tp"])),
    "F1Score": _confusion("f1_score", lambda s: _divide(2 * s["tp"], 2 * s["tp"] + s["fp"] + s["fn"])),
    "BalancedAccuracy": _confusion(
        "balanced_accuracy",
        lambda s: (_divide(s["tp"], s["tp"] + s["fn"]) + _divide(s["tn"], s["tn"] + s["fp"])) / 2,
    ),
    "MatthewsCorrelationCoefficient": _confusion("matthews_correlation_coefficient", _matthews),
    "NegativePredictiveValue": _confusion("negative_predictive_value", lambda s: _divide(s["tn"], s["tn"] + s["fn"])),
    "PredictedPositiveRate": _confusion(
        "predicted_positive_rate",
        lambda s: _divide(s["tp"] + s["fp"], s["tp"] + s["fp"] + s["tn"] + s["fn"]),
    ),
    "Prevalence": _confusion("prevalence", lambda s: _divide(s["tp"] + s["fn"], s["tp"] + s["fp"] + s["tn"] + s["fn"])),
    "TruePositives": _confusion("true_positives", lambda s: s["tp"]),
    "TrueNegatives": _confusion("true_negatives", lambda s: s["tn"]),
    "FalsePositives": _confusion("false_positives", lambda s: s["fp"]),
    "FalseNegatives": _confusion("false_negatives", lambda s: s["fn"]),
    "BinaryCrossentropy": SumMetric("binary_crossentropy", ("bce", "n"), _mean("bce"), binary=True),
    "BinaryCrossEntropy": SumMetric("binary_crossentropy", ("log", "n"), _mean("log"), binary=True),
    "Calibration": SumMetric("calibration", ("p", "y"), _mean("p", over="y")),
    "MeanLabel": SumMetric("mean_label", ("y", "n"), _mean("y")),
    "MeanPrediction": SumMetric("mean_prediction", ("p", "n"), _mean("p")),
    "MeanAbsoluteError": SumMetric("mean_absolute_error", ("ae", "n"), _mean("ae")),
    "MeanSquaredError": SumMetric("mean_squared_error", ("se", "n"), _mean("se")),
    "RootMeanSquaredError": SumMetric("root_mean_squared_error", ("se", "n"), _root_mean_squared_error),
    "MeanAbsolutePercentageError": SumMetric(
        "mean_absolute_percentage_error", ("ape", "labelled"), _mean("ape", over="labelled")
    ),
    "MeanSquaredLogarithmicError": SumMetric("mean_squared_logarithmic_error", ("sle", "n"), _mean("sle")),
    "SquaredPearsonCorrelation": SumMetric(
        "squared_pearson_correlation", ("n", "y", "p", "yy", "pp", "yp"), _squared_correlation
    ),
}
"""Every metric by TFMA's or Keras's class name."""


def cost_metric(false_positive: float, false_negative: float) -> SumMetric:
    """The mean cost of wrong answers at a score of 0.5, as a metric of its own."""
    return SumMetric(
        "cost",
        ("fp@", "fn@", "n"),
        lambda s: _divide(false_positive * s["fp"] + false_negative * s["fn"], s["n"]),
        binary=True,
        default_threshold=0.5,
    )

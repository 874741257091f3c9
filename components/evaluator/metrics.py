"""The metrics that the vectorised engine knows, as functions of sums over rows.

A metric is either a function of sums of row statistics (`SumMetric`: accuracy, cross-entropy, squared error), or the
area under a curve over binned scores (`CurveMetric`). Both are linear in the weights of the rows until the very end,
so one pass serves any number of resamples. Definitions are TFMA's; where it calls Keras, Keras's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from components.evaluator.curves import CURVES, CurveMetric
from penstock.artifacts.task import Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

Sums = Mapping[str, "Array"]
_ROUNDING = 1e-5
"""Share of a sum of squares that is within the rounding of float32."""


@dataclass(frozen=True)
class SumMetric:
    """A function of sums of row statistics.

    Args:
        name: The name in results, TFMA's default.
        needs: The row statistics, names of `statistics.statistic`; a trailing `@` stands for the threshold.
        formula: From the sums, each of shape (...,), to the metric, of the same shape; NaN where undefined.
        labels: What it is for: `number` (one score a row, any label), `binary` (one score a row, labels 0 and 1),
            `class` (a score a class), `any`.
        exact: Whether it counts rows, and so has no sampling error.
        default_threshold: The score above which the prediction is positive; None where none is used.
        trials: For a share, the statistics that add up to the rows it is a share of; where there are several such
            sums, the smallest counts. Empty for what is no share.
    """

    name: str
    needs: tuple[str, ...]
    formula: Callable[[Sums], Array]
    labels: Literal["any", "number", "binary", "class"] = "number"
    exact: bool = False
    default_threshold: float | None = None
    trials: tuple[tuple[str, ...], ...] = ()


Metric = SumMetric | CurveMetric


def labels_of(metric: Metric) -> str:
    """What labels a metric is for, as `SumMetric.labels`."""
    return "binary" if isinstance(metric, CurveMetric) else metric.labels


def _divide(top: Array, bottom: Array) -> Array:
    """Divide where the denominator is positive; NaN elsewhere: undefined, not zero."""
    import numpy as np

    top, bottom = np.broadcast_arrays(np.asarray(top, dtype=np.float64), bottom)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _mean(statistic: str, over: str = "n") -> Callable[[Sums], Array]:
    return lambda s: _divide(s[statistic], s[over])


def _root_mean_squared_error(s: Sums) -> Array:
    import numpy as np

    return np.asarray(np.sqrt(_divide(s["se"], s["n"])))


def _matthews(s: Sums) -> Array:
    import numpy as np

    tp, tn, fp, fn = (np.asarray(s[k], dtype=np.float64) for k in ("tp", "tn", "fp", "fn"))
    return _divide(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


_MOMENTS = ("n", "zy", "zp", "zyy", "zpp", "zyp")


def _squared_correlation(s: Sums) -> Array:
    import numpy as np

    n, y, p, yy, pp, yp = (np.asarray(s[name], dtype=np.float64) for name in _MOMENTS)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _divide((yp - y * p / n) ** 2, (yy - y**2 / n) * (pp - p**2 / n))


def _confusion(name: str, formula: Callable[[Sums], Array], *trials: tuple[str, ...]) -> SumMetric:
    return SumMetric(name, _CELLS, formula, labels="binary", default_threshold=0.5, trials=trials)


def _share(name: str, part: tuple[str, ...], of: tuple[str, ...]) -> SumMetric:
    """A share of some cells of the confusion matrix in others."""
    return _confusion(name, lambda s: _divide(_total(s, part), _total(s, of)), tuple(f"{cell}@" for cell in of))


def _total(s: Sums, cells: tuple[str, ...]) -> Array:
    return sum((s[cell] for cell in cells[1:]), s[cells[0]])


_CELLS = ("tp@", "tn@", "fp@", "fn@")
_ALL, _POSITIVE, _NEGATIVE = ("tp", "tn", "fp", "fn"), ("tp", "fn"), ("tn", "fp")


METRICS: dict[str, Metric] = {
    "ExampleCount": SumMetric("example_count", ("n",), lambda s: s["n"], labels="any", exact=True),
    **CURVES,
    "BinaryAccuracy": _share("binary_accuracy", ("tp", "tn"), _ALL),
    "Precision": _share("precision", ("tp",), ("tp", "fp")),
    "Recall": _share("recall", ("tp",), _POSITIVE),
    "Specificity": _share("specificity", ("tn",), _NEGATIVE),
    "FallOut": _share("fall_out", ("fp",), _NEGATIVE),
    "MissRate": _share("miss_rate", ("fn",), _POSITIVE),
    "F1Score": _confusion(
        "f1_score", lambda s: _divide(2 * s["tp"], 2 * s["tp"] + s["fp"] + s["fn"]), ("tp@", "fp@", "fn@")
    ),
    "BalancedAccuracy": _confusion(
        "balanced_accuracy",
        lambda s: (_divide(s["tp"], s["tp"] + s["fn"]) + _divide(s["tn"], s["tn"] + s["fp"])) / 2,
        ("tp@", "fn@"),
        ("tn@", "fp@"),
    ),
    "MatthewsCorrelationCoefficient": _confusion("matthews_correlation_coefficient", _matthews),
    "NegativePredictiveValue": _share("negative_predictive_value", ("tn",), ("tn", "fn")),
    "PredictedPositiveRate": _share("predicted_positive_rate", ("tp", "fp"), _ALL),
    "Prevalence": _share("prevalence", _POSITIVE, _ALL),
    "TruePositives": _confusion("true_positives", lambda s: s["tp"]),
    "TrueNegatives": _confusion("true_negatives", lambda s: s["tn"]),
    "FalsePositives": _confusion("false_positives", lambda s: s["fp"]),
    "FalseNegatives": _confusion("false_negatives", lambda s: s["fn"]),
    "BinaryCrossentropy": SumMetric("binary_crossentropy", ("bce", "n"), _mean("bce"), labels="binary"),
    "BinaryCrossEntropy": SumMetric("binary_crossentropy", ("log", "n"), _mean("log"), labels="binary"),
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
    "SquaredPearsonCorrelation": SumMetric("squared_pearson_correlation", _MOMENTS, _squared_correlation),
    "SparseCategoricalAccuracy": SumMetric(
        "sparse_categorical_accuracy", ("hit", "n"), _mean("hit"), labels="class", trials=(("n",),)
    ),
    "SparseCategoricalCrossentropy": SumMetric(
        "sparse_categorical_crossentropy", ("cce", "n"), _mean("cce"), labels="class"
    ),
}
"""Every metric by TFMA's or Keras's class name, but those that depend on the task or on a setting."""


def cost_metric(false_positive: float, false_negative: float) -> SumMetric:
    """The mean cost of wrong answers at a score of 0.5, as a metric of its own."""
    return SumMetric(
        "cost",
        ("fp@", "fn@", "n"),
        lambda s: _divide(false_positive * s["fp"] + false_negative * s["fn"], s["n"]),
        labels="binary",
        default_threshold=0.5,
    )


def top_k_metric(k: int) -> SumMetric:
    """The share of rows whose class is among the k with the highest scores, ties included."""
    hits = f"top@{k}"
    return SumMetric("sparse_top_k_categorical_accuracy", (hits, "n"), _mean(hits), labels="class", trials=(("n",),))


def skill_metric(task: Task) -> SumMetric:
    """How much of the loss of the best constant answer a model saves: above 0 it is better than that answer.

    `1 - loss / loss of the best constant`, on the same rows. The loss is the cross-entropy for classes, with each
    class's share as the constant, and the squared error for regression, with the mean as the constant: McFadden's
    pseudo R2 and the coefficient of determination R2. 1 is perfect, 0 no better than a constant, below 0 worse. The
    constant is taken from the rows that are judged, which no constant fixed in training could beat; in a slice, from
    the slice. Undefined where all labels are equal.

    Args:
        task: What the model answers.

    Source:
        McFadden, "Conditional logit analysis of qualitative choice behavior", in Frontiers in Econometrics (1974),
        p. 121. Murphy, "Skill scores based on the mean square error and their relationships to the correlation
        coefficient", Monthly Weather Review 116 (1988), eq. 4.
    """
    if task.kind == "regression":
        return SumMetric(
            "skill",
            ("zse", "zyy", "zy", "n"),
            lambda s: 1 - _divide(s["zse"], _spread(s)),
        )
    if task.kind == "binary":
        return SumMetric(
            "skill",
            ("bce", "y", "n"),
            lambda s: 1 - _divide(s["bce"], _entropy(s["n"], [s["y"], s["n"] - s["y"]])),
            labels="binary",
        )
    counts = [f"class@{c}" for c in range(task.outputs)]
    return SumMetric(
        "skill",
        ("cce", "n", *counts),
        lambda s: 1 - _divide(s["cce"], _entropy(s["n"], [s[count] for count in counts])),
        labels="class",
    )


def _entropy(n: Array, counts: Sequence[Array]) -> Array:
    """Entropy of rows by class, times their number [nats]."""
    import numpy as np

    n = np.asarray(n, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(count > 0, count * np.log(n / np.asarray(count, dtype=np.float64)), 0.0) for count in counts]
    return np.asarray(sum(parts))


def _spread(s: Sums) -> Array:
    """Sum of squared deviations of standardised labels from their mean; what is but a rounding error of 0 is 0."""
    import numpy as np

    squares = np.asarray(s["zyy"], dtype=np.float64)
    spread = squares - _divide(np.asarray(s["zy"], dtype=np.float64) ** 2, s["n"])
    return np.where(spread > _ROUNDING * squares, spread, 0.0)

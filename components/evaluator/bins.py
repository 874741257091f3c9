"""Rows gathered into few bins: by equally many rows with intervals, or by equal width."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from components.evaluator.measurement import significant, student_quantile
from penstock.artifacts.plots import CalibrationBin, Histogram

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

DIGITS = 6
"""Significant digits of what is drawn."""
_MOST_BINS, _ROWS_PER_BIN = 20, 10
_HISTOGRAM_BINS = 40


def equal_bins(score: Array, label: Array, confidence: float, *, share: bool) -> tuple[CalibrationBin, ...]:
    """Gather rows into up to 20 bins of equally many, by score; rows with the same score stay together.

    Args:
        score: Shape (n_rows,), n_rows > 0.
        label: Shape (n_rows,).
        confidence: Of the interval of each bin's mean label, in (0, 1).
        share: Whether labels are 0 and 1: Wilson's interval of a share then, Student's of a mean otherwise.

    Returns:
        The bins by rising score, each with at least 10 rows where there are so many.

    Source:
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    import numpy as np

    order = np.argsort(score, kind="stable")
    score, label = score[order], label[order]
    bins = max(1, min(_MOST_BINS, len(score) // _ROWS_PER_BIN))
    wanted = score[np.arange(1, bins) * len(score) // bins]
    starts = np.unique(np.concatenate([[0], np.searchsorted(score, wanted, side="left")]))
    stops = np.append(starts[1:], len(score))
    rows = stops - starts
    mean_score, mean_label = np.add.reduceat(score, starts) / rows, np.add.reduceat(label, starts) / rows
    spread = np.sqrt(np.add.reduceat((label - np.repeat(mean_label, rows)) ** 2, starts) / np.maximum(rows - 1, 1))
    found = []
    for n, x, y, s in zip(rows.tolist(), mean_score.tolist(), mean_label.tolist(), spread.tolist(), strict=True):
        lower, upper = wilson(y, n, confidence) if share else _student(y, s, n, confidence)
        numbers = rounded(np.array([x, y, lower, upper]))
        found.append(CalibrationBin(rows=n, **dict(zip(_FIELDS, numbers, strict=True))))
    return tuple(found)


_FIELDS = ("mean_score", "mean_label", "lower", "upper")


def wilson(share: float, rows: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share.

    Example:
        >>> [round(bound, 4) for bound in wilson(0.0, 10, 0.95)]
        [0.0, 0.2775]
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _student(mean: float, spread: float, rows: int, confidence: float) -> tuple[float, float]:
    half = student_quantile((1 + confidence) / 2, max(rows - 1, 1)) * spread / math.sqrt(rows)
    return mean - half, mean + half


def histogram(values: Array, lower: float, upper: float) -> Histogram:
    """Count values in bins of equal width; what lies beyond the ends is counted in the outermost ones.

    Args:
        values: Shape (n_rows,), finite.
        lower: Left end.
        upper: Right end, above it.
    """
    import numpy as np

    edges = np.linspace(lower, upper, _HISTOGRAM_BINS + 1)
    counts = np.histogram(np.clip(values, lower, upper), edges)[0]
    return Histogram(edges=rounded(edges), counts=tuple(counts.tolist()))


def usual_range(values: Array) -> tuple[float, float]:
    """Where all but one in a hundred values lie; never empty."""
    import numpy as np

    lower, upper = (float(bound) for bound in np.quantile(values, (0.005, 0.995)))
    room = max(abs(lower), 1.0) * 0.5 if upper - lower <= 1e-9 * max(abs(lower), abs(upper)) else 0.0
    return lower - room, upper + room


def rounded(numbers: Array) -> tuple[float, ...]:
    """What is drawn, to six significant digits; no negative zero."""
    return tuple((significant(numbers, DIGITS) + 0.0).tolist())

"""What an engine finds out: every metric of every slice, of each model and of their difference."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from components.evaluator.slices import SliceKey, slice_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]


class Role(StrEnum):
    """Whose metric it is."""

    CANDIDATE = "candidate"
    BASELINE = "baseline"
    DIFFERENCE = "difference"
    """Candidate minus baseline, on the same rows."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the range that it is sure to be in, to the confidence asked for."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Measurement:
    """Metrics of one split."""

    split: str
    rows: int
    """Rows of the split that were scored [rows]."""
    rows_available: int
    """Rows of the split [rows]."""
    slices: tuple[SliceKey, ...]
    """The overall slice first."""
    slice_rows: npt.NDArray[np.int64]
    """Rows per slice [rows], shape (n_slices,)."""
    metrics: tuple[str, ...]
    values: dict[Role, Array]
    """Estimates, shape (n_slices, n_metrics); NaN where undefined."""
    errors: dict[Role, Array]
    """Standard errors, same shape; NaN where unknown."""
    replicates: int
    """Resamples behind the standard errors; 0 where none were made."""
    unfit: dict[Role, int]
    """Rows that a model gave no finite score [rows]."""

    def interval(self, role: Role, slice_index: int, metric: str, confidence: float) -> Interval:
        """An estimate and its interval; NaN bounds where it has no standard error."""
        at = slice_index, self.metrics.index(metric)
        degrees = self.degrees(slice_index)
        return interval(float(self.values[role][at]), float(self.errors[role][at]), confidence, degrees)

    def degrees(self, *slices: int) -> int:
        """Degrees of freedom of a standard error: it knows no more than its resamples, nor than the rows in them."""
        return min(self.replicates, *(int(self.slice_rows[i]) for i in slices)) - 1

    def index(self, key: SliceKey) -> int:
        """Where a slice stands."""
        return self.slices.index(key)

    def names(self) -> list[str]:
        """The names of the slices."""
        return [slice_name(key) for key in self.slices]


def interval(value: float, error: float, confidence: float, degrees: int) -> Interval:
    """Put Student's interval around an estimate whose standard error is itself an estimate.

    Args:
        value: The estimate.
        error: Its standard error; NaN where unknown.
        confidence: Two-sided, in (0, 1).
        degrees: Degrees of freedom of the standard error: one less than the resamples behind it, or than the rows
            behind them where these are fewer; below 1 counts as 1.

    Returns:
        The interval, symmetric; NaN bounds where the error is unknown.

    Example:
        >>> found = interval(0.6, 0.01, 0.95, 200)
        >>> round(found.lower, 4), round(found.upper, 4)
        (0.5803, 0.6197)
    """
    half = student_quantile((1 + confidence) / 2, max(degrees, 1)) * error
    return Interval(value, value - half, value + half)


def simultaneous(confidence: float, tests: int) -> float:
    """The confidence of each of several intervals, so that all of them hold at once with the one given.

    Example:
        >>> round(simultaneous(0.95, 10), 4)
        0.995
    """
    return 1 - (1 - confidence) / max(tests, 1)


@lru_cache
def student_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's distribution, good to 1e-3 from 49 degrees of freedom on.

    Source:
        Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5, three terms.

    Example:
        >>> round(student_quantile(0.975, 199), 3)
        1.972
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / (4 * degrees),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3),
    )
    return z + sum(terms)


def significant(numbers: Array, digits: int) -> Array:
    """Round to significant digits: what is left does not depend on the order in which a machine sums.

    Example:
        >>> import numpy
        >>> significant(numpy.array([0.0123456, -98765.4, 0.0, float("nan")]), 3).tolist()
        [0.0123, -98800.0, 0.0, nan]
    """
    import numpy as np

    usual = np.isfinite(numbers) & (numbers != 0)
    leading = np.floor(np.log10(np.abs(numbers), out=np.zeros_like(numbers), where=usual))
    scale = 10.0 ** np.minimum(digits - 1 - leading, 300)  # what is smaller than that is nothing
    return np.where(usual, np.round(numbers * scale) / scale, numbers)


def difference(values: dict[Role, Any]) -> Any:
    """Candidate minus baseline; undefined where both are infinite."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        return values[Role.CANDIDATE] - values[Role.BASELINE]

"""Standard errors of shares near 0 and 1, where resampling cannot see what it has not met.

Thirty right answers of thirty are no proof of a perfect model, yet every resample of them is perfect. Where a share
(an accuracy, a recall, an area) has fewer than five rows on its rarer side, its standard error is therefore at least
that of the share with two imaginary rows more on either side.

Source:
    Agresti and Coull, "Approximate is better than 'exact' for interval estimation of binomial proportions", The
    American Statistician 52 (1998). Fewer than five as the limit of the normal approximation: Brown, Cai and
    DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001), section 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

_IMAGINARY, _FEW = 2.0, 5.0


def with_least_errors(errors: Array, values: Array, trials: Array) -> Array:
    """Raise the standard errors of shares to what so few rows can tell.

    Args:
        errors: From resampling, any shape; NaN where too many resamples left the metric undefined.
        values: The metrics, same shape.
        trials: The rows that each share is a share of [rows], same shape; NaN for what is no share.

    Returns:
        The standard errors, same shape. A share has one wherever it is defined, however rare its class.

    Example:
        >>> import numpy
        >>> nan = float("nan")
        >>> raised = with_least_errors(numpy.zeros(2), numpy.ones(2), numpy.array([30, nan]))
        >>> raised.round(3).tolist()
        [0.04, 0.0]
    """
    import numpy as np

    share = (trials * values + _IMAGINARY) / (trials + 2 * _IMAGINARY)
    with np.errstate(invalid="ignore"):
        least = np.sqrt(share * (1 - share) / (trials + 2 * _IMAGINARY))
        rarer = trials * np.minimum(values, 1 - values)
    raised = np.fmax(errors, least)
    return np.where((rarer < _FEW) | (np.isnan(errors) & np.isfinite(least)), raised, errors)

"""The traffic that releases are rehearsed on, and what a candidate would do to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.simulating.many_contrasts import Array


@dataclass(frozen=True)
class Effect:
    """How the candidate differs from the stable. Nothing said: it does not."""

    errors: float = 0.0
    """Added to the share of requests that fail (0.03: three percentage points)."""
    slice_errors: float = 0.0
    """Added to that on the first slice, beyond `errors`."""
    latency: float = 0.0
    """Slower by this fraction, every answer (0.3: 30%)."""
    loss: float = 0.0
    """Added to the mean loss (0.02: accuracy two points lower)."""
    business: float = 0.0
    """The mean of a business metric is greater by this fraction (-0.1: a tenth of the revenue is lost)."""
    scores: float = 0.0
    """Added to every prediction, as a fraction of their standard deviation (0.5: half of it)."""


NO_EFFECT = Effect()
"""A candidate that is just like the stable."""
AMOUNTS = np.array([0.25, 0.5, 0.75, 1.0])
"""What a business metric may be, as parts of its range, each as often as the others; after most requests it is 0."""
_POINTS = 1000
PARTS = (np.arange(_POINTS) + 0.5) / _POINTS
"""Of which parts of the predictions the quantiles are taken, ascending."""
SCORES = (1 / (1 + np.exp(1.4 - np.array([NormalDist().inv_cdf(part) for part in PARTS]))))[None, :]
"""Invented probabilities: their log-odds are normal, with mean -1.4 and standard deviation 1."""


@dataclass(frozen=True)
class Traffic:
    """What the stable model is asked and answers, in one or more blocks of time that follow each other in a circle."""

    error_rates: Array
    """Share of requests that fail, shape (blocks, 1 + slices): of all that is in no slice first."""
    slice_shares: Array
    """Share of the traffic, shape (1 + slices,), summing to 1: what is in no slice first."""
    latency_shares: Array
    """Share of answers by bin of `latency.EDGES_MS`, shape (blocks, bins)."""
    loss: float = 0.2
    """Mean of the zero-one loss: the share of predictions that turn out wrong."""
    disagreement: float = 0.08
    """Share of requests whose predictions would be right from one model and wrong from the other."""
    scores: Array = field(default_factory=lambda: SCORES)
    """The stable's predictions, shape (blocks, points): that many of the same likelihood."""
    purchases: float = 0.1
    """Share of requests after which a business metric is not at its lower end: then it is one of `AMOUNTS`."""
    slice_names: tuple[str, ...] = ()
    """What the slices are called."""

    @classmethod
    def synthetic(
        cls,
        *,
        error_rate: float = 0.01,
        slice_shares: tuple[float, ...] = (),
        median_ms: float = 20.0,
        sigma: float = 0.5,
        loss: float = 0.2,
    ) -> Traffic:
        """Steady traffic with log-normal latencies.

        Args:
            error_rate: Share of requests that fail.
            slice_shares: Share of the traffic of each slice that is watched.
            median_ms: Median latency [ms].
            sigma: Standard deviation of the logarithm of latency; 0.5 makes p99 3.2 times the median.
            loss: Share of wrong predictions.
        """
        shares = np.array([1 - math.fsum(slice_shares), *slice_shares])
        below = [0.5 * (1 + math.erf(math.log(edge / median_ms) / sigma / math.sqrt(2))) for edge in EDGES_MS]
        return cls(
            error_rates=np.full((1, len(shares)), error_rate),
            slice_shares=shares,
            latency_shares=np.diff([0.0, *below, 1.0])[None, :],
            loss=loss,
            slice_names=tuple(f"slice-{number}" for number in range(1, len(shares))),
        )

    def error_rates_with(self, effect: Effect) -> Array:
        """The candidate's error rates."""
        rates = self.error_rates + effect.errors
        if rates.shape[1] > 1:
            rates[:, 1] += effect.slice_errors
        return np.clip(rates, 0.0, 1.0)

    def latency_shares_with(self, effect: Effect) -> Array:
        """The candidate's share of answers by bin: everything slower, evenly spread within a bin of the stable's."""
        if not effect.latency:
            return self.latency_shares
        edges = np.array([0.0, *EDGES_MS, EDGES_MS[-1] * 2])
        below = np.concatenate(
            [np.zeros((len(self.latency_shares), 1)), np.cumsum(self.latency_shares, axis=1)], axis=1
        )
        below /= below[:, -1:]  # a sum of parts may be more than 1 by a rounding, and no share is less than 0
        moved = np.array([np.interp(np.array(EDGES_MS) / (1 + effect.latency), edges, one) for one in below])
        return np.diff(moved, axis=1, prepend=0.0, append=1.0)

    def value_shares_with(self, effect: Effect) -> Array:
        """The candidate's share of requests by what a business metric comes to: 0, and each of `AMOUNTS`."""
        bought = min(max(self.purchases * (1 + effect.business), 0.0), 1.0)
        return np.array([1 - bought, *(bought / len(AMOUNTS) for _ in AMOUNTS)])

    def score_shares_with(self, effect: Effect, cuts: tuple[float, ...]) -> Array:
        """The candidate's share of predictions between cuts, shape (blocks, 1 + cuts): all of them moved."""
        moved = self.scores + effect.scores * self.scores.std()
        bins = np.searchsorted(cuts, moved, side="left")
        return np.array([np.bincount(one, minlength=len(cuts) + 1) / len(one) for one in bins])

"""`gates.judging` for thousands of releases at once. A test holds it to the original, look by look.

A gate is judged on `overall` and on its slices: arrays have the shape (releases, 1 + slices).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.releasing.gates.contrast import CENTRE_SAMPLES
from penstock.releasing.gates.judging import SUSPICION
from penstock.releasing.gates.latency import EDGES_MS, factors
from penstock.releasing.gates.spec import Gate, Gates, Metric, Multiplicity
from penstock.releasing.simulating.many_contrasts import Array, ManyArms, ManyContrasts, ManyPairs, Mask


@dataclass
class ManyHistograms:
    """Latencies in the bins of `EDGES_MS`, or predictions between cuts, of one model: (releases, 1 + slices, bins)."""

    counts: Array


@dataclass
class ManyReadings:
    """What one gate says in many releases, of `overall` and of any slice."""

    failed: Mask
    """Whether harm is proven, on overall or on any slice."""
    successful: Mask
    """Whether overall is proven no worse than the margin, with enough samples."""
    candidate_samples: Array
    """Observations of the candidate, overall."""
    log_harm: Array
    """Logarithm of the evidence of harm, (releases, 1 + slices)."""


class ManyGates:
    """One gate of many releases, with its evidence."""

    def __init__(self, gates: Gates, gate: Gate, releases: int, slices: int = 0) -> None:
        self._gates, self._gate = gates, gate
        self._shape = (releases, 1 + slices)
        contrasts = {Metric.LATENCY_QUANTILE: 2, Metric.PREDICTIONS: len(gate.cuts)}.get(gate.metric, 1)
        self._contrasts = [ManyContrasts.new(self._shape) for _ in range(contrasts)]
        self._harmed = np.zeros(self._shape, bool)
        self._counts = np.zeros((*self._shape, len(EDGES_MS) + 1))
        self._candidates = np.zeros(self._shape)

    def step_begins(self, where: Mask) -> None:
        """A new step of the ladder begins in some releases."""
        self._contrasts = [each.step_begins(np.broadcast_to(where[:, None], self._shape)) for each in self._contrasts]

    def see(self, stable: ManyArms, candidate: ManyArms, pairs: ManyPairs | None = None) -> None:
        """Add a look at sums."""
        self._contrasts = [self._contrasts[0].plus(stable, candidate, pairs)]
        self._candidates = self._contrasts[0].candidate_count

    def see_latencies(self, stable: ManyHistograms, candidate: ManyHistograms) -> None:
        """Add a look at latencies."""
        known = self._counts.sum(axis=-1) >= CENTRE_SAMPLES
        threshold = _nearest_edges(_quantiles(self._counts, self._gate.quantile))
        self._contrasts = [
            _where(known, contrast.plus(_slower(stable, threshold), _slower(candidate, factor * threshold)), contrast)
            for factor, contrast in zip(factors(self._gate.tolerated), self._contrasts, strict=False)
        ]
        self._counts = self._counts + stable.counts
        self._candidates = self._candidates + candidate.counts.sum(axis=-1)

    def see_predictions(self, stable: ManyHistograms, candidate: ManyHistograms) -> None:
        """Add a look at predictions."""
        self._contrasts = [
            contrast.plus(_above(stable, cut), _above(candidate, cut)) for cut, contrast in enumerate(self._contrasts)
        ]
        self._candidates = self._contrasts[0].candidate_count

    def judge(self) -> ManyReadings:
        """Say what the evidence comes to."""
        apart = self._gate.metric is Metric.PREDICTIONS
        harm, beyond, log_fine, log_fine_now = self._distance() if apart else self._difference()
        needed, needed_fine = self._needed(harm), np.log(1 / (1 - self._gates.confidence))
        fine = log_fine >= needed_fine
        self._harmed |= (harm >= needed) & ~(fine & (log_fine_now >= needed_fine) & (beyond < needed))
        samples = self._candidates[:, 0]
        suspect = (harm[:, 1:] >= np.log(SUSPICION)).any(axis=1)
        successful = fine[:, 0] & (samples >= self._gate.minimum_samples) & ~suspect & ~self._harmed[:, 0]
        return ManyReadings(self._harmed.any(axis=1), successful, samples, harm)

    def _difference(self) -> tuple[Array, Array, Array, Array]:
        """Logarithms of the evidence of harm, of harm beyond the margin, of no such harm, and of that at this step."""
        first, last = self._contrasts[0], self._contrasts[-1]
        gate = self._gate
        bounded = gate.metric in (Metric.QUALITY, Metric.BUSINESS)
        margin = 0.0 if len(self._contrasts) > 1 else gate.tolerated / (gate.range.width if bounded else 1.0)
        return first.log_harm(), last.log_harm(margin), last.log_fine(margin), last.log_fine_now(margin)

    def _distance(self) -> tuple[Array, Array, Array, Array]:
        """The same of predictions, see `assessing`: every cut and both directions are bet on."""
        margin = self._gate.tolerated
        far = np.array([log for each in self._contrasts for log in (each.log_harm(margin), each.log_fine(-margin))])
        near = np.array([log for each in self._contrasts for log in (each.log_fine(margin), each.log_harm(-margin))])
        harm = np.logaddexp.reduce(far) - np.log(len(far))
        return harm, harm, near.min(axis=0), np.full(self._shape, -np.inf)

    def _needed(self, harm: Array) -> Array:
        """The evidence that each slice fails at, see `judging.needed_evidence`."""
        budget, slices = self._gates.budget(self._gate), self._gate.slices
        if not slices.wanted:
            return np.full(self._shape, np.log(1 / budget))
        each = np.log(2 * slices.limit / budget)
        needed = np.full(self._shape, each)
        if slices.multiplicity is Multiplicity.EBH and harm.shape[1] > 1:
            ranked = np.sort(harm[:, 1:], axis=1)[:, ::-1]
            ranks = np.arange(1, ranked.shape[1] + 1)
            reached = ranked >= each - np.log(ranks)
            harmed = np.max(np.where(reached, ranks, 1), axis=1)
            needed = np.repeat((each - np.log(harmed))[:, None], self._shape[1], axis=1)
        needed[:, 0] = np.log(2 / budget)
        return needed


_EDGES = np.array(EDGES_MS)


def _quantiles(counts: Array, quantile: float) -> Array:
    """`latency.quantile_of`, for many; 1 where there is nothing."""
    cumulative = np.cumsum(counts, axis=-1)
    wanted = quantile * cumulative[..., -1:]
    at = np.minimum((cumulative[..., :-1] < wanted).sum(axis=-1), len(_EDGES) - 1)
    within = np.take_along_axis(counts, at[..., None], axis=-1)[..., 0]
    before = np.take_along_axis(cumulative, at[..., None], axis=-1)[..., 0] - within
    low = np.where(at > 0, _EDGES[np.maximum(at - 1, 0)], 0.0)
    inside = low + (_EDGES[at] - low) * (wanted[..., 0] - before) / np.maximum(within, 1)
    beyond = cumulative[..., -2] < wanted[..., 0]
    return np.where(cumulative[..., -1] > 0, np.where(beyond, _EDGES[-1], inside), 1.0)


def _nearest_edges(values: Array) -> Array:
    """`latency.nearest_edge`, for many."""
    at = np.searchsorted(_EDGES, values, side="left")
    high = _EDGES[np.minimum(at, len(_EDGES) - 1)]
    low = _EDGES[np.maximum(at - 1, 0)]
    return np.where(np.maximum(low / values, values / low) <= np.maximum(high / values, values / high), low, high)


def _slower(histograms: ManyHistograms, threshold: Array) -> ManyArms:
    """`latency.slower_than`, for many."""
    counts = histograms.counts
    at = np.searchsorted(_EDGES, threshold, side="left")
    inside = np.minimum(at, len(_EDGES) - 1)
    low = np.where(inside > 0, _EDGES[np.maximum(inside - 1, 0)], 0.0)
    part = np.where(at < len(_EDGES), (_EDGES[inside] - threshold) / (_EDGES[inside] - low), 0.0)
    within = np.take_along_axis(counts, inside[..., None], axis=-1)[..., 0]
    upto = np.take_along_axis(np.cumsum(counts, axis=-1), inside[..., None], axis=-1)[..., 0]
    count = counts.sum(axis=-1)
    return ManyArms(count, count - upto + within * part, count - upto + within * part * part)


def _above(histograms: ManyHistograms, cut: int) -> ManyArms:
    """Whether predictions lie above one of the cuts."""
    counts = histograms.counts
    return ManyArms.binary(counts.sum(axis=-1), counts[..., cut + 1 :].sum(axis=-1))


def _where(mask: Mask, yes: ManyContrasts, no: ManyContrasts) -> ManyContrasts:
    """One or the other, release by release."""
    chosen = {}
    for name, one in vars(yes).items():
        other = getattr(no, name)
        chosen[name] = np.where(mask if one.ndim == mask.ndim else mask[..., None], one, other)
    return ManyContrasts(**chosen)

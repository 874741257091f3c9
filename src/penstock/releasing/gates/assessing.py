"""What the evidence on one slice says, metric by metric: how surely worse, how surely not, and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.releasing.gates.betting import log_sum_exp
from penstock.releasing.gates.contrast import Contrast
from penstock.releasing.gates.evidence import SliceEvidence
from penstock.releasing.gates.latency import factors, quantile_of
from penstock.releasing.gates.spec import Gate, Metric


@dataclass(frozen=True, slots=True)
class Assessment:
    """One gate on one slice; differences in the metric's unit, positive is worse."""

    stable_samples: int
    """Observations of the stable that count."""
    candidate_samples: int
    """Observations of the candidate that count."""
    log_harm: float
    """Logarithm of the e-value against "no worse"; of predictions, against "within the margin"."""
    log_harm_beyond: float
    """Logarithm of the e-value against "within the margin"."""
    log_fine: float
    """Logarithm of the e-value against "worse by the margin or more"."""
    log_fine_now: float
    """The same, of what was seen at this step alone."""
    estimate: float | None
    """The difference, None before anything was seen."""
    lower: float | None
    """Lower end of its interval."""
    upper: float | None
    """Upper end of its interval."""


def assess(gate: Gate, edges: Sequence[float], one: SliceEvidence, alpha: float) -> Assessment:
    """Say what the evidence of one gate on one slice comes to.

    Args:
        gate: The gate.
        edges: For latency, the bins' edges.
        one: The evidence.
        alpha: Probability that the difference is ever beyond either end of its interval, for each end.
    """
    if gate.metric is Metric.LATENCY_QUANTILE:
        return _assess_latency(gate, tuple(edges), one, alpha)
    if gate.metric is Metric.PREDICTIONS:
        return _assess_predictions(gate, one, alpha)
    (contrast,) = one.contrasts
    width = gate.range.width if gate.metric in (Metric.QUALITY, Metric.BUSINESS) else 1.0
    margin = min(gate.tolerated / width, 1.0)
    return Assessment(
        contrast.stable_count,
        contrast.candidate_count,
        contrast.log_harm(),
        contrast.log_harm(margin),
        contrast.log_fine(margin),
        contrast.log_fine_now(margin),
        _times(contrast.estimate, width),
        _times(contrast.lower(alpha), width),
        _times(contrast.upper(alpha), width),
    )


def _assess_latency(gate: Gate, edges: tuple[float, ...], one: SliceEvidence, alpha: float) -> Assessment:
    equal, beyond = one.contrasts[:2]
    needed = math.log(1 / alpha)
    by_factor = sorted(zip(factors(gate.tolerated), one.contrasts, strict=True), key=lambda pair: pair[0])
    slower = [factor - 1 for factor, contrast in by_factor if contrast.log_harm() >= needed]
    faster = [factor - 1 for factor, contrast in by_factor if contrast.log_fine(0.0) >= needed]
    stable = quantile_of(edges, one.stable_counts, gate.quantile)
    candidate = quantile_of(edges, one.candidate_counts, gate.quantile)
    return Assessment(
        sum(one.stable_counts),
        sum(one.candidate_counts),
        equal.log_harm(),
        beyond.log_harm(),
        beyond.log_fine(0.0),
        beyond.log_fine_now(0.0),
        candidate / stable - 1 if stable and candidate is not None else None,
        max(slower, default=None),
        min(faster, default=None),
    )


def _assess_predictions(gate: Gate, one: SliceEvidence, alpha: float) -> Assessment:
    """The margin is tolerated here: a better model predicts differently. Every cut and both directions are bet on."""

    def log_apart(margin: float) -> float:
        bets = [log for each in one.contrasts for log in (each.log_harm(margin), each.log_fine(-margin))]
        return log_sum_exp(bets) - math.log(len(bets))

    def log_near(margin: float) -> float:
        return min(min(each.log_fine(margin), each.log_harm(-margin)) for each in one.contrasts)

    estimates = [abs(each.estimate) for each in one.contrasts if each.estimate is not None]
    harm = log_apart(gate.tolerated)
    return Assessment(
        one.contrasts[0].stable_count,
        one.contrasts[0].candidate_count,
        harm,
        harm,
        log_near(gate.tolerated),
        -math.inf,
        max(estimates, default=None),
        max((_most_apart(each, alpha / (2 * len(one.contrasts))) for each in one.contrasts), default=None),
        _largest([each.upper(alpha) for each in one.contrasts], [each.lower(alpha) for each in one.contrasts]),
    )


def _most_apart(contrast: Contrast, alpha: float) -> float:
    """The greatest distance from 0 that is proven."""
    lower, upper = contrast.lower(alpha), contrast.upper(alpha)
    return max(lower or 0.0, -(upper or 0.0), 0.0)


def _largest(uppers: Sequence[float | None], lowers: Sequence[float | None]) -> float | None:
    """The greatest distance from 0 that is not ruled out; None while everything is possible."""
    known = [abs(each) for each in (*uppers, *lowers) if each is not None]
    return max(known) if len(known) == len(uppers) + len(lowers) else None


def _times(value: float | None, width: float) -> float | None:
    return None if value is None else value * width

"""How far a metric differs between the large slices of a feature, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from components.evaluator.measurement import Interval, Measurement, Role, interval, simultaneous
from components.evaluator.slices import slice_name
from components.evaluator.spec import EvaluatorParams, FairnessGap


@dataclass(frozen=True)
class Gap:
    """The candidate's metric at the best slice of a feature and at the worst."""

    feature: str
    metric: str
    slices: int
    """Slices that are large enough to be compared, and where the metric is defined."""
    max_gap: float | None
    """What is borne; None where the gap is only reported."""
    highest: tuple[str, float] = ("", math.nan)
    """Name and value."""
    lowest: tuple[str, float] = ("", math.nan)
    found: Interval | None = None
    """Their difference; None where fewer than two slices can be compared."""
    confidence: float = math.nan
    """Of the interval alone, so that those of all pairs of slices hold together."""


def gaps(measured: Measurement, params: EvaluatorParams) -> list[Gap]:
    """Every gap that the parameters name, in their order."""
    return [_gap(measured, asked, params) for asked in params.fairness]


def _gap(measured: Measurement, asked: FairnessGap, params: EvaluatorParams) -> Gap:
    """Compare the best slice of a feature with the worst.

    They were picked by looking, so the interval holds for all pairs at once. The slices share no row and their
    resampling weights are independent, so the variances add.
    """
    column = measured.metrics.index(asked.metric)
    values, errors = measured.values[Role.CANDIDATE][:, column], measured.errors[Role.CANDIDATE][:, column]
    usable = [
        i
        for i, key in enumerate(measured.slices)
        if [name for name, _ in key] == [asked.feature]
        and measured.slice_rows[i] >= params.min_slice_rows
        and math.isfinite(values[i])
    ]
    if len(usable) < 2:
        return Gap(asked.feature, asked.metric, len(usable), asked.max_gap)
    low, high = (pick(usable, key=lambda i: (values[i], -i)) for pick in (min, max))
    confidence = simultaneous(params.confidence, len(usable) * (len(usable) - 1) // 2)
    error = math.hypot(errors[low], errors[high])
    highest, lowest = ((slice_name(measured.slices[i]), float(values[i])) for i in (high, low))
    found = interval(highest[1] - lowest[1], error, confidence, measured.degrees(low, high))
    return Gap(asked.feature, asked.metric, len(usable), asked.max_gap, highest, lowest, found, confidence)

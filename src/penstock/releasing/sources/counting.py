"""From whole requests to the sums that gates compare: by slice, and by what kind of traffic it was."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.observations import Arm, Comparison, Histogram, Pairs, harm_of
from penstock.releasing.gates.source_spec import Loss
from penstock.releasing.gates.spec import Gate, Metric
from penstock.releasing.sources.answers import Answer, score_of
from penstock.releasing.sources.pairing import Whole

Place = tuple[str, str]
"""Slice and stratum."""
_SMALLEST = 1e-15


class Counts:
    """What one gate sees of requests.

    A request that both models answered is a pair where sums are compared. For latencies and for the distribution of
    predictions all answers are in their arms, as soon as they are there. That is sound as long as what is slow (high)
    for one model is not less likely to be so for the other: the expectation of the product of both bets is then at most
    that of independent ones.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._edges = {Metric.LATENCY_QUANTILE: EDGES_MS, Metric.PREDICTIONS: gate.cuts}.get(gate.metric, ())
        self._values: dict[tuple[Place, bool], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
        self._bins: dict[tuple[Place, bool], list[int]] = defaultdict(lambda: [0] * (len(self._edges) + 1))
        self._pairs: dict[Place, list[float]] = defaultdict(lambda: [0, 0.0, 0.0, 0.0])

    def see(self, answers: Iterable[Answer], wholes: Iterable[Whole]) -> None:
        """Count new answers, and requests that are whole with them: whichever the metric wants."""
        for whole in map(Whole, answers) if self._edges else wholes:
            self.add(whole)

    def add(self, whole: Whole, label: float = math.nan) -> None:
        """Count a request, with what turned out to be true of it where the gate wants that."""
        gate, first, shadow = self._gate, whole.first, whole.shadow
        if first.copied and not gate.in_shadow:
            return
        places = [(name, first.stratum) for name in first.slices(gate.slices)]
        value = value_of(gate, first, label)
        if shadow is None or gate.metric is Metric.BUSINESS:
            # What a user does hangs on the answer that he saw; a shadow's is not seen.
            self._add(places, value, candidate=first.by_candidate)
        else:
            self._add_pair(places, value_of(gate, shadow, label) - value)

    def _add(self, places: Iterable[Place], value: float, *, candidate: bool) -> None:
        if math.isnan(value):
            return
        for place in places:
            if self._edges:
                self._bins[place, candidate][bisect_left(self._edges, value)] += 1
            else:
                sums = self._values[place, candidate]
                sums[0] += 1
                sums[1] += value
                sums[2] += value * value

    def _add_pair(self, places: Iterable[Place], difference: float) -> None:
        for place in places:
            sums = self._pairs[place]
            sums[0] += 1
            sums[1] += max(difference, 0.0)
            sums[2] += max(-difference, 0.0)
            sums[3] += difference * difference

    def comparisons(self) -> tuple[Comparison, ...]:
        """What was counted, sorted: the order of arrival leaves no trace."""
        places = {place for place, _ in (*self._values, *self._bins)} | set(self._pairs)
        found = []
        for place in sorted(places):
            stable, candidate = (self._arm(place, which) for which in (False, True))
            count, worse, better, squares = self._pairs.get(place, (0, 0.0, 0.0, 0.0))
            pairs = Pairs(int(count), worse, better, squares)
            found.append(Comparison(self._gate.name, stable, candidate, pairs, slice=place[0]))
        return tuple(found)

    def _arm(self, place: Place, candidate: bool) -> Arm | Histogram:
        if self._edges:
            bins = self._bins.get((place, candidate))
            return Histogram(self._edges, tuple(bins) if bins else (0,) * (len(self._edges) + 1))
        count, total, squares = self._values.get((place, candidate), (0, 0.0, 0.0))
        return Arm(int(count), total, squares)


def value_of(gate: Gate, answer: Answer, label: float) -> float:
    """What one answer is to a gate: milliseconds, a prediction, or a harm in [0, 1].

    Returns:
        NaN where there is no prediction whose distribution could be compared. As quality, none is the worst.
    """
    if gate.metric is Metric.ERROR_RATE:
        return float(answer.failed)
    if gate.metric is Metric.LATENCY_QUANTILE:
        return answer.latency_ms
    if gate.metric is Metric.BUSINESS:
        return harm_of(gate, label)
    score, source = score_of(answer, gate.source.output), gate.source
    if gate.metric is Metric.PREDICTIONS:
        return score
    return harm_of(gate, loss_of(source.loss, score, label, threshold=source.threshold))


def loss_of(loss: Loss, score: float, label: float, *, threshold: float = 0.5) -> float:
    """How wrong one prediction was.

    Args:
        loss: Which measure.
        score: The prediction; for `logLoss` a probability.
        label: What turned out to be true.
        threshold: For `zeroOne`, from which value on prediction and label mean yes.

    Returns:
        At least 0; NaN where the prediction is NaN.

    Example:
        >>> loss_of(Loss.SQUARED, 0.75, 1.0), loss_of(Loss.ZERO_ONE, 0.75, 0.0), round(loss_of(Loss.LOG, 0.5, 1.0), 4)
        (0.0625, 1.0, 0.6931)
    """
    if math.isnan(score):
        return math.nan
    if loss is Loss.ABSOLUTE:
        return abs(score - label)
    if loss is Loss.SQUARED:
        return (score - label) ** 2
    if loss is Loss.ZERO_ONE:
        return float((score >= threshold) != (label >= threshold))
    given = score if label >= threshold else 1 - score
    return -math.log(min(max(given, _SMALLEST), 1.0))

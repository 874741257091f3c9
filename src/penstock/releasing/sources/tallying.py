"""From single observations to the sums that gates compare: by slice, and by what kind of traffic it was."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from penstock.releasing.gates.observations import Arm, Comparison, Histogram, Pairs

Place = tuple[str, str]
"""Slice and stratum."""


class Sums:
    """Observations in [0, 1], or bins of them, of both models."""

    def __init__(self, gate: str, edges: tuple[float, ...] = ()) -> None:
        """Say what is counted.

        Args:
            gate: The gate's name.
            edges: Upper ends of the bins, where it wants histograms.
        """
        self._gate, self._edges = gate, edges
        self._values: dict[tuple[Place, bool], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
        self._bins: dict[tuple[Place, bool], list[int]] = defaultdict(lambda: [0] * (len(edges) + 1))
        self._pairs: dict[Place, list[float]] = defaultdict(lambda: [0, 0.0, 0.0, 0.0])

    def add(self, places: Iterable[Place], *, candidate: bool, value: float) -> None:
        """Count one observation of one model."""
        for place in places:
            if self._edges:
                self._bins[place, candidate][bisect_left(self._edges, value)] += 1
            else:
                sums = self._values[place, candidate]
                sums[0] += 1
                sums[1] += value
                sums[2] += value * value

    def add_pair(self, places: Iterable[Place], stable: float, candidate: float) -> None:
        """Count what both models did to the same request."""
        difference = candidate - stable
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
            found.append(Comparison(self._gate, stable, candidate, pairs, slice=place[0]))
        return tuple(found)

    def _arm(self, place: Place, candidate: bool) -> Arm | Histogram:
        if self._edges:
            bins = self._bins.get((place, candidate))
            return Histogram(self._edges, tuple(bins) if bins else (0,) * (len(self._edges) + 1))
        count, total, squares = self._values.get((place, candidate), (0, 0.0, 0.0))
        return Arm(int(count), total, squares)

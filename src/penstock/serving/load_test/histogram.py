"""A histogram of latencies with buckets of equal relative width: any length of test in the same memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

_PER_DOUBLING = 64
"""Buckets from a value to its double: each is 1.1 % wide."""
_SMALLEST_SECONDS = 1e-6


class Histogram:
    """Counts latencies; tells percentiles to within 1.1 %.

    Example:
        >>> latencies = Histogram()
        >>> for milliseconds in range(1, 101):
        ...     latencies.add(milliseconds / 1000)
        >>> round(latencies.percentile(0.5), 3), round(latencies.percentile(0.99), 3), latencies.largest
        (0.051, 0.1, 0.1)
    """

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        """The largest value, exactly [s]."""
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count one latency [s]."""
        index = math.ceil(math.log2(max(seconds, _SMALLEST_SECONDS) / _SMALLEST_SECONDS) * _PER_DOUBLING)
        self._buckets[index] = self._buckets.get(index, 0) + 1
        self.count += 1
        self.largest = max(self.largest, seconds)

    def percentile(self, share: float) -> float:
        """The smallest bucket's end that at least this share of the values do not exceed.

        Args:
            share: In (0, 1].

        Returns:
            Not below the true one, and at most 1.1 % above it [s]; 0 where nothing was counted.

        Source:
            The nearest-rank method: Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996, definition 1.
        """
        wanted = math.ceil(share * self.count)
        seen = 0
        for upper, count in self.buckets():
            seen += count
            if seen >= wanted:
                return min(upper, self.largest)
        return 0.0

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Each bucket that is not empty, smallest first: its upper end [s] and its count."""
        for index in sorted(self._buckets):
            yield _SMALLEST_SECONDS * 2 ** (index / _PER_DOUBLING), self._buckets[index]

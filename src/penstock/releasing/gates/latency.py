r"""A quantile of the latency, compared by who is slower than it more often.

Let t be the stable's quantile q, as the looks before showed it. If the candidate is at most g times as slow there, then
no greater share of its answers takes longer than g t than of the stable's takes longer than t, which is 1 - q. Both
shares are observed at the same time, so load that changes over the day, and t with it, favours nobody; and both are
means of 0 and 1, so the bets of `betting` hold at every look. For g = 1 they find harm, for g = 1 + margin they prove
that there is none, and over a few more g they give the interval.

Latencies come in bins. A bin that g t lies within counts in part, as if its answers lay evenly in it: what is compared
is then the share smoothed by the width of that bin.

Source: Howard and Ramdas, Sequential estimation of quantiles, Bernoulli 28 (2022), for quantiles while one keeps
looking; Lindon, Sanden and Shirikian, Rapid regression detection in software deployments through sequential testing,
KDD 2022 (arXiv 2205.14762), for canaries decided by quantiles.
"""

from __future__ import annotations

from bisect import bisect_left

from penstock.releasing.gates.observations import Arm, Histogram

EDGES_MS = tuple(round(0.1 * 2 ** (step / 8), 6) for step in range(163))
"""Bins for sources that see each latency: 0.1 ms to 125 s, each 9% wider than the one before [ms]."""


def factors(margin: float) -> tuple[float, ...]:
    """How many times as slow the candidate is doubted to be: first 1 and 1 + margin, then more for the interval.

    Example:
        >>> factors(0.5)
        (1.0, 1.5, 0.6666666666666666, 2.25, 5.0625)
    """
    return (1.0, 1 + margin, 1 / (1 + margin), (1 + margin) ** 2, (1 + margin) ** 4)


def slower_than(histogram: Histogram, threshold: float) -> Arm:
    """Observations of whether an answer took longer than a threshold, from its bin.

    Example:
        Ten in (1, 2], of which three quarters are taken to be above 1.25, and five above 2.

        >>> slower_than(Histogram((1.0, 2.0), (100, 10, 5)), 1.25)
        Arm(count=115, total=12.5, squares=10.625)
    """
    if not histogram.counts:
        return Arm()
    at = bisect_left(histogram.edges, threshold)
    if at == len(histogram.edges):
        return Arm.binary(histogram.count, histogram.counts[-1])
    low = histogram.edges[at - 1] if at else 0.0
    part = (histogram.edges[at] - threshold) / (histogram.edges[at] - low)
    above, within = sum(histogram.counts[at + 1 :]), histogram.counts[at]
    return Arm(histogram.count, above + within * part, above + within * part * part)


def quantile_of(edges: tuple[float, ...], counts: tuple[int, ...], quantile: float) -> float | None:
    """A quantile of binned observations, evenly spread within a bin; the last edge if it lies beyond; None if none.

    Example:
        >>> quantile_of((1.0, 2.0), (50, 50, 0), 0.75)
        1.5
    """
    wanted = quantile * sum(counts)
    if not edges or not wanted:
        return None
    before = 0
    for index, count in enumerate(counts[:-1]):
        if before + count >= wanted:
            low = edges[index - 1] if index else 0.0
            return low + (edges[index] - low) * (wanted - before) / count
        before += count
    return edges[-1]


def nearest_edge(edges: tuple[float, ...], value: float) -> float:
    """The edge that is nearest to a value, in ratio: at an edge nothing has to be smoothed."""
    at = bisect_left(edges, value)
    around = [edge for edge in edges[max(at - 1, 0) : at + 1] if edge > 0]
    return min(around, key=lambda edge: max(edge / value, value / edge)) if around and value > 0 else value

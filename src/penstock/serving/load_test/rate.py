"""The greatest rate that keeps a latency: the search is pure, the trials are somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.serving.load_test.open_loop import OpenReport

_FIRST = 50.0
_CLOSE = 1.08
"""The search ends when the rate that was kept and the one that was not are as close as this."""
_LATE_SHARE = 0.97
"""A rate was kept only if so much of it was answered."""


@dataclass(frozen=True)
class Found:
    """What a search came to."""

    rate: float
    """The greatest rate that was tried and kept [1/s]; 0 where none was."""
    report: OpenReport | None
    """The trial at that rate."""
    trials: int
    """How many trials it took."""
    bounded: bool
    """Whether a greater rate was tried and not kept; False where the search ended at its limit."""


def kept(report: OpenReport, p99_ms: float) -> bool:
    """Whether a trial kept its rate without an error and within a 99th percentile [ms]."""
    in_time = report.answered_per_second >= _LATE_SHARE * min(report.rate, report.sent / max(report.seconds, 1e-9))
    return report.errors == 0 and report.answered > 0 and report.p99_ms <= p99_ms and in_time


def find_rate(
    trial: Callable[[float], OpenReport], p99_ms: float, *, limit: float = 20_000.0, first: float = _FIRST
) -> Found:
    """Find the greatest rate whose 99th percentile is within a latency.

    Doubles the rate until one is not kept, then halves the interval between. A rate is tried a second time before it is
    given up, because a busy machine is not a slow server.

    Args:
        trial: Loads the server at a rate [1/s].
        p99_ms: The latency [ms].
        limit: The greatest rate that is tried [1/s].
        first: The rate that is tried first [1/s].
    """
    low, high, rate, trials = 0.0, limit, min(first, limit), 0
    best: OpenReport | None = None
    bounded = False
    while True:
        report = trial(rate)
        trials += 1
        if not kept(report, p99_ms):
            report = trial(rate)
            trials += 1
        if kept(report, p99_ms):
            low, best = rate, report
        else:
            high, bounded = rate, True
        if (low and high / low <= _CLOSE) or (not low and high < 1.0) or (low >= limit):
            return Found(low, best, trials, bounded)
        rate = min(2 * low, limit) if low and not bounded else (low * high) ** 0.5 if low else high / 4

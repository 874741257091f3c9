"""Load in a closed loop: each connection sends its next request when the last one is answered.

So the figures are the latency that a client sees at that concurrency, and the rate that follows from it: capacity. They
say nothing of an open queue. Bounded in count and in time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.serving.load_test.connection import Broken, Connection, connect
from penstock.serving.load_test.target import Target

_ANSWER_SECONDS = 30.0
"""An answer that takes longer than this is an error [s]."""

_ENOUGH_ERRORS = 100
"""After so many errors there is nothing more to learn: a dead server refuses thousands in a second."""


@dataclass(frozen=True)
class LoadReport:
    """What a load test measured."""

    requests: int
    """Requests answered with HTTP 200."""
    errors: int
    """Requests answered otherwise, or not at all."""
    first_error: str
    """What the first of them was, in one line; empty where there was none."""
    seconds: float
    """How long it took [s]."""
    qps: float
    """Requests answered with HTTP 200, per second."""
    p50_ms: float
    """Median latency [ms]; 0 where nothing was answered. So are the next two."""
    p90_ms: float
    """90th percentile of the latency [ms]."""
    p99_ms: float
    """99th percentile of the latency [ms]."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed.

    Args:
        ordered: Values in ascending order; may be empty.
        share: In (0, 1].

    Returns:
        One of the values; 0 where there are none.

    Source:
        The nearest-rank method: Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996, definition 1.

    Example:
        >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0, 3.0, 4.0], 0.99)
        (2.0, 4.0)
    """
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else 0.0


async def closed_loop(
    target: Target, bodies: Sequence[bytes], *, requests: int = 400, seconds: float = 1.0, connections: int = 2
) -> LoadReport:
    """Send requests in turn over a few connections until enough are sent, the time is up, or too many fail.

    Args:
        target: Where to POST.
        bodies: JSON bodies, sent in turn; at least one.
        requests: How many to send at most.
        seconds: How long to go on sending at most [s].
        connections: How many to have in flight at once.

    Raises:
        ValueError: There is no body (caller).
    """
    if not bodies:
        raise ValueError("there is no body to send")
    messages = [target.message(body) for body in bodies]
    latencies: list[float] = []
    errors: list[str] = []
    start = time.perf_counter()
    end = start + seconds
    left = iter(range(requests))

    async def send_in_turn() -> None:
        connection: Connection | None = None
        while time.perf_counter() < end and len(errors) < _ENOUGH_ERRORS and (number := next(left, None)) is not None:
            try:
                if connection is None or not connection.usable:
                    connection = await connect(target)
                sent = time.perf_counter()
                reply = await asyncio.wait_for(connection.send(messages[number % len(messages)]), _ANSWER_SECONDS)
            except (OSError, Broken, TimeoutError) as error:
                errors.append(str(error) or f"no answer within {_ANSWER_SECONDS:g} s")
                if connection is not None:
                    connection.close()
                connection = None
                continue
            if reply.status == 200:
                latencies.append(time.perf_counter() - sent)
            else:
                errors.append(f"HTTP {reply.status}")
        if connection is not None:
            connection.close()

    await asyncio.gather(*(send_in_turn() for _ in range(connections)))
    took = time.perf_counter() - start
    latencies.sort()
    p50, p90, p99 = (round(percentile(latencies, share) * 1000, 3) for share in (0.5, 0.9, 0.99))
    done = len(latencies)
    first = errors[0] if errors else ""
    return LoadReport(done, len(errors), first, round(took, 3), round(done / took, 1), p50, p90, p99)

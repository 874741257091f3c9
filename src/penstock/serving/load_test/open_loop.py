"""Load on a timetable: each request is sent when it is due, whatever the server does, and timed from that moment.

A client that waits for an answer before it sends the next request asks less of a server that stalls, and so leaves out
the very requests that would have been slow. Here a late answer makes everything behind it late, as it would for users.

Source:
    The error is G. Tene's "coordinated omission" (How NOT to Measure Latency, 2013).
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from penstock.serving.load_test.connection import Broken, Connection, connect
from penstock.serving.load_test.histogram import Histogram
from penstock.serving.load_test.target import Target

ANSWER_SECONDS = 30.0
"""An answer that is not there so long after its request was due is an error [s]."""
_CONNECTIONS = 400
"""So many at once: more requests wait here, and their waiting counts."""
_KINDS = 20
"""So many different errors are told apart."""


class OpenReport(BaseModel):
    """What a load test on a timetable measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rate: float
    """Requests that were due in a second [1/s]."""
    seconds: float
    """From the first request until the last answer [s]."""
    sent: int
    """Requests that were sent."""
    answered: int
    """Requests that were answered with HTTP 200."""
    errors: int
    """Requests that were answered otherwise, or not at all."""
    error_kinds: dict[str, int]
    """What the errors were, and how many."""
    answered_per_second: float
    """Requests answered with HTTP 200 over the whole time [1/s]."""
    p50_ms: float
    """Median latency, from the time that a request was due [ms]; 0 where nothing was answered, as are the next ones."""
    p90_ms: float
    """90th percentile of the latency [ms]."""
    p99_ms: float
    """99th percentile of the latency [ms]."""
    p999_ms: float
    """99.9th percentile of the latency [ms]."""
    max_ms: float
    """The largest latency [ms]."""
    late_p99_ms: float
    """99th percentile of how late this program itself sent [ms]: if it is large, the figures are its own."""
    bundles: dict[str, int]
    """Answers by the digest of the bundle that gave them."""
    histogram: list[tuple[float, int]]
    """Upper end of each bucket [ms], and its count."""


@dataclass
class _Tally:
    latencies: Histogram = field(default_factory=Histogram)
    late: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)
    bundles: Counter[str] = field(default_factory=Counter)
    sent: int = 0

    def error(self, what: str) -> None:
        self.errors[what if what in self.errors or len(self.errors) < _KINDS else "others"] += 1


async def open_loop(
    target: Target,
    bodies: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    on_second: Callable[[int, int], None] | None = None,
) -> OpenReport:
    """Send requests at an even rate for some time.

    Args:
        target: Where to POST.
        bodies: JSON bodies, sent in turn; at least one.
        rate: Requests a second, greater than 0 [1/s].
        seconds: For how long [s].
        on_second: Told about every second how many were sent and how many failed.

    Raises:
        ValueError: There is no body, or the rate is not positive (caller).
    """
    if not bodies:
        raise ValueError("there is no body to send")
    if rate <= 0 or seconds <= 0:
        raise ValueError("rate and seconds must be greater than 0")
    messages = [target.message(body) for body in bodies]
    tally = _Tally()
    sender = _Sender(target, tally)
    count = max(1, round(rate * seconds))
    tasks: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    start = time.perf_counter() + 0.01
    told = 0
    for number in range(count):
        due = start + number / rate
        left = due - time.perf_counter()
        if left > 0:
            await asyncio.sleep(left)
        elif number % 16 == 0:
            await asyncio.sleep(0)
        tally.late.add(max(0.0, time.perf_counter() - due))
        tally.sent += 1
        task = loop.create_task(sender.send(messages[number % len(messages)], due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if on_second is not None and (number + 1) / rate >= told + 1:
            told += 1
            on_second(tally.sent, tally.errors.total())
    if tasks:
        await asyncio.wait(tasks)
    took = time.perf_counter() - start
    sender.close()
    return _report(rate, took, tally)


class _Sender:
    """Sends requests over as many connections as it takes."""

    def __init__(self, target: Target, tally: _Tally) -> None:
        self._target = target
        self._tally = tally
        self._pool: list[Connection] = []
        self._room = asyncio.Semaphore(_CONNECTIONS)

    async def send(self, message: bytes, due: float) -> None:
        """Send one request and count what came of it."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(due + ANSWER_SECONDS - time.perf_counter()), self._room:
                connection = self._take() or await connect(self._target)
                reply = await connection.send(message)
        except (OSError, Broken, TimeoutError) as error:  # a TimeoutError is an OSError: told apart by its words
            self._tally.error(str(error) or f"no answer within {ANSWER_SECONDS:g} s")
            if connection is not None:
                connection.close()
            return
        if reply.status == 200:
            self._tally.latencies.add(time.perf_counter() - due)
            self._tally.bundles[reply.bundle] += 1
        else:
            self._tally.error(f"HTTP {reply.status}")
        if connection.usable:
            self._pool.append(connection)

    def close(self) -> None:
        """Close what is open."""
        for connection in self._pool:
            connection.close()

    def _take(self) -> Connection | None:
        while self._pool:
            connection = self._pool.pop()
            if connection.usable:
                return connection
        return None


def _report(rate: float, took: float, tally: _Tally) -> OpenReport:
    p50, p90, p99, p999 = (round(tally.latencies.percentile(s) * 1000, 3) for s in (0.5, 0.9, 0.99, 0.999))
    return OpenReport(
        rate=rate,
        seconds=round(took, 3),
        sent=tally.sent,
        answered=tally.latencies.count,
        errors=tally.errors.total(),
        error_kinds=dict(tally.errors.most_common()),
        answered_per_second=round(tally.latencies.count / took, 1),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        p999_ms=p999,
        max_ms=round(tally.latencies.largest * 1000, 3),
        late_p99_ms=round(tally.late.percentile(0.99) * 1000, 3),
        bundles=dict(sorted(tally.bundles.items())),
        histogram=[(round(upper * 1000, 4), count) for upper, count in tally.latencies.buckets()],
    )


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop that wakes within microseconds: the usual one rounds up to milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def run_open_loop(
    target: Target,
    bodies: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    on_second: Callable[[int, int], None] | None = None,
) -> OpenReport:
    """`open_loop` from code that has no event loop."""
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        return runner.run(open_loop(target, bodies, rate=rate, seconds=seconds, on_second=on_second))

"""A short load test of a server on this machine: `python -m penstock.serving.load_test URL --bodies FILE`.

Closed loop: each connection sends its next request when the last one is answered, so the figures are the latency that
a client sees at that concurrency, and the rate that follows from it; they say nothing of an open queue. HTTP/1.1 over
plain asyncio, because a client that costs more than the server measures itself. Bounded in count and in time, and
loopback only: it is a check of a model, not a tool to press on somebody's service with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
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


async def load_test(
    url: str, bodies: Sequence[bytes], *, requests: int = 400, seconds: float = 1.0, connections: int = 2
) -> LoadReport:
    """Send requests in turn over a few connections until enough are sent, the time is up, or too many fail.

    Args:
        url: Where to POST; `http`, a loopback host.
        bodies: JSON bodies, sent in turn; at least one.
        requests: How many to send at most.
        seconds: How long to go on sending at most [s].
        connections: How many to have in flight at once.

    Raises:
        ValueError: The URL is not `http` on a loopback host, or there is no body (caller).
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise ValueError(f"{url}: only http on this machine (127.0.0.1, localhost, ::1)")
    if not bodies:
        raise ValueError("there is no body to send")
    host, port, path = parts.hostname or "", parts.port or 80, parts.path or "/"
    messages = [_message(host, path, body) for body in bodies]
    latencies: list[float] = []
    errors: list[str] = []
    start = time.perf_counter()
    end = start + seconds
    left = iter(range(requests))

    async def connection() -> None:
        reader = writer = None
        while time.perf_counter() < end and len(errors) < _ENOUGH_ERRORS and (number := next(left, None)) is not None:
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection(host, port)
                sent = time.perf_counter()
                writer.write(messages[number % len(messages)])
                status = await asyncio.wait_for(_answer(reader), _ANSWER_SECONDS)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                errors.append(f"{type(error).__name__}: {error}")
                _close(writer)
                reader = writer = None
                continue
            if status == 200:
                latencies.append(time.perf_counter() - sent)
            else:
                errors.append(f"HTTP {status}")
        _close(writer)

    await asyncio.gather(*(connection() for _ in range(connections)))
    took = time.perf_counter() - start
    latencies.sort()
    p50, p90, p99 = (round(percentile(latencies, share) * 1000, 3) for share in (0.5, 0.9, 0.99))
    done = len(latencies)
    first = errors[0] if errors else ""
    return LoadReport(done, len(errors), first, round(took, 3), round(done / took, 1), p50, p90, p99)


def _message(host: str, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer whole; its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
    await reader.readexactly(int(headers["content-length"]) if "content-length" in headers else 0)
    return int(head[0].split()[1])


def _close(writer: asyncio.StreamWriter | None) -> None:
    if writer is not None:
        writer.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Run a load test and print its report as JSON on standard output."""
    parser = argparse.ArgumentParser(prog="penstock.serving.load_test", description="Load a server on this machine.")
    parser.add_argument("url", help="where to POST, for example http://127.0.0.1:8080/v1/models/model:predict")
    parser.add_argument("--bodies", type=Path, required=True, help="a file with one JSON body a line")
    parser.add_argument("--requests", type=int, default=400, help="how many to send at most")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long to go on sending at most")
    parser.add_argument("--connections", type=int, default=2, help="how many to have in flight at once")
    options = parser.parse_args(argv)
    limits = {"requests": options.requests, "seconds": options.seconds, "connections": options.connections}
    try:
        bodies = options.bodies.read_bytes().splitlines()
        report = asyncio.run(load_test(options.url, bodies, **limits))
    except (OSError, ValueError) as error:
        print(f"penstock.serving.load_test: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    print(json.dumps(asdict(report)))  # noqa: T201


if __name__ == "__main__":
    main()

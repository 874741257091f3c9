"""Traffic for a demonstration: rows of a table as requests at an even rate, their true labels written down later.

The labels come as they do in life: some time after the answer, in a file that grows, by the request's id.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.serving.load_test.connection import Broken, Connection, Reply, connect
from penstock.serving.load_test.target import Target

ANSWER_SECONDS = 60.0
"""An answer that takes longer has failed [s]."""
_TOLD_SECONDS = 1.0
_CONNECTIONS = 200
HEAD = "request_id,label\n"


@dataclass(frozen=True)
class Row:
    """One request and its truth."""

    features: dict[str, Any]
    label: float | str | None
    """None where nobody will ever know."""


@dataclass
class Sent:
    """What came of the requests so far."""

    sent: int = 0
    answered: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    bundles: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    """Labels that have been written."""

    @property
    def failed(self) -> int:
        """Requests that were not answered with 200."""
        return self.failures.total()


class Replay:
    """Sends rows in their order, again from the first when all were sent.

    Args:
        rows: The rows, at least one.
        target: Where to POST.
        labels: The file of labels that is added to.
        label_delay_seconds: How long after its request a label is known [s].
        prefix: What the requests' ids begin with; no two replays should share it.
    """

    def __init__(
        self, rows: Sequence[Row], target: Target, labels: Path, *, label_delay_seconds: float, prefix: str
    ) -> None:
        if not rows:
            raise ValueError("there is no row to send")
        self.counts = Sent()
        self._rows = rows
        self._target = target
        self._labels = labels
        self._delay = label_delay_seconds
        self._prefix = prefix
        self._due: deque[tuple[float, str]] = deque()
        self._pool: list[Connection] = []

    async def run(
        self, rate: float, seconds: float | None, stop: asyncio.Event, on_second: Callable[[Sent], None]
    ) -> Sent:
        """Send until the time is over or `stop` is set; every label that is due by then is written, the others at once.

        Args:
            rate: Requests a second [1/s].
            seconds: For how long [s]; None for as long as nobody stops it.
            stop: Ends it.
            on_second: Told about every second what came of it.
        """
        start, told = time.monotonic(), 0.0
        room = asyncio.Semaphore(_CONNECTIONS)
        tasks: set[asyncio.Task[None]] = set()
        for number, (identity, message, label) in enumerate(self._messages()):
            after = number / rate
            if stop.is_set() or (seconds is not None and after >= seconds):
                break
            if (left := start + after - time.monotonic()) > 0:
                await asyncio.sleep(left)
            task = asyncio.create_task(self._send(message, room))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            self.counts.sent += 1
            if label is not None:
                self._due.append((time.monotonic() + self._delay, f"{identity},{label}\n"))
            if time.monotonic() - told >= _TOLD_SECONDS:
                told = time.monotonic()
                self._write(told)
                on_second(self.counts)
        if tasks:
            await asyncio.wait(tasks)
        self._write(float("inf"))
        for connection in self._pool:
            connection.close()
        return self.counts

    def _messages(self) -> Iterator[tuple[str, bytes, float | str | None]]:
        number = 0
        while True:
            for row in self._rows:
                number += 1
                identity = f"{self._prefix}-{number}"
                body = json.dumps({"instances": [row.features]}).encode()
                line, _, rest = self._target.message(body).partition(b"\r\n")
                yield identity, b"%s\r\nx-request-id: %s\r\n%s" % (line, identity.encode(), rest), row.label

    async def _send(self, message: bytes, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    reply = await self._ask(message)
            except (OSError, Broken, TimeoutError) as error:
                self.counts.failures[str(error) or f"no answer within {ANSWER_SECONDS:g} s"] += 1
                return
        if reply.status == 200:
            self.counts.answered += 1
            self.counts.bundles[reply.bundle] += 1
        else:
            self.counts.failures[f"HTTP {reply.status}"] += 1

    async def _ask(self, message: bytes) -> Reply:
        while self._pool and not self._pool[-1].usable:
            self._pool.pop()
        connection = self._pool.pop() if self._pool else await connect(self._target)
        reply = await connection.send(message)
        if connection.usable:
            self._pool.append(connection)
        return reply

    def _write(self, now: float) -> None:
        """Append the labels that are known by now."""
        lines = []
        while self._due and self._due[0][0] <= now:
            lines.append(self._due.popleft()[1])
        if not lines:
            return
        self._labels.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self._labels.exists()
        with self._labels.open("a", encoding="utf-8") as file:
            file.write((HEAD if is_new else "") + "".join(lines))
        self.counts.labelled += len(lines)

"""Writing the prediction log without ever making a request wait: a bounded queue, a thread, files that appear whole.

What does not fit into the queue is dropped and counted, and so is what cannot be written. The folder keeps to its share
of the disk: the oldest files go first.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.serving.gateway.exchange import Exchange, describe
from penstock.serving.prediction_log import SUFFIX, Prediction, log_files, to_arrow

_CHUNK = 32
"""Records that are made into columns at a time: a longer piece of work would hold up the answers."""
_COMPLAIN_SECONDS = 60.0


@dataclass(frozen=True)
class RecorderLimits:
    """How much is held, and how files are cut."""

    queue_bytes: int = 64 * 1024 * 1024
    """What waits to be written, at most [bytes]."""
    queue_records: int = 50_000
    """What waits to be written, at most [records]."""
    file_records: int = 20_000
    """A file has so many records at most."""
    file_seconds: float = 2.0
    """And is closed after this time [s]: until then nobody can read it."""
    folder_bytes: int = 2 * 1024**3
    """All files together, at most [bytes]."""


@dataclass
class RecorderCounts:
    """What became of what was offered."""

    offered: int = 0
    written: int = 0
    dropped_full: int = 0
    """Dropped because the queue was full."""
    dropped_failed: int = 0
    """Dropped because the file could not be written."""
    files_removed: int = 0
    """Files that went to make room."""


Sink = Callable[[Path, Sequence[Prediction]], None]
"""Writes records as one file, whole or not at all."""


def write_file(path: Path, records: Sequence[Prediction]) -> None:
    """Write one file of the log; it appears under its name when it is whole.

    Raises:
        OSError: It cannot be written (operator).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    batches = []
    for start in range(0, len(records), _CHUNK):
        batches.append(to_arrow(records[start : start + _CHUNK]))
        time.sleep(0)
    hidden = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_batches(batches), hidden, compression="zstd", version="2.6")
        hidden.rename(path)
    finally:
        hidden.unlink(missing_ok=True)


class Recorder:
    """Takes exchanges from the event loop and writes them from a thread.

    Args:
        folder: The log's folder; made when the first file is written.
        limits: How much is held, and how files are cut.
        sink: Writes one file.
    """

    def __init__(self, folder: Path, limits: RecorderLimits = RecorderLimits(), sink: Sink = write_file) -> None:
        self.counts = RecorderCounts()
        self._folder = folder
        self._limits = limits
        self._sink = sink
        self._queue: deque[Exchange] = deque()
        self._queued_bytes = 0
        self._freed_bytes = 0
        self._wake = threading.Event()
        self._stopping = False
        self._complained = -_COMPLAIN_SECONDS
        self._number = 0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def offer(self, exchange: Exchange) -> None:
        """Take an exchange, or drop it where there is no room. Never waits."""
        self.counts.offered += 1
        size = exchange.held_bytes
        if (
            len(self._queue) >= self._limits.queue_records
            or self._queued_bytes - self._freed_bytes + size > self._limits.queue_bytes
        ):
            self.counts.dropped_full += 1
            return
        self._queued_bytes += size  # only this thread adds, only the other one frees: no lock
        self._queue.append(exchange)

    def close(self, patience_seconds: float = 10.0) -> None:
        """Write what waits and end; what is not written in time is lost."""
        self._stopping = True
        self._wake.set()
        self._thread.join(patience_seconds)

    def _run(self) -> None:
        limits = self._limits
        records: list[Prediction] = []
        opened = time.monotonic()
        while True:
            stopping = self._stopping
            while self._queue and len(records) < limits.file_records:
                exchange = self._queue.popleft()
                self._freed_bytes += exchange.held_bytes
                self._describe(exchange, records)
            due = time.monotonic() - opened >= limits.file_seconds
            if len(records) >= limits.file_records or (records and (due or stopping)):
                self._write(records)
                records, opened = [], time.monotonic()
            elif not records:
                opened = time.monotonic()
                if stopping:
                    return
            if not self._queue and not stopping:
                self._wake.wait(min(0.1, limits.file_seconds))

    def _describe(self, exchange: Exchange, records: list[Prediction]) -> None:
        try:
            records.append(describe(exchange))
        except Exception as error:  # a body of whatever form must not end the log
            self.counts.dropped_failed += 1
            self._complain(f"a record could not be made: {type(error).__name__}: {error}")

    def _write(self, records: list[Prediction]) -> None:
        self._number += 1
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{self._number:06d}{SUFFIX}"
        try:
            self._sink(self._folder / name, records)
            self.counts.written += len(records)
            self._make_room()
        except Exception as error:  # a full disk, a folder that is gone: the next file may succeed
            self.counts.dropped_failed += len(records)
            self._complain(f"{len(records)} records could not be written to {self._folder}: {error}")

    def _make_room(self) -> None:
        sizes: list[tuple[Path, Any]] = [(path, path.stat().st_size) for path in log_files(self._folder)]
        total = sum(size for _, size in sizes)
        for path, size in sizes[:-1]:
            if total <= self._limits.folder_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
            self.counts.files_removed += 1

    def _complain(self, text: str) -> None:
        if time.monotonic() - self._complained >= _COMPLAIN_SECONDS:
            self._complained = time.monotonic()
            print(f"penstock.serving.gateway: prediction log: {text}", file=sys.stderr)  # noqa: T201

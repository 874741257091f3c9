"""Which release is due next: each once, by one worker at a time, and later where it failed."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable

from penstock.releasing.port import Key

_FIRST_SECONDS, _LONGEST_SECONDS = 0.2, 60.0


def backoff_seconds(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row: twice as long each time, and never all at the same moment.

    Args:
        failures: At least 1.
        chance: A number in [0, 1).

    Example:
        >>> backoff_seconds(1, 0.0), backoff_seconds(3, 0.0), backoff_seconds(100, 0.5)
        (0.1, 0.4, 45.0)
    """
    longest: float = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(failures - 1, 20))
    return longest * (0.5 + chance / 2)


class WorkQueue:
    """Releases that are due, soonest first."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock, self._chance = clock, chance
        self._changed = threading.Condition()
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._working: dict[Key, float | None] = {}
        self._failures: dict[Key, int] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: Key, after_seconds: float = 0.0) -> None:
        """Have a release looked at in so many seconds, or sooner if that was asked for before."""
        at = self._clock() + after_seconds
        with self._changed:
            if key in self._working:
                before = self._working[key]
                self._working[key] = at if before is None else min(at, before)
            elif key not in self._due or at < self._due[key]:
                self._due[key] = at
                heapq.heappush(self._heap, (at, key))
                self._changed.notify()

    def take(self, timeout_seconds: float) -> Key | None:
        """The release that is due, as soon as one is; None after so many seconds, or once the queue is closed."""
        end = self._clock() + timeout_seconds
        with self._changed:
            while not self._closed:
                now = self._clock()
                while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
                    heapq.heappop(self._heap)
                if self._heap and self._heap[0][0] <= now:
                    _, key = heapq.heappop(self._heap)
                    del self._due[key]
                    self._working[key] = None
                    return key
                wait = min(end, self._heap[0][0]) if self._heap else end
                if now >= end:
                    return None
                self._changed.wait(max(0.0, wait - now))
        return None

    def done(self, key: Key, again_in_seconds: float | None) -> None:
        """A release was looked at; look again in so many seconds, or when something happens (None)."""
        with self._changed:
            self._failures.pop(key, None)
        self._finish(key, again_in_seconds)

    def failed(self, key: Key) -> None:
        """A release could not be looked at; again, later each time."""
        with self._changed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
        self._finish(key, backoff_seconds(failures, self._chance()))

    def retry(self) -> None:
        """Whatever failed is due now: what it failed for is over."""
        now = self._clock()
        with self._changed:
            for key in self._failures:
                if self._due.get(key, now) > now:
                    self._due[key] = now
                    heapq.heappush(self._heap, (now, key))
            self._failures.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing is due any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _finish(self, key: Key, again_in_seconds: float | None) -> None:
        with self._changed:
            asked = self._working.pop(key, None)
        now = self._clock()
        delays = [asked - now if asked is not None else None, again_in_seconds]
        wanted = [each for each in delays if each is not None]
        if wanted:
            self.add(key, max(0.0, min(wanted)))

"""A program that is started again when it dies."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from enum import StrEnum

from penstock.serving.twins.backoff import Backoff
from penstock.serving.twins.programs import Program

_STOPPING_SECONDS = 35.0
"""How long a program may take to answer what it was asked before it is killed [s]."""


class Phase(StrEnum):
    """How a supervised program is."""

    RUNNING = "running"
    WAITING = "waiting"
    """It died, and is started again soon."""
    REFUSED = "refused"
    """It said that it can never run: it is not started again."""
    STOPPED = "stopped"


class Supervised:
    """One program, kept alive. `tend` must be called every now and then.

    Args:
        start: Starts it.
        refusals: The exit codes by which it says that it can never run.
    """

    def __init__(self, start: Callable[[], Program], refusals: frozenset[int]) -> None:
        self._start = start
        self._refusals = refusals
        self._backoff = Backoff()
        self._due = 0.0
        self.restarts = 0
        self.why = ""
        """How it ended the last time, and what it said; empty where it never did."""
        self.phase = Phase.RUNNING
        self.program = start()
        self._since = time.monotonic()

    def tend(self) -> str:
        """Look after it; what happened in one line, empty for nothing."""
        now = time.monotonic()
        if self.phase is Phase.RUNNING and (code := self.program.ended()) is not None:
            if code < 0:
                self.why = f"was killed by {signal.Signals(-code).name}"
            else:
                self.why = f"ended with exit code {code}: {self.program.last_words()}"
            self.program.stop(0)
            if code in self._refusals:
                self.phase = Phase.REFUSED
                return self.why
            self._backoff, wait = self._backoff.died(now - self._since)
            self.phase, self._due = Phase.WAITING, now + wait
            return f"{self.why}; it is started again " + (f"in {wait:g} s" if wait else "at once")
        if self.phase is Phase.WAITING and now >= self._due:
            self.program = self._start()
            self._since, self.phase = now, Phase.RUNNING
            self.restarts += 1
        return ""

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        running, self.phase = self.phase is Phase.RUNNING, Phase.STOPPED
        if running:
            self.program.stop(_STOPPING_SECONDS)

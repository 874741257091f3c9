"""Who leads: one controller acts at a time, by a Lease, and stops acting before another may begin.

Source: client-go's leader election. A lease is lost when nobody renewed it for the duration that its holder wrote into
it, by the observer's own clock, so that clocks need not agree; a leader gives up earlier than others may take over.

The times are shorter than client-go's, for a rollback may wait for them. It costs but a change of leader where
the API server is slow: no write rests on the lease alone, each is held to what was read (`releasing.port`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from penstock.releasing.port import Conflict
from penstock.sdk import PenstockError

DURATION_SECONDS, GIVE_UP_SECONDS, RENEW_SECONDS = 6.0, 4.0, 1.0
ASK_SECONDS = 1.5
"""How long an answer about the lease is waited for: a leader that misses one renewal has the time for another."""


class Leases(Protocol):
    """Where the lease is."""

    def read(self) -> tuple[dict[str, Any], Any] | None:
        """Its specification and what a write is held to; None where there is none."""
        ...

    def write(self, spec: dict[str, Any], held_to: Any) -> None:
        """Write it, if it is still as it was read (None: if there is none). Raises Conflict otherwise."""
        ...


@dataclass(frozen=True)
class Sighting:
    """A lease as it was seen, and when it last changed by our own clock [s]."""

    holder: str
    renewed: str
    since: float
    lasts_seconds: float = DURATION_SECONDS


def may_take(identity: str, sighting: Sighting | None, now: float) -> bool:
    """Whether a controller may write itself into the lease.

    Its own it takes at once: whoever had the same identity before is dead, for no two processes have it at a time.

    Example:
        >>> may_take("me", Sighting("other", "t1", since=100.0), now=105.0)
        False
        >>> may_take("me", Sighting("other", "t1", since=100.0), now=107.0)
        True
    """
    if sighting is None or sighting.holder in ("", identity):
        return True
    return now - sighting.since > sighting.lasts_seconds


class Elector:
    """Takes the lease, and keeps it by renewing it in time."""

    def __init__(self, leases: Leases, identity: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Say who.

        Args:
            leases: Where the lease is.
            identity: Who this is. No two processes that run at a time may have the same.
            clock: A clock that never goes back [s].
        """
        self._leases, self._identity, self._clock = leases, identity, clock
        self._sighting: Sighting | None = None
        self._renewed_at = float("-inf")
        self._lock = threading.Lock()
        self.answered = False
        """Whether the lease could be asked after last, whoever leads."""

    def leads(self) -> bool:
        """Whether this controller may act now: it renewed the lease lately enough that nobody else may have it."""
        return self._clock() - self._renewed_at < GIVE_UP_SECONDS

    def renew(self) -> bool:
        """Take or renew the lease, if that may be; returns whether this controller leads."""
        with self._lock:
            began = self._clock()
            try:
                if self._write(began):
                    self._renewed_at = began
                self.answered = True
            except PenstockError as problem:
                # It may lead on until the last renewal is too old.
                self.answered = isinstance(problem, Conflict)
            return self.leads()

    def step_down(self) -> None:
        """Let another take over at once."""
        with self._lock:
            led, self._renewed_at = self.leads(), float("-inf")
            found = self._leases.read() if led else None
            if found and found[0].get("holderIdentity") == self._identity:
                try:
                    self._leases.write({**found[0], "holderIdentity": "", "leaseDurationSeconds": 1}, found[1])
                except Conflict:
                    return

    def _write(self, now: float) -> bool:
        found = self._leases.read()
        spec, held_to = found if found else ({}, None)
        holder, renewed = str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or "")
        before = self._sighting
        if before is None or (before.holder, before.renewed) != (holder, renewed):
            lasts = float(spec.get("leaseDurationSeconds") or DURATION_SECONDS)
            self._sighting = Sighting(holder, renewed, now, lasts)
        if not may_take(self._identity, self._sighting if found else None, now):
            self._renewed_at = float("-inf")
            return False
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = holder == self._identity
        written = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(DURATION_SECONDS),
            "acquireTime": spec.get("acquireTime") if mine else stamp,
            "renewTime": stamp,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (0 if mine else 1),
        }
        self._leases.write(written, held_to)
        self._sighting = Sighting(self._identity, stamp, now)
        return True

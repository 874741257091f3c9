"""What the controller counts, for Prometheus."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from penstock.releasing.port import Key
from penstock.releasing.resource.status import ModelReleaseStatus, Phase

if TYPE_CHECKING:
    from collections.abc import Callable


class Metrics:
    """Counters and gauges in a registry of their own."""

    def __init__(self, leads: Callable[[], bool], queued: Callable[[], int]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        prefix, registry = "penstock_controller", self.registry
        self._outcomes = Counter(f"{prefix}_reconciles", "Looks at releases.", ["outcome"], registry=registry)
        self._seconds = Histogram(f"{prefix}_reconcile_seconds", "Time of one look [s].", registry=registry)
        Gauge(f"{prefix}_leads", "Whether this controller leads.", registry=registry).set_function(
            lambda: float(leads())
        )
        Gauge(f"{prefix}_queue", "Releases that are due, now or later.", registry=registry).set_function(
            lambda: float(queued())
        )
        labels = ["namespace", "release"]
        self._events = Counter("penstock_release_events", "Decisions.", [*labels, "event"], registry=registry)
        self._phase = Gauge(
            "penstock_release_phase", "1 for the phase of a release.", [*labels, "phase"], registry=registry
        )
        self._weight = Gauge(
            "penstock_release_candidate_weight_percent", "Wanted share of the candidate [%].", labels, registry=registry
        )
        self._condition = Gauge("penstock_release_condition", "1 where it holds.", [*labels, "type"], registry=registry)
        self._phases: dict[Key, Phase] = {}
        self._lock = threading.Lock()

    def reconciled(self, outcome: str, seconds: float) -> None:
        """Count a look, and how long it took [s]."""
        self._outcomes.labels(outcome).inc()
        self._seconds.observe(seconds)

    def decided(self, key: Key, event: str) -> None:
        """Count a decision."""
        self._events.labels(key.namespace, key.name, event).inc()

    def show(self, key: Key, status: ModelReleaseStatus) -> None:
        """Show where a release is."""
        with self._lock:
            before = self._phases.get(key)
            if before and before is not status.phase:
                self._phase.remove(key.namespace, key.name, str(before))
            self._phases[key] = status.phase
        self._phase.labels(key.namespace, key.name, str(status.phase)).set(1)
        wanted, candidate = status.route.wanted, status.candidate
        self._weight.labels(key.namespace, key.name).set(
            wanted.weight_of(candidate.twin) if wanted and candidate else 0
        )
        for condition in status.conditions:
            self._condition.labels(key.namespace, key.name, condition.type).set(float(condition.status == "True"))

    def forget(self, key: Key) -> None:
        """A release is gone."""
        with self._lock:
            before = self._phases.pop(key, None)
        if before:
            self._phase.remove(key.namespace, key.name, str(before))
            self._weight.remove(key.namespace, key.name)
            for kind in ("Ready", "Progressing", "Degraded", "Stalled"):
                self._condition.remove(key.namespace, key.name, kind)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        from prometheus_client import generate_latest

        text: bytes = generate_latest(self.registry)
        return text

"""What the gateway counts, in Prometheus' words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily

from penstock.serving.gateway.exchange import Exchange
from penstock.serving.gateway.messages import FALLBACK, RULES

if TYPE_CHECKING:
    from penstock.serving.gateway.recorder import RecorderCounts

_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5, 30)
"""Upper ends [s]."""


class Metrics:
    """The gateway's counters and histograms."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        more: dict[str, Any] = {"registry": self.registry}
        requests = Counter("penstock_gateway_requests", "Answers to clients.", ["code"], **more)
        seconds = Histogram(
            "penstock_gateway_request_seconds", "From reading a request to its answer.", buckets=_BUCKETS, **more
        )
        tries = Counter(
            "penstock_backend_requests", "Tries of model servers; code 0 for no answer.", ["role", "code"], **more
        )
        backend = Histogram(
            "penstock_backend_request_seconds", "A model server's answer.", ["role"], buckets=_BUCKETS, **more
        )
        rules = Counter("penstock_rules_fired", "Answers that a rule changed.", ["role", "rule"], **more)
        fallbacks = Counter("penstock_fallbacks", "Answers not given by the model.", ["role", "by", "reason"], **more)
        self.mirrors_dropped = Counter(
            "penstock_gateway_mirrors_dropped", "Requests that were to be mirrored, but too many were.", **more
        )
        self.unexpected_bundles = Counter(
            "penstock_gateway_unexpected_bundles", "Answers of another bundle than the backend's.", **more
        )
        self._seconds = seconds
        self._of_code = cache(lambda code: requests.labels(str(code)))
        self._of_try = cache(lambda role, code: tries.labels(role, str(code)))
        self._of_role = cache(backend.labels)
        self._rules, self._fallbacks = rules, fallbacks

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer to a client."""
        self._of_code(status).inc()
        self._seconds.observe(seconds)

    def exchanged(self, exchange: Exchange) -> None:
        """Count a try of a model server."""
        answer = exchange.answer
        self._of_try(exchange.role, answer.status if answer else 0).inc()
        self._of_role(exchange.role).observe(exchange.latency_seconds)
        if answer is None:
            return
        for name, value in answer.headers:
            if name == RULES:
                for rule in value.decode("latin-1").split(","):
                    self._rules.labels(exchange.role, rule).inc()
            elif name == FALLBACK:
                by, _, reason = value.decode("latin-1").partition(";")
                self._fallbacks.labels(exchange.role, by, reason).inc()

    def watch(self, in_flight: Callable[[], float], waiting: Callable[[], float], log: RecorderCounts | None) -> None:
        """Show what others count, when it is asked for."""
        Gauge("penstock_gateway_in_flight", "Requests being answered.", registry=self.registry).set_function(in_flight)
        Gauge(
            "penstock_gateway_waiting", "Requests that wait for a model server.", registry=self.registry
        ).set_function(waiting)
        if log is not None:
            self.registry.register(_LogCollector(log))

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        written: bytes = generate_latest(self.registry)
        return written


class _LogCollector:
    """The prediction log's counts, read when they are asked for."""

    def __init__(self, counts: RecorderCounts) -> None:
        self._counts = counts

    def collect(self) -> Any:
        """What became of what was to be logged."""
        family = CounterMetricFamily(
            "penstock_prediction_log_records", "What became of records of the prediction log.", labels=["outcome"]
        )
        counts = self._counts
        for outcome in ("written", "dropped_full", "dropped_failed"):
            family.add_metric([outcome], getattr(counts, outcome))
        yield family

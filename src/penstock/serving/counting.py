"""What a model server counts of its rules and fallbacks, beside KServe's own metrics at `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter

if TYPE_CHECKING:
    from penstock.serving.answering import Answered


class Counts:
    """The counters of this process."""

    def __init__(self) -> None:
        self._rules = Counter("penstock_rules_fired", "Answers that a rule changed.", ["model_name", "rule"])
        self._fallbacks = Counter(
            "penstock_fallbacks", "Answers not given by the model.", ["model_name", "by", "reason"]
        )

    def count(self, model_name: str, answered: Answered) -> None:
        """Count one answer."""
        for rule in answered.rules:
            self._rules.labels(model_name, rule).inc()
        if answered.fallback:
            by, _, reason = answered.fallback.partition(";")
            self._fallbacks.labels(model_name, by, reason).inc()


COUNTS = Counts()
"""One for each process: Prometheus' registry is, too."""

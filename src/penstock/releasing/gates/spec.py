"""What a gate of a release is: which metric of the candidate is held against the stable model's, and how strictly.

Each rule that one field puts on another is declared once, beside the validator that enforces it here, as a CEL rule
with its message: an API server refuses the same specifications, in the same words.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from penstock.releasing.base import Part
from penstock.releasing.gates.source_spec import Source, SourceKind

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
FeatureName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][-A-Za-z0-9_. ]{0,99}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Rule = tuple[str, str]
"""A CEL rule over one part of the resource (`self`), and the sentence that a person reads who broke it."""


class Metric(StrEnum):
    """What is compared between the candidate and the stable model; worse is always more."""

    ERROR_RATE = "errorRate"
    """Share of requests that failed, in [0, 1]."""
    LATENCY_QUANTILE = "latencyQuantile"
    """A quantile of the time to answer; its difference is a fraction of the stable's (0.3: 30% slower)."""
    QUALITY = "quality"
    """Mean loss of the predictions against their true labels, which may come late."""
    BUSINESS = "business"
    """Mean of a number known of each request, such as revenue or a click."""
    PREDICTIONS = "predictions"
    """How differently the predictions are distributed: the greatest difference of the two cumulative shares."""


DECILES = tuple(tenth / 10 for tenth in range(1, 10))
"""Where the distributions of probabilities are compared."""
DEFAULT_MARGINS: dict[Metric, float] = {
    Metric.ERROR_RATE: 0.01,
    Metric.LATENCY_QUANTILE: 0.15,
    Metric.QUALITY: 0.01,
    Metric.BUSINESS: 0.01,
    Metric.PREDICTIONS: 0.1,
}


class Multiplicity(StrEnum):
    """How the slices of a gate share its error budget."""

    SPLIT = "split"
    """Every slice has an equal part."""
    EBH = "eBH"
    """The e-BH procedure: as strict as `split` for one bad slice, less so for each when several are bad."""


class Range(Part):
    """The smallest and the greatest value that a metric can take; values beyond count as the end that they pass."""

    CEL: ClassVar[tuple[Rule, ...]] = (("self.lowest < self.highest", "lowest must be below highest"),)

    lowest: Finite = 0.0
    """Smallest value, in the metric's unit."""
    highest: Finite = 1.0
    """Greatest value, in the metric's unit."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.lowest < self.highest:
            raise ValueError(self.CEL[0][1])
        return self

    @property
    def width(self) -> float:
        """Greatest minus smallest value."""
        return self.highest - self.lowest


class Slices(Part):
    """Parts of the traffic on which the gate is judged too, so that a better mean cannot hide one that got worse."""

    every_value_of: tuple[FeatureName, ...] = ()
    """Features of which every value is a slice (`carrier`)."""
    only: tuple[Annotated[str, Field(pattern=r"^[^=]{1,100}=.{0,100}$")], ...] = ()
    """Single slices, as `feature=value`."""
    limit: Annotated[int, Field(ge=1, le=50)] = 20
    """At most so many slices, those seen first; the error budget is shared among so many from the start."""
    multiplicity: Multiplicity = Multiplicity.EBH
    """How they share their half of the gate's error budget."""
    required: bool = False
    """Whether a step also waits until each slice seen is no worse than the margin. Else they only find harm."""

    @property
    def wanted(self) -> bool:
        """Whether there are any."""
        return bool(self.every_value_of or self.only)


class Gate(Part):
    """One metric of the candidate held against the stable model's.

    It fails as soon as harm is proven, succeeds when the candidate is proven no worse than the margin on enough
    samples, and else waits. Both are proven with a test that holds while one keeps looking.
    """

    CEL: ClassVar[tuple[Rule, ...]] = (
        (
            "self.metric != 'quality' || self.source.kind == 'labels'",
            "quality needs labels: say `source: {kind: labels, ...}`",
        ),
        (
            "self.metric != 'predictions' || self.source.kind != 'prometheus'",
            "the distribution of predictions is read from a prediction log, not from Prometheus",
        ),
        (
            "!(has(self.slices.everyValueOf) && size(self.slices.everyValueOf) > 0 || has(self.slices.only) && "
            "size(self.slices.only) > 0) || self.source.kind != 'prometheus'",
            "slices are read from a prediction log or from labels, not from Prometheus",
        ),
        (
            "self.metric != 'business' || self.source.kind != 'predictionLog'",
            "a prediction log holds no business metric: take it from `labels`, joined by id, or from `prometheus`",
        ),
        (
            "!has(self.cuts) || self.cuts.isSorted() && self.cuts.all(one, self.cuts.exists_one(other, other == one))",
            "cuts must ascend",
        ),
    )

    name: Name
    """Unique within the release."""
    metric: Metric
    """What is compared."""
    source: Source = Source()
    """Where the observations come from."""
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How much worse the candidate may be and still pass, in the metric's unit (error rate 0.01: one percentage point;
    latency 0.15: 15% slower). Left out: 0.01; latency 0.15; predictions 0.1."""
    minimum_samples: Annotated[int, Field(ge=1)] = 500
    """Observations of the candidate without which it never succeeds."""
    quantile: Annotated[float, Field(ge=0.5, le=0.9999)] = 0.99
    """For `latencyQuantile`: which one."""
    range: Range = Range()
    """For `quality` and `business`: between which values the metric lies."""
    higher_is_better: bool = False
    """For `quality` and `business`: whether more is better, as with revenue or accuracy. An error or a loss is not."""
    cuts: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=19)] = DECILES
    """For `predictions`: at which values the two distributions are compared, ascending."""
    budget_share: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Part of the release's error budget, relative to the other gates."""
    advance: bool = True
    """Whether a step waits until the gate succeeds. If not, it only finds harm (a guardrail): right for labels that
    come after the ladder has ended."""
    in_shadow: bool = True
    """Whether what is seen in shadow counts. Say no where the answer's effect on the user is measured."""
    slices: Slices = Slices()
    """On which parts of the traffic it is judged too."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        quality, predictions, slices, business, ascending = (message for _, message in self.CEL)
        kind = self.source.kind
        if self.metric is Metric.QUALITY and kind is not SourceKind.LABELS:
            raise ValueError(quality)
        if self.metric is Metric.PREDICTIONS and kind is SourceKind.PROMETHEUS:
            raise ValueError(predictions)
        if self.slices.wanted and kind is SourceKind.PROMETHEUS:
            raise ValueError(slices)
        if self.metric is Metric.BUSINESS and kind is SourceKind.PREDICTION_LOG:
            raise ValueError(business)
        if list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError(ascending)
        return self

    @property
    def tolerated(self) -> float:
        """The margin, or the metric's default; in the metric's unit.

        Example:
            >>> Gate(name="latency", metric="latencyQuantile").tolerated
            0.15
        """
        return DEFAULT_MARGINS[self.metric] if self.margin is None else self.margin


class Gates(Part):
    """All gates of a release, and the one error budget that they share."""

    CEL: ClassVar[tuple[Rule, ...]] = (
        (
            "self.gates.all(one, self.gates.exists_one(other, other.name == one.name))",
            "the names of gates must differ",
        ),
        (
            "self.gates.exists(one, !has(one.advance) || one.advance)",
            "at least one gate must be waited for (`advance: true`), or nothing would ever open a step",
        ),
    )

    gates: Annotated[tuple[Gate, ...], Field(min_length=1, max_length=20)] = (
        Gate(name="errors", metric=Metric.ERROR_RATE),
        Gate(name="latency-p99", metric=Metric.LATENCY_QUANTILE),
    )
    """The gates."""
    error_budget: Annotated[float, Field(gt=0, le=0.2)] = 0.02
    """Probability that a candidate just as good is rolled back, over all gates, slices, looks, steps and the bake."""
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    """With which confidence, for each gate and at all looks together, a success is no worse than the margin."""
    missing_limit_seconds: Annotated[int, Field(ge=0)] = 600
    """For how long metrics may be missing before the release is rolled back."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names, waited = (message for _, message in self.CEL)
        if len({gate.name for gate in self.gates}) < len(self.gates):
            raise ValueError(names)
        if not any(gate.advance for gate in self.gates):
            raise ValueError(waited)
        return self

    def budget(self, gate: Gate) -> float:
        """The part of the error budget that one gate has.

        Example:
            >>> Gates().budget(Gates().gates[0])
            0.01
        """
        return self.error_budget * gate.budget_share / math.fsum(each.budget_share for each in self.gates)

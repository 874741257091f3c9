"""What a page shows, as plain frozen values: no lineage, no files, no HTML.

Whoever knows a run (the lineage, a component's inputs, a test) fills these in; `page.render` draws them. What is not
known is left empty, and the page leaves its place out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from penstock.artifacts import Decision, Reason, Verdict
from penstock.artifacts.plots import EvaluationPlots, Histogram
from penstock.artifacts.tuning import Study


@dataclass(frozen=True, kw_only=True)
class ArtifactView:
    """One artifact that a task took or made."""

    name: str
    """The input or output that it is."""
    kind: str
    digest: str
    uri: str
    from_task: str = ""
    """For an input: the task of the run that made it; empty where it came from outside the run."""


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """One task of a run."""

    name: str
    state: str
    component: str = ""
    after: tuple[str, ...] = ()
    """Tasks whose outputs it took, or which kept it from running."""
    started_after: float | None = None
    """When it started, from the start of the run [s]."""
    seconds: float | None = None
    """Wall time [s]."""
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    rows: int | None = None
    decision: Decision | None = None
    error: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    component_version: str = ""
    code_digest: str = ""
    environment_digest: str = ""
    inputs: tuple[ArtifactView, ...] = ()
    outputs: tuple[ArtifactView, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far a feature's values lie from those of another split or of the last run."""

    split: str
    of: str
    """`drift`: from the last run. `skew`: from the training split."""
    type: str
    """The measure (`l_infty`, `jensen_shannon_divergence`)."""
    value: float
    threshold: float

    @property
    def above(self) -> bool:
        """Whether it is more than is borne."""
        return self.value > self.threshold


@dataclass(frozen=True, kw_only=True)
class SplitStatistics:
    """One feature in one split."""

    split: str
    rows: int
    missing: float
    """Share of the rows without a value [fraction]."""
    distinct: int | None = None
    least: float | None = None
    mean: float | None = None
    deviation: float | None = None
    median: float | None = None
    greatest: float | None = None
    histogram: Histogram | None = None
    """Of numbers."""
    values: tuple[tuple[str, int], ...] = ()
    """Of texts: the most frequent values and their counts, most frequent first."""


@dataclass(frozen=True, kw_only=True)
class FeatureView:
    """One column of the table."""

    name: str
    type: str
    """`number` or `text`."""
    splits: tuple[SplitStatistics, ...]
    distances: tuple[Distance, ...] = ()
    findings: int = 0
    """How many findings speak of it."""

    @property
    def drifted(self) -> bool:
        """Whether any distance is above its threshold."""
        return any(distance.above for distance in self.distances)

    def with_findings(self, distances: tuple[Distance, ...], findings: int) -> FeatureView:
        """The same column, with what was found when its values were judged."""
        return replace(self, distances=distances, findings=findings)


@dataclass(frozen=True, kw_only=True)
class FindingView:
    """One thing that is not as it should be in the data."""

    split: str
    feature: str
    """Empty for the table as a whole."""
    rule: str
    kind: str
    """What it is about: `structure`, `rows` or `values`."""
    text: str
    rows: int | None = None
    fraction: float | None = None
    examples: tuple[Mapping[str, Any], ...] = ()
    """Some of the rows, each with its place in the split as `_row`."""


@dataclass(frozen=True, kw_only=True)
class DataView:
    """The data that one task looked at."""

    task: str
    splits: tuple[tuple[str, int], ...] = ()
    """Names of the splits and their rows."""
    features: tuple[FeatureView, ...] = ()
    """Drifted ones first, then those with findings, then by name."""
    findings: tuple[FindingView, ...] = ()
    """Gravest first."""


@dataclass(frozen=True, kw_only=True)
class TrainingView:
    """How one training went."""

    task: str
    curves: Mapping[str, Mapping[str, tuple[tuple[int, float], ...]]]
    """By metric and split: (epoch, value)."""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    """What the model's metadata say of its making."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measured value with its interval; None where it is not defined."""

    value: float | None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, kw_only=True)
class SliceView:
    """One slice of one split, in every metric."""

    split: str
    name: str
    """`overall`, or the features and values that it stands for (`carrier=HA`)."""
    rows: int
    metrics: Mapping[str, Mapping[str, Estimate]]
    """By metric, and by `candidate`, `baseline` and `difference` (candidate minus baseline)."""
    reasons: tuple[Reason, ...] = ()
    """What the gate says of it."""

    def reason_for(self, metric: str) -> Reason | None:
        """The gravest that the gate says of a metric here; None where no rule was applied to it."""
        said = [reason for reason in self.reasons if reason.evidence.get("metric") == metric]
        return min(said, key=lambda reason: GRAVITY.index(reason.verdict), default=None)


GRAVITY = (Verdict.ERROR, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.SUCCESSFUL)
"""Verdicts, gravest first."""


@dataclass(frozen=True, kw_only=True)
class EvaluationView:
    """How good one model is."""

    task: str
    judged_split: str = ""
    confidence: float | None = None
    metrics: tuple[str, ...] = ()
    slices: tuple[SliceView, ...] = ()
    """Of all splits, as the evaluation has them."""
    gaps: tuple[Reason, ...] = ()
    """What the gate says of the differences between groups."""
    plots: EvaluationPlots | None = None

    @property
    def has_baseline(self) -> bool:
        """Whether there was a model to compare with."""
        return any("baseline" in roles for part in self.slices for roles in part.metrics.values())


@dataclass(frozen=True, kw_only=True)
class TuningView:
    """One search for parameters."""

    task: str
    study: Study


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The previous blessed model that the candidate was held against."""

    digest: str
    run_id: str = ""
    uri: str = ""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the artifacts of a run say; each part may be there several times, or not at all."""

    data: tuple[DataView, ...] = ()
    training: tuple[TrainingView, ...] = ()
    tuning: tuple[TuningView, ...] = ()
    evaluations: tuple[EvaluationView, ...] = ()
    gates: tuple[tuple[str, Decision], ...] = ()
    """Tasks and what they decided."""
    problems: tuple[str, ...] = ()
    """What could not be read, one line each."""


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run, or as much of one as is known."""

    title: str
    findings: Findings
    run_id: str = ""
    pipeline: str = ""
    pipeline_digest: str = ""
    state: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    seconds: float | None = None
    user: str = ""
    host: str = ""
    penstock_version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the run was given."""
    tasks: tuple[TaskView, ...] = ()
    sources: tuple[str, ...] = ()
    """The raw files that all was made from."""
    baselines: tuple[Baseline, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing, in both runs."""

    name: str
    values: tuple[Any, Any]
    differs: bool


@dataclass(frozen=True, kw_only=True)
class ComparisonView:
    """Two runs side by side."""

    first: RunView
    second: RunView
    aspects: Mapping[str, tuple[Row, ...]]
    """By aspect (`parameter`, `code`, `data`, `metric`, `verdict`, `duration`, `run`): what either of them has."""

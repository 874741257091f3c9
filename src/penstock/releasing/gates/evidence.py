"""The evidence of a whole release: a small value that goes through JSON and back, so that a restart changes nothing."""

from __future__ import annotations

import hashlib

from penstock.releasing.base import Part
from penstock.releasing.gates.contrast import Contrast
from penstock.releasing.gates.spec import Gate
from penstock.releasing.reading import OVERALL


class SliceEvidence(Part):
    """What one gate knows of one slice."""

    slice: str = OVERALL
    """`overall`, or `feature=value`."""
    contrasts: tuple[Contrast, ...] = ()
    """The differences that are bet on; which, the metric says."""
    stable_counts: tuple[int, ...] = ()
    """For latency: all answers of the stable, by bin."""
    candidate_counts: tuple[int, ...] = ()
    """For latency: all answers of the candidate, by bin."""
    harmed: bool = False
    """Whether harm was proven at some look. It stays so."""


class GateEvidence(Part):
    """What is known of one gate."""

    gate: str
    """Its name."""
    form: str
    """What of its specification the evidence hangs on. Where that changes, the evidence begins anew."""
    edges: tuple[float, ...] = ()
    """For latency: the bins' edges [ms]."""
    slices: tuple[SliceEvidence, ...] = ()
    """Overall first, then the slices in the order in which they were first seen."""


class Evidence(Part):
    """What is known of a release. Its size does not grow with the traffic."""

    gates: tuple[GateEvidence, ...] = ()
    """By gate, in the order of the specification."""
    step: str = ""
    """The step that was looked at last."""
    looks: int = 0
    """How often it was looked at."""
    cursors: dict[str, str] = {}
    """How far each source has been read; passed back to it."""


def form_of(gate: Gate) -> str:
    """A short digest of what the evidence on a gate hangs on: not of thresholds, budgets and samples.

    Example:
        >>> errors = Gate(name="errors", metric="errorRate")
        >>> form_of(errors) == form_of(errors.model_copy(update={"minimum_samples": 7}))
        True
    """
    fields = {"metric", "source", "quantile", "range", "higher_is_better", "cuts", "in_shadow"}
    if gate.metric == "latencyQuantile":
        fields |= {"margin"}
    return hashlib.sha256(gate.model_dump_json(include=fields).encode()).hexdigest()[:16]

"""How a release goes, for people and machines: figures from what is kept, and what it has come to. Pure."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum

from penstock.artifacts.verdict import Verdict
from penstock.releasing.base import Part
from penstock.releasing.gates.judging import needed_evidence
from penstock.releasing.gates.spec import Gates
from penstock.releasing.local.store import Stored
from penstock.releasing.planning.gating import samples_within
from penstock.releasing.reading import OVERALL, GateReading
from penstock.releasing.resource.status import Phase, Trial


class Outcome(StrEnum):
    """What a release has come to."""

    UNDERWAY = "underway"
    """It goes on by itself, or waits for an approval."""
    PROMOTED = "promoted"
    """What is named serves all traffic, and is the stable model."""
    REJECTED = "rejected"
    """What is named was rolled back, or never got traffic."""
    INCONCLUSIVE = "inconclusive"
    """A step was not passed in time: a person has to decide."""
    REFUSED = "refused"
    """It cannot be carried out on this machine."""


class GateProgress(Part):
    """One gate on one slice."""

    gate: str
    """Its name."""
    slice: str
    """The slice."""
    verdict: Verdict
    """What it says."""
    samples: int
    """Observations of the candidate within this step; on a slice, within the attempt."""
    samples_needed: int
    """What the step asks for; 0 where it asks for nothing."""
    estimate: float | None
    """Candidate minus stable, in the gate's unit; positive is worse."""
    lower: float | None
    """Lower end of its interval."""
    upper: float | None
    """Upper end of its interval."""
    e_value: float | None
    """Evidence of harm."""
    e_value_needed: float
    """The gate fails when the evidence reaches this."""
    text: str
    """In a sentence."""


class Progress(Part):
    """A release now."""

    name: str
    """The release."""
    at: datetime
    """Now."""
    outcome: Outcome
    """What it has come to."""
    phase: Phase
    """Where it is."""
    message: str
    """What is happening or waited for."""
    stable: str
    """The stable bundle's digest."""
    candidate: str
    """The digest of the bundle that is tried; empty for none."""
    trial: int
    """Which attempt it is."""
    step: str
    """The step; empty before the first."""
    step_number: int
    """Which of the steps, from 1; 0 before the first."""
    steps: int
    """How many there are, the bake included."""
    weight_percent: int
    """The share that the candidate answers."""
    mirror_percent: int
    """The share that it gets a copy of."""
    seconds_on_step: float | None
    """Since the gateway gives it that."""
    min_seconds: int
    """What the step takes at least."""
    deadline_seconds: int
    """After this the step is Inconclusive."""
    gates: tuple[GateProgress, ...]
    """What the gates say."""


def progress(stored: Stored, at: datetime) -> Progress:
    """Say how a release goes."""
    status = stored.status
    candidate = status.candidate
    trial = status.trial if candidate else None
    steps = stored.spec.steps
    step = next((one for one in steps if trial and one.name == trial.step), None)
    wanted = status.route.wanted
    since = trial.step_since if trial else None
    readings = status.gates if trial else ()
    needed = step.min_samples if step else 0
    return Progress(
        name=stored.name,
        at=at,
        outcome=outcome(stored),
        phase=status.phase,
        message=status.message,
        stable=status.stable.version.bundle.digest if status.stable else "",
        candidate=candidate.version.bundle.digest if candidate else "",
        trial=trial.number if trial else 0,
        step=step.name if step else "",
        step_number=steps.index(step) + 1 if step else 0,
        steps=len(steps),
        weight_percent=wanted.weight_of(candidate.twin) if wanted and candidate else 0,
        mirror_percent=wanted.mirror_percent if wanted else 0,
        seconds_on_step=max(0.0, (at - since).total_seconds()) if since else None,
        min_seconds=step.min_seconds if step else 0,
        deadline_seconds=step.deadline_seconds if step else 0,
        gates=tuple(_gate(stored.spec.analysis, trial, each, needed) for each in readings),
    )


def outcome(stored: Stored) -> Outcome:
    """What a release has come to, as far as its specification has been looked at."""
    status, spec = stored.status, stored.spec
    if status.observed_generation < stored.generation:
        return Outcome.UNDERWAY
    if any(each.type == "Stalled" and each.reason == "Refused" and each.status == "True" for each in status.conditions):
        return Outcome.REFUSED
    if status.phase is Phase.ROLLED_BACK:
        return Outcome.REJECTED
    if status.phase is Phase.STABLE and status.stable and status.stable.version.id == spec.target.id:
        return Outcome.PROMOTED
    if status.phase is Phase.PAUSED and status.trial and status.trial.held == "Inconclusive":
        return Outcome.INCONCLUSIVE
    return Outcome.UNDERWAY


def e_value_needed(gates: Gates, name: str, part: str) -> float:
    """The evidence that a gate fails at, on the whole or on a slice that is alone in its harm.

    Example:
        >>> round(e_value_needed(Gates(), "errors", "overall"))
        100
    """
    gate = next((each for each in gates.gates if each.name == name), None)
    if gate is None:
        return math.inf
    whole, sliced = needed_evidence(gates, gate, [])
    return math.exp(whole if part == OVERALL else sliced)


def _gate(gates: Gates, trial: Trial | None, reading: GateReading, needed: int) -> GateProgress:
    gate = next((each for each in gates.gates if each.name == reading.gate), None)
    whole = trial is not None and reading.slice == OVERALL
    return GateProgress(
        gate=reading.gate,
        slice=reading.slice,
        verdict=reading.verdict,
        samples=samples_within(trial, reading) if whole and trial else reading.candidate_samples,
        samples_needed=needed if whole and gate and gate.advance else 0,
        estimate=reading.estimate,
        lower=reading.lower,
        upper=reading.upper,
        e_value=reading.e_value,
        e_value_needed=e_value_needed(gates, reading.gate, reading.slice),
        text=reading.text,
    )

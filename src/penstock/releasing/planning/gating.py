"""What the gates' readings mean for the step that a candidate is on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.spec import Gate
from penstock.releasing.planning.observed import Judged
from penstock.releasing.reading import OVERALL, GateReading
from penstock.releasing.resource.ladder import LadderStep
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import Trial


class Outcome(StrEnum):
    """What follows from all gates together."""

    HARMFUL = "harmful"
    """Harm is proven by one at least: abort."""
    UNMEASURED = "unmeasured"
    """One at least could not be measured: hold, for so long."""
    WAITING = "waiting"
    """Not enough is known: hold, until the deadline."""
    OPEN = "open"
    """Every gate is open, with the samples that the step wants: advance."""


@dataclass(frozen=True)
class Finding:
    """What follows, and why."""

    outcome: Outcome
    text: str


def weigh(spec: ModelReleaseSpec, step: LadderStep, trial: Trial, judged: Judged | None) -> Finding:
    """Weigh all readings of an attempt.

    Harm counts wherever in the attempt it was found. To advance, every gate that a step waits for must have been judged
    on this step, succeed, and have the step's minimum of samples within it. What is not known never opens a gate.
    """
    harmful = harm(trial, judged)
    if harmful:
        return harmful
    readings = _of(trial, judged)
    broken = next((each for each in readings if each.verdict is Verdict.ERROR and each.slice == OVERALL), None)
    if broken:
        return Finding(Outcome.UNMEASURED, _told(broken, "could not be measured"))
    current = readings if judged and judged.step == step.name else ()
    overall = {each.gate: each for each in current if each.slice == OVERALL}
    waited_for = [gate for gate in spec.analysis.gates if gate.advance and (gate.in_shadow or not step.is_shadow)]
    silent = [gate.name for gate in waited_for if gate.name not in overall]
    if silent or not waited_for:
        text = (
            f"gate {silent[0]} says nothing of step {step.name} yet" if silent else f"no gate judges step {step.name}"
        )
        return Finding(Outcome.UNMEASURED, text)
    for gate in waited_for:
        shut = next((each for each in current if _shuts(gate, each)), None)
        if shut:
            return Finding(Outcome.WAITING, _told(shut, "not enough is known yet"))
        samples = samples_within(trial, overall[gate.name])
        if samples < step.min_samples:
            text = f"gate {gate.name}: {samples} of {step.min_samples} samples of step {step.name}"
            return Finding(Outcome.WAITING, text)
    return Finding(Outcome.OPEN, f"all gates are open at step {step.name}")


def harm(trial: Trial, judged: Judged | None) -> Finding | None:
    """The first proof of harm in an attempt, if there is one."""
    failed = next((each for each in _of(trial, judged) if each.verdict is Verdict.FAILED), None)
    return Finding(Outcome.HARMFUL, _told(failed, "harm is proven")) if failed else None


def samples_within(trial: Trial, reading: GateReading) -> int:
    """Observations of the candidate since its step began; a gate that counts anew counts from nothing."""
    before = trial.samples_before.get(reading.gate, 0)
    return reading.candidate_samples - before if reading.candidate_samples >= before else reading.candidate_samples


def _of(trial: Trial, judged: Judged | None) -> tuple[GateReading, ...]:
    return judged.readings if judged and judged.trial == trial.number else ()


def _shuts(gate: Gate, reading: GateReading) -> bool:
    mine = reading.gate == gate.name and (reading.slice == OVERALL or gate.slices.required)
    return mine and reading.verdict is not Verdict.SUCCESSFUL


def _told(reading: GateReading, otherwise: str) -> str:
    where = "" if reading.slice == OVERALL else f" on {reading.slice}"
    return f"gate {reading.gate}{where}: {reading.text or otherwise}"

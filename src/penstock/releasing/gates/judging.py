"""What the gates say at one look: evidence and a batch in, evidence and readings out. No clock, no I/O, no chance.

How the one error budget is kept: each gate has a part of it; with slices, one half of that is for `overall` and the
other for the slices together. A gate fails on a slice when the evidence of harm, an e-process, reaches one over its
part. By Ville's inequality a candidate that is nowhere worse is ever rolled back with at most the probability of the
sum of all parts, the whole budget: over all looks, all steps and the bake, whenever and for whatever reason one stops.

Source for slices: Wang and Ramdas, False discovery rate control with e-values, JRSS-B 84 (2022): e-BH needs no
independence between them. With one bad slice it is Bonferroni's rule.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.assessing import Assessment, assess
from penstock.releasing.gates.evidence import Evidence, GateEvidence, SliceEvidence, form_of
from penstock.releasing.gates.gathering import gather, new_slice, problem_of, step_begins
from penstock.releasing.gates.observations import Batch, Comparison
from penstock.releasing.gates.sentences import sentence
from penstock.releasing.gates.spec import Gate, Gates, Multiplicity
from penstock.releasing.reading import OVERALL, GateReading

SUSPICION = 20.0
"""Evidence of harm on a slice from which on a step is held, though it is not proven: to look longer while few users
get the candidate. It is an e-value: of good slices, at most one in so many ever comes to it."""


def judge(gates: Gates, evidence: Evidence, batch: Batch) -> tuple[Evidence, tuple[GateReading, ...]]:
    """Add what was seen since the last look to the evidence, and say what follows for each gate and slice.

    Total: whatever comes, it answers. What cannot be an observation (negative counts, sums beyond what is possible, not
    a number) makes its gate say `Error` at this look, and is not added.

    Args:
        gates: The gates, with the error budget that they share.
        evidence: What the look before returned; `Evidence()` for the first.
        batch: What was seen since.

    Returns:
        The evidence to keep, and the readings: gates in their order, of each `overall` first.

    Example:
        Fifty looks of 100 requests each: the candidate fails four times as often.

        >>> from penstock.releasing.gates.observations import Arm
        >>> gates = Gates(gates=(Gate(name="errors", metric="errorRate"),))
        >>> look = Batch(comparisons=(Comparison("errors", Arm.binary(100, 1), Arm.binary(100, 4)),))
        >>> evidence = Evidence()
        >>> for _ in range(20):
        ...     evidence, (reading,) = judge(gates, evidence, look)
        >>> reading.verdict.value, reading.candidate_samples, reading.estimate
        ('Failed', 2000, 0.03)
    """
    step_is_new = bool(evidence.looks) and batch.step != evidence.step
    known = {each.gate: each for each in evidence.gates}
    arrived = _by_gate(batch.comparisons)
    kept: list[GateEvidence] = []
    readings: list[GateReading] = []
    for gate in gates.gates:
        before = known.get(gate.name)
        if before is None or before.form != form_of(gate):
            before = GateEvidence(gate=gate.name, form=form_of(gate), slices=(new_slice(gate, OVERALL),))
        elif step_is_new:
            before = step_begins(before)
        counted = () if batch.shadow and not gate.in_shadow else arrived.get(gate.name, ())
        problem = batch.problems.get(gate.name, "") or problem_of(gate, counted)
        after = before if problem else gather(gate, before, counted)
        after, said = _read(gates, gate, after, problem)
        kept.append(after)
        readings.extend(said)
    after_all = Evidence.model_construct(
        gates=tuple(kept),
        step=batch.step,
        looks=evidence.looks + 1,
        cursors={**evidence.cursors, **batch.cursors},
    )
    return after_all, tuple(readings)


def release_verdict(gates: Gates, readings: Sequence[GateReading]) -> Verdict:
    """Say what the readings of one look come to: whether the step may be left, and by which door.

    `Failed` if any gate failed on any slice: roll back. Else `Error` if any could not be measured: hold. `Successful`
    if every gate that is waited for succeeded: advance. `Inconclusive` else: hold. No readings open nothing.

    Example:
        >>> release_verdict(Gates(), [])
        <Verdict.ERROR: 'Error'>
    """
    found = {(each.gate, each.slice): each.verdict for each in readings}
    if Verdict.FAILED in found.values():
        return Verdict.FAILED
    if Verdict.ERROR in found.values() or any((gate.name, OVERALL) not in found for gate in gates.gates):
        return Verdict.ERROR
    named = {gate.name: gate for gate in gates.gates}
    for (name, part), verdict in found.items():
        gate = named.get(name)
        waited = gate is not None and gate.advance and (part == OVERALL or gate.slices.required)
        if waited and verdict is not Verdict.SUCCESSFUL:
            return Verdict.INCONCLUSIVE
    return Verdict.SUCCESSFUL


def needed_evidence(gates: Gates, gate: Gate, harms: Sequence[float]) -> tuple[float, float]:
    """The e-values that a gate fails at: on `overall`, and on a slice.

    Args:
        gates: All gates.
        gate: The one.
        harms: Logarithms of the e-values of its slices.

    Returns:
        Two logarithms. That of the slices grows with `limit`, and with e-BH falls with how many of them are harmed.

    Example:
        >>> gate = Gate(name="e", metric="errorRate", source={"kind": "predictionLog"}, slices={"everyValueOf": ["c"]})
        >>> gates = Gates(gates=[gate])
        >>> [round(math.exp(each)) for each in needed_evidence(gates, gate, [0.0])]
        [100, 2000]
        >>> [round(math.exp(each)) for each in needed_evidence(gates, gate, [7.0, 7.0])]
        [100, 1000]
    """
    budget = gates.budget(gate)
    if not gate.slices.wanted:
        return math.log(1 / budget), math.inf
    each = math.log(2 * gate.slices.limit / budget)
    if gate.slices.multiplicity is Multiplicity.EBH:
        for harmed, harm in reversed(list(enumerate(sorted(harms, reverse=True), start=1))):
            if harm >= each - math.log(harmed):
                return math.log(2 / budget), each - math.log(harmed)
    return math.log(2 / budget), each


def _read(
    gates: Gates, gate: Gate, evidence: GateEvidence, problem: str
) -> tuple[GateEvidence, tuple[GateReading, ...]]:
    """Judge every slice of one gate."""
    assessed = [assess(gate, evidence.edges, one, 1 - gates.confidence) for one in evidence.slices]
    overall, sliced = needed_evidence(gates, gate, [each.log_harm for each in assessed[1:]])
    suspect = _suspect(evidence.slices, assessed)
    slices: list[SliceEvidence] = []
    readings: list[GateReading] = []
    for one, assessment in zip(evidence.slices, assessed, strict=True):
        needed = overall if one.slice == OVERALL else sliced
        verdict = _verdict(gate, one, assessment, needed, gates.confidence)
        if problem and verdict is not Verdict.FAILED:
            verdict = Verdict.ERROR
        text = sentence(gate, assessment, verdict, needed)
        if one.slice == OVERALL and suspect and verdict is Verdict.SUCCESSFUL:
            verdict, text = Verdict.INCONCLUSIVE, f"held, for {suspect} may be worse; {text}"
        slices.append(one.model_copy(update={"harmed": True}) if verdict is Verdict.FAILED else one)
        readings.append(
            GateReading.model_construct(
                gate=gate.name,
                slice=one.slice,
                verdict=verdict,
                stable_samples=assessment.stable_samples,
                candidate_samples=assessment.candidate_samples,
                estimate=assessment.estimate,
                lower=assessment.lower,
                upper=assessment.upper,
                e_value=math.exp(min(assessment.log_harm, 700.0)) if assessment.candidate_samples else None,
                text=problem if verdict is Verdict.ERROR else text,
            )
        )
    return evidence.model_copy(update={"slices": tuple(slices)}), tuple(readings)


def _verdict(gate: Gate, one: SliceEvidence, assessed: Assessment, needed: float, confidence: float) -> Verdict:
    """What follows for one gate on one slice, as far as the evidence goes.

    Proven harm that is as surely within the margin, at this step too, is no reason to roll back.
    """
    needed_fine = math.log(1 / (1 - confidence))
    fine = assessed.log_fine >= needed_fine
    excused = fine and assessed.log_fine_now >= needed_fine and assessed.log_harm_beyond < needed
    if one.harmed or (assessed.log_harm >= needed and not excused):
        return Verdict.FAILED
    if fine and assessed.candidate_samples >= gate.minimum_samples:
        return Verdict.SUCCESSFUL
    return Verdict.INCONCLUSIVE


def _suspect(slices: Sequence[SliceEvidence], assessed: Sequence[Assessment]) -> str:
    """The slice with the most evidence of harm, if that is a reason to hold; empty if not."""
    pairs = zip(slices[1:], assessed[1:], strict=True)
    worst = max(pairs, key=lambda pair: pair[1].log_harm, default=None)
    return worst[0].slice if worst and worst[1].log_harm >= math.log(SUSPICION) else ""


def _by_gate(comparisons: Sequence[Comparison]) -> Mapping[str, tuple[Comparison, ...]]:
    found: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        found[comparison.gate].append(comparison)
    return {gate: tuple(each) for gate, each in found.items()}

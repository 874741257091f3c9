"""Thousands at a time are judged as each would be alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.judging import judge
from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.observations import Arm, Batch, Comparison, Histogram, Pairs
from penstock.releasing.gates.spec import Gate, Gates
from penstock.releasing.reading import OVERALL
from penstock.releasing.simulating.many_contrasts import ManyArms, ManyPairs
from penstock.releasing.simulating.many_gates import ManyGates, ManyHistograms

LOG = {"kind": "predictionLog"}
RELEASES, LOOKS = 6, 12


def test_errors_with_slices_pairs_and_steps() -> None:
    gate = Gate(
        name="errors", metric="errorRate", source=LOG, margin=0.06, slices={"everyValueOf": ["carrier"], "limit": 2}
    )
    gates = Gates(gates=(gate,), error_budget=0.1)
    random = np.random.default_rng(5)
    names = (OVERALL, "carrier=AA", "carrier=UA")
    many, alone = ManyGates(gates, gate, RELEASES, 2), [Evidence() for _ in range(RELEASES)]
    verdicts = set()
    for look in range(LOOKS):
        shape = (RELEASES, 3)
        counts = random.integers(0, 300, (3, *shape)) * (random.random((3, *shape)) > 0.1)
        rates = np.stack([np.full(shape, 0.03), np.linspace(0.01, 0.15, RELEASES)[:, None] * np.ones(shape)])
        bad = random.binomial(counts[:2], rates)
        worse = random.binomial(counts[2], 0.03)
        better = random.binomial(counts[2] - worse, 0.02)
        if look == 5:
            many.step_begins(np.ones(RELEASES, bool))
        many.see(
            ManyArms.binary(counts[0], bad[0]),
            ManyArms.binary(counts[1], bad[1]),
            ManyPairs.binary(counts[2], worse, better),
        )
        readings = many.judge()
        for release in range(RELEASES):
            comparisons = tuple(
                Comparison(
                    "errors",
                    Arm.binary(int(counts[0, release, part]), int(bad[0, release, part])),
                    Arm.binary(int(counts[1, release, part]), int(bad[1, release, part])),
                    Pairs.binary(*(int(each[release, part]) for each in (counts[2], worse, better))),
                    slice=name,
                )
                for part, name in enumerate(names)
            )
            step = "first" if look < 5 else "second"
            alone[release], said = judge(gates, alone[release], Batch(step=step, comparisons=comparisons))
            by_slice = {reading.slice: reading for reading in said}
            for part, name in enumerate(names):
                expected = math.exp(readings.log_harm[release, part])
                assert by_slice[name].e_value == pytest.approx(expected, rel=1e-5)
            assert readings.failed[release] == any(reading.verdict is Verdict.FAILED for reading in said)
            assert readings.successful[release] == (said[0].verdict is Verdict.SUCCESSFUL)
            assert readings.candidate_samples[release] == said[0].candidate_samples
            verdicts |= {reading.verdict for reading in said}
    assert verdicts == {Verdict.FAILED, Verdict.SUCCESSFUL, Verdict.INCONCLUSIVE}


def test_latencies() -> None:
    gate = Gate(name="latency", metric="latencyQuantile", source=LOG, quantile=0.9, minimum_samples=300)
    gates = Gates(gates=(gate,), error_budget=0.1, confidence=0.8)
    random = np.random.default_rng(7)
    many, alone = ManyGates(gates, gate, RELEASES), [Evidence() for _ in range(RELEASES)]
    slower = np.linspace(0.6, 1.8, RELEASES)
    verdicts = set()
    edges = np.array(EDGES_MS)
    for _ in range(LOOKS):
        latencies = random.lognormal(3, 0.5, (2, RELEASES, 120))
        latencies[1] *= slower[:, None]
        bins = np.searchsorted(edges, latencies, side="left")
        counts = np.array([[np.bincount(one, minlength=len(edges) + 1) for one in arm] for arm in bins])
        stable, candidate = (ManyHistograms(arm[:, None, :].astype(float)) for arm in counts)
        many.see_latencies(stable, candidate)
        readings = many.judge()
        for release in range(RELEASES):
            both = [Histogram(EDGES_MS, tuple(map(int, arm[release]))) for arm in counts]
            alone[release], (said,) = judge(gates, alone[release], Batch(comparisons=(Comparison("latency", *both),)))
            assert said.e_value == pytest.approx(math.exp(readings.log_harm[release, 0]), rel=1e-5)
            assert readings.failed[release] == (said.verdict is Verdict.FAILED)
            assert readings.successful[release] == (said.verdict is Verdict.SUCCESSFUL)
            verdicts.add(said.verdict)
    assert verdicts == {Verdict.FAILED, Verdict.SUCCESSFUL, Verdict.INCONCLUSIVE}


def test_a_bounded_loss_that_is_not_binary() -> None:
    gate = Gate(name="loss", metric="quality", source={"kind": "labels", "labels": "labels/"}, margin=0.03)
    gates = Gates(gates=(gate,), error_budget=0.1)
    random = np.random.default_rng(9)
    many, alone = ManyGates(gates, gate, RELEASES), [Evidence() for _ in range(RELEASES)]
    for _ in range(LOOKS):
        losses = random.beta(2, 8, (2, RELEASES, 300)) + np.linspace(0, 0.05, RELEASES)[None, :, None] * [[[0]], [[1]]]
        arms = [
            ManyArms(np.full((RELEASES, 1), 300.0), arm.sum(axis=1)[:, None], (arm**2).sum(axis=1)[:, None])
            for arm in losses
        ]
        many.see(*arms)
        readings = many.judge()
        for release in range(RELEASES):
            both = [Arm.of(arm[release].tolist()) for arm in losses]
            alone[release], (said,) = judge(gates, alone[release], Batch(comparisons=(Comparison("loss", *both),)))
            assert said.e_value == pytest.approx(math.exp(readings.log_harm[release, 0]), rel=1e-5)
            assert readings.failed[release] == (said.verdict is Verdict.FAILED)
            assert readings.successful[release] == (said.verdict is Verdict.SUCCESSFUL)


def test_distributions_of_predictions() -> None:
    cuts = (0.2, 0.4, 0.7)
    gate = Gate(name="scores", metric="predictions", source=LOG, cuts=cuts, minimum_samples=500)
    gates = Gates(gates=(gate,), error_budget=0.1, confidence=0.8)
    random = np.random.default_rng(11)
    many, alone = ManyGates(gates, gate, RELEASES), [Evidence() for _ in range(RELEASES)]
    verdicts = set()
    for look in range(3 * LOOKS):
        scores = random.beta(2, 3, (2, RELEASES, 200))
        scores[1] = scores[1] ** np.linspace(1.0, 0.4, RELEASES)[:, None]
        bins = np.searchsorted(cuts, scores, side="left")
        counts = np.array([[np.bincount(one, minlength=len(cuts) + 1) for one in arm] for arm in bins])
        if look == LOOKS:
            many.step_begins(np.ones(RELEASES, bool))
        many.see_predictions(*(ManyHistograms(arm[:, None, :].astype(float)) for arm in counts))
        readings = many.judge()
        for release in range(RELEASES):
            both = [Histogram(cuts, tuple(map(int, arm[release]))) for arm in counts]
            batch = Batch("first" if look < LOOKS else "second", comparisons=(Comparison("scores", *both),))
            alone[release], (said,) = judge(gates, alone[release], batch)
            assert said.e_value == pytest.approx(math.exp(min(readings.log_harm[release, 0], 700.0)), rel=1e-5)
            assert readings.failed[release] == (said.verdict is Verdict.FAILED)
            assert readings.successful[release] == (said.verdict is Verdict.SUCCESSFUL)
            assert readings.candidate_samples[release] == said.candidate_samples
            verdicts.add(said.verdict)
    assert verdicts == {Verdict.FAILED, Verdict.SUCCESSFUL, Verdict.INCONCLUSIVE}

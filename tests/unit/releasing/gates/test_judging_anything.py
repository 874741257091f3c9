"""Whatever comes, judging answers; and what cannot have been observed never helps a candidate."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.gathering import problem_of
from penstock.releasing.gates.judging import judge, release_verdict
from penstock.releasing.gates.observations import Arm, Batch, Comparison, Histogram, Pairs
from penstock.releasing.gates.spec import Gate, Gates, Metric

LOG = {"kind": "predictionLog"}
GATES = Gates(
    gates=(
        Gate(name="errors", metric="errorRate", source=LOG, slices={"everyValueOf": ["c"], "limit": 2}),
        Gate(name="p99", metric="latencyQuantile", source=LOG, in_shadow=False),
        Gate(name="loss", metric="quality", source={"kind": "labels", "labels": "l"}, advance=False),
        Gate(name="scores", metric="predictions", source=LOG, cuts=(0.5,), minimum_samples=1),
    )
)
COUNTS = st.one_of(st.integers(0, 400), st.integers(-3, 10**12))
NUMBERS = st.one_of(st.floats(), st.integers(-3, 400).map(float))
BINARY = st.integers(0, 400).flatmap(lambda count: st.builds(Arm.binary, st.just(count), st.integers(0, count)))
ARMS = st.one_of(BINARY, st.builds(Arm, COUNTS, NUMBERS, NUMBERS))
EDGES = st.one_of(st.just((0.5,)), st.lists(st.floats(), max_size=3).map(tuple))
HISTOGRAMS = st.one_of(
    st.builds(Histogram, st.just((0.5,)), st.tuples(st.integers(0, 400), st.integers(0, 400))),
    st.builds(Histogram, EDGES, st.lists(COUNTS, max_size=4).map(tuple)),
)
COMPARISONS = st.builds(
    Comparison,
    st.sampled_from(["errors", "p99", "loss", "scores", "nobody's"]),
    st.one_of(ARMS, HISTOGRAMS),
    st.one_of(ARMS, HISTOGRAMS),
    st.one_of(st.just(Pairs()), st.builds(Pairs, COUNTS, NUMBERS, NUMBERS, NUMBERS)),
    st.sampled_from(["overall", "c=1", "c=2", "c=3"]),
)
BATCHES = st.builds(
    Batch,
    step=st.sampled_from(["shadow", "canary-2"]),
    shadow=st.booleans(),
    comparisons=st.lists(COMPARISONS, max_size=6).map(tuple),
    problems=st.dictionaries(st.sampled_from(["errors", "scores"]), st.just("away"), max_size=1),
)


@given(batches=st.lists(BATCHES, max_size=5))
@settings(max_examples=150)
def test_anything_is_answered_and_the_impossible_never_helps(batches: list[Batch]) -> None:
    evidence = Evidence()
    for batch in batches:
        before = evidence
        evidence, readings = judge(GATES, evidence, batch)
        assert Evidence.model_validate_json(evidence.model_dump_json(by_alias=True)) == evidence
        assert release_verdict(GATES, readings) in set(Verdict)
        for gate, kept, held in zip(GATES.gates, evidence.gates, before.gates or evidence.gates, strict=True):
            came = tuple(each for each in batch.comparisons if each.gate == gate.name)
            counted = () if batch.shadow and not gate.in_shadow else came
            if gate.name in batch.problems or problem_of(gate, counted):
                said = [reading.verdict for reading in readings if reading.gate == gate.name]
                assert set(said) <= {Verdict.ERROR, Verdict.FAILED}
                if before.gates and batch.step == before.step:
                    assert kept == held
        for reading in readings:
            numbers = (reading.estimate, reading.lower, reading.upper, reading.e_value)
            assert all(number is None or math.isfinite(number) for number in numbers)
            if reading.verdict is Verdict.SUCCESSFUL:
                gate = next(gate for gate in GATES.gates if gate.name == reading.gate)
                assert reading.candidate_samples >= gate.minimum_samples
                assert gate.metric is Metric.PREDICTIONS or reading.upper is not None

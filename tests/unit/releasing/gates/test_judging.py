"""A gate fails on proven harm, succeeds on proven absence of it, waits in between, and never passes what is missing."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.judging import judge, release_verdict
from penstock.releasing.gates.observations import Arm, Batch, Comparison, Histogram, Pairs
from penstock.releasing.gates.spec import Gate, Gates
from penstock.releasing.reading import OVERALL, GateReading

ERRORS = Gates(gates=(Gate(name="errors", metric="errorRate"),))


def _errors(count: int, stable: int, candidate: int, part: str = OVERALL) -> Comparison:
    return Comparison("errors", Arm.binary(count, stable), Arm.binary(count, candidate), slice=part)


def _after(
    gates: Gates, batch: Batch, looks: int, evidence: Evidence | None = None
) -> tuple[Evidence, list[GateReading]]:
    evidence, readings = evidence or Evidence(), ()
    for _ in range(looks):
        evidence, readings = judge(gates, evidence, batch)
    return evidence, list(readings)


def test_harm_fails_and_stays_failed_when_metrics_go_missing() -> None:
    evidence, (reading,) = _after(ERRORS, Batch(comparisons=(_errors(200, 2, 8),)), 12)
    assert reading.verdict is Verdict.FAILED
    assert reading.e_value is not None and reading.e_value >= 50
    assert reading.estimate == pytest.approx(0.03)
    assert reading.lower is not None and reading.upper is not None and 0 < reading.lower < 0.03 < reading.upper
    _, (reading,) = judge(ERRORS, evidence, Batch(problems={"errors": "Prometheus does not answer"}))
    assert reading.verdict is Verdict.FAILED


def test_as_good_as_the_stable_succeeds_but_not_before_the_minimum_of_samples() -> None:
    evidence, (reading,) = _after(ERRORS, Batch(comparisons=(_errors(1000, 10, 10),)), 6)
    assert reading.verdict is Verdict.SUCCESSFUL
    assert reading.upper is not None and reading.upper < 0.01
    strict = Gates(gates=(ERRORS.gates[0].model_copy(update={"minimum_samples": 6001}),))
    _, (reading,) = judge(strict, evidence, Batch())
    assert reading.verdict is Verdict.INCONCLUSIVE
    assert "6,001 wanted" in reading.text


def test_nothing_seen_is_inconclusive_and_missing_is_an_error() -> None:
    evidence, (reading,) = judge(ERRORS, Evidence(), Batch())
    assert (reading.verdict, reading.e_value, reading.estimate) == (Verdict.INCONCLUSIVE, None, None)
    _, (reading,) = judge(ERRORS, evidence, Batch(problems={"errors": "no such series"}))
    assert (reading.verdict, reading.text) == (Verdict.ERROR, "no such series")


@pytest.mark.parametrize(
    "bad",
    [
        Arm(-5, 0.0, 0.0),
        Arm(10, math.nan, math.nan),
        Arm(10, math.inf, math.inf),
        Arm.binary(10, 11),
        Arm(10, 2.0, 3.0),
        Arm(10, 2.0, -1.0),
        Histogram((1.0,), (5, 5)),
    ],
)
@pytest.mark.parametrize("arm", ["stable", "candidate"])
def test_what_cannot_have_been_observed_is_an_error_even_after_success_and_is_not_added(bad: Arm, arm: str) -> None:
    evidence, _ = _after(ERRORS, Batch(comparisons=(_errors(1000, 10, 10),)), 6)
    arms = {"stable": Arm.binary(1000, 10), "candidate": Arm.binary(1000, 10), arm: bad}
    after, (reading,) = judge(ERRORS, evidence, Batch(comparisons=(Comparison("errors", **arms),)))
    assert reading.verdict is Verdict.ERROR
    assert "cannot have been observed" in reading.text
    assert after.gates == evidence.gates


def test_pairs_of_answers_find_what_separate_arms_hide() -> None:
    pairs = Comparison("errors", Arm(), Arm(), Pairs.binary(400, worse=8, better=0))
    _, (reading,) = _after(ERRORS, Batch(step="shadow", shadow=True, comparisons=(pairs,)), 2)
    assert reading.verdict is Verdict.FAILED
    _, (reading,) = _after(ERRORS, Batch(comparisons=(_errors(400, 8, 16),)), 2)
    assert reading.verdict is Verdict.INCONCLUSIVE


def test_a_gate_may_leave_out_what_is_seen_in_shadow() -> None:
    gates = Gates(gates=(ERRORS.gates[0].model_copy(update={"in_shadow": False}),))
    _, (reading,) = _after(gates, Batch(shadow=True, comparisons=(_errors(200, 2, 100),)), 12)
    assert (reading.verdict, reading.candidate_samples) == (Verdict.INCONCLUSIVE, 0)


def test_harm_that_begins_at_a_later_step_is_found_almost_as_fast() -> None:
    good, bad = Batch(step="2%", comparisons=(_errors(200, 2, 2),)), Batch(step="5%", comparisons=(_errors(200, 2, 8),))

    def looks_until_failed(evidence: Evidence) -> int:
        for look in itertools.count(1):
            evidence, (reading,) = judge(ERRORS, evidence, bad)
            if reading.verdict is Verdict.FAILED:
                return look
        raise AssertionError

    after_much_good, _ = _after(ERRORS, good, 50)
    assert looks_until_failed(after_much_good) <= looks_until_failed(Evidence()) + 3


def test_a_mixture_of_traffic_that_changes_is_not_harm() -> None:
    """At night every request fails five times as often, and then most of them go to the candidate (Simpson)."""
    day = Comparison("errors", Arm.binary(900, 9), Arm.binary(100, 1))
    night = Comparison("errors", Arm.binary(100, 5), Arm.binary(900, 45))
    _, (reading,) = _after(ERRORS, Batch(comparisons=(day, night)), 10)
    assert reading.verdict is not Verdict.FAILED
    assert reading.estimate == pytest.approx(0.0)


def test_the_evidence_goes_through_json_at_every_look() -> None:
    gates = Gates()
    edges = (10.0, 20.0, 50.0)
    look = Batch(
        step="2%",
        comparisons=(
            _errors(200, 2, 3),
            Comparison("latency-p99", Histogram(edges, (150, 40, 9, 1)), Histogram(edges, (150, 40, 8, 2))),
        ),
        cursors={"log": "0007.parquet"},
    )
    kept, passed = Evidence(), Evidence()
    for _ in range(4):
        kept, readings = judge(gates, kept, look)
        passed, same = judge(gates, Evidence.model_validate_json(passed.model_dump_json(by_alias=True)), look)
        assert (kept, readings) == (passed, same)
    assert kept.cursors == {"log": "0007.parquet"}
    assert [GateReading.model_validate_json(each.model_dump_json()) for each in readings] == list(readings)


def test_evidence_on_a_gate_that_was_changed_begins_anew() -> None:
    evidence, _ = _after(ERRORS, Batch(comparisons=(_errors(1000, 10, 10),)), 6)
    stricter = Gates(gates=(ERRORS.gates[0].model_copy(update={"margin": 0.02}),))
    _, (reading,) = judge(stricter, evidence, Batch())
    assert reading.candidate_samples == 6000
    other = Gates(gates=(Gate(name="errors", metric="business"),))
    _, (reading,) = judge(other, evidence, Batch())
    assert reading.candidate_samples == 0


class TestReleaseVerdict:
    gates = Gates(
        gates=(
            Gate(name="errors", metric="errorRate"),
            Gate(name="clicks", metric="business", advance=False),
        )
    )

    def _of(self, errors: Verdict, clicks: Verdict) -> Verdict:
        return release_verdict(
            self.gates, [GateReading(gate="errors", verdict=errors), GateReading(gate="clicks", verdict=clicks)]
        )

    def test_only_gates_that_are_waited_for_must_succeed(self) -> None:
        assert self._of(Verdict.SUCCESSFUL, Verdict.INCONCLUSIVE) is Verdict.SUCCESSFUL
        assert self._of(Verdict.INCONCLUSIVE, Verdict.SUCCESSFUL) is Verdict.INCONCLUSIVE

    def test_any_may_fail_or_err(self) -> None:
        assert self._of(Verdict.SUCCESSFUL, Verdict.FAILED) is Verdict.FAILED
        assert self._of(Verdict.SUCCESSFUL, Verdict.ERROR) is Verdict.ERROR
        assert self._of(Verdict.ERROR, Verdict.FAILED) is Verdict.FAILED

    def test_a_gate_without_a_reading_opens_nothing(self) -> None:
        assert release_verdict(self.gates, [GateReading(gate="errors", verdict=Verdict.SUCCESSFUL)]) is Verdict.ERROR


def test_a_difference_within_the_margin_is_not_rolled_back_however_surely_it_is_there() -> None:
    """A tenth of a point of a million requests each: proven worse than equal, and proven within the margin."""
    evidence, (reading,) = _after(ERRORS, Batch(step="2%", comparisons=(_errors(50_000, 500, 550),)), 20)
    assert reading.verdict is Verdict.SUCCESSFUL
    assert reading.lower is not None and reading.lower > 0
    _, (reading,) = _after(ERRORS, Batch(step="5%", comparisons=(_errors(50_000, 500, 550),)), 20, evidence)
    assert reading.verdict is Verdict.SUCCESSFUL


SLICED = Gates(
    gates=(
        Gate(name="errors", metric="errorRate", source={"kind": "predictionLog"}, slices={"everyValueOf": ["carrier"]}),
    )
)


def test_harm_on_a_slice_is_found_while_the_mean_improves() -> None:
    look = Batch(
        comparisons=(_errors(1000, 20, 14), _errors(50, 1, 6, "carrier=HA"), _errors(500, 10, 5, "carrier=UA"))
    )
    _, readings = _after(SLICED, look, 10)
    by_slice = {reading.slice: reading.verdict for reading in readings}
    assert by_slice["carrier=HA"] is Verdict.FAILED
    assert by_slice["carrier=UA"] is not Verdict.FAILED
    assert readings[0].slice == OVERALL and readings[0].estimate is not None and readings[0].estimate < 0
    assert release_verdict(SLICED, readings) is Verdict.FAILED


def test_a_slice_that_may_be_worse_holds_the_step() -> None:
    calm = Batch(comparisons=(_errors(2000, 20, 20), _errors(50, 1, 1, "carrier=HA")))
    evidence, readings = _after(SLICED, calm, 5)
    assert readings[0].verdict is Verdict.SUCCESSFUL
    doubtful = Batch(comparisons=(_errors(2000, 20, 20), _errors(50, 1, 9, "carrier=HA")))
    evidence, readings = _after(SLICED, doubtful, 2, evidence)
    assert readings[1].e_value is not None and 20 <= readings[1].e_value < 4000
    assert (readings[0].verdict, readings[1].verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert readings[0].text.startswith("held, for carrier=HA may be worse")
    _, readings = _after(SLICED, calm, 20, evidence)
    assert readings[0].verdict is Verdict.SUCCESSFUL


def test_slices_beyond_the_limit_are_not_watched_and_the_busiest_come_first() -> None:
    few = Gates(
        gates=(SLICED.gates[0].model_copy(update={"slices": SLICED.gates[0].slices.model_copy(update={"limit": 2})}),)
    )
    sizes = {"carrier=AA": 10, "carrier=HA": 30, "carrier=UA": 20}
    look = Batch(comparisons=tuple(_errors(size, 0, 0, name) for name, size in sizes.items()))
    _, readings = _after(few, look, 3)
    assert [reading.slice for reading in readings] == [OVERALL, "carrier=HA", "carrier=UA"]


class TestLatency:
    gates = Gates(gates=(Gate(name="p90", metric="latencyQuantile", quantile=0.9),))
    edges = (10.0, 20.0, 23.0, 26.0, 40.0)

    def _look(self, *candidate: int) -> Batch:
        stable = Histogram(self.edges, (50, 40, 5, 3, 2, 0))
        return Batch(comparisons=(Comparison("p90", stable, Histogram(self.edges, candidate)),))

    def test_slower_fails(self) -> None:
        _, (reading,) = _after(self.gates, self._look(40, 40, 5, 5, 10, 0), 12)
        assert reading.verdict is Verdict.FAILED
        assert reading.estimate == pytest.approx(26 / 20 - 1)

    def test_as_fast_succeeds(self) -> None:
        _, (reading,) = _after(self.gates, self._look(50, 40, 5, 3, 2, 0), 40)
        assert reading.verdict is Verdict.SUCCESSFUL
        assert reading.estimate == 0.0
        assert reading.upper == pytest.approx(0.15)

    def test_other_bins_than_before_begin_the_quantile_anew_and_two_at_once_are_an_error(self) -> None:
        evidence, _ = _after(self.gates, self._look(50, 40, 5, 3, 2, 0), 3)
        other = Histogram((15.0, 30.0), (90, 5, 5))
        evidence, (reading,) = judge(self.gates, evidence, Batch(comparisons=(Comparison("p90", other, other),)))
        assert (reading.verdict, reading.candidate_samples) == (Verdict.INCONCLUSIVE, 100)
        mixed = Comparison("p90", other, Histogram(self.edges, (1, 1, 1, 1, 1, 1)))
        _, (reading,) = judge(self.gates, evidence, Batch(comparisons=(mixed,)))
        assert reading.verdict is Verdict.ERROR


class TestPredictions:
    gates = Gates(
        gates=(Gate(name="scores", metric="predictions", source={"kind": "predictionLog"}, cuts=(0.25, 0.5, 0.75)),)
    )

    def _readings(self, *candidate: int) -> GateReading:
        stable = Histogram((0.25, 0.5, 0.75), (100, 50, 30, 20))
        look = Batch(comparisons=(Comparison("scores", stable, Histogram((0.25, 0.5, 0.75), candidate)),))
        _, (reading,) = _after(self.gates, look, 10)
        return reading

    def test_the_same_distribution_succeeds(self) -> None:
        reading = self._readings(100, 50, 30, 20)
        assert (reading.verdict, reading.estimate) == (Verdict.SUCCESSFUL, 0.0)

    def test_a_shift_within_the_margin_does_not_fail(self) -> None:
        assert self._readings(90, 55, 32, 23).verdict is not Verdict.FAILED

    @pytest.mark.parametrize("counts", [(40, 50, 50, 60), (170, 20, 5, 5)])
    def test_a_shift_beyond_it_fails_in_either_direction(self, counts: tuple[int, ...]) -> None:
        reading = self._readings(*counts)
        assert reading.verdict is Verdict.FAILED
        assert reading.lower is not None and reading.lower > 0.1

    def test_chance_alone_is_no_shift_where_the_usual_index_sees_one(self) -> None:
        """Ten bins of 100 predictions each, looked at ten times: the population stability index often exceeds 0.1."""
        gates = Gates(gates=(Gate(name="scores", metric="predictions", source={"kind": "predictionLog"}),))
        shifted, failed = 0, 0
        for seed in range(40):
            drawn = random.Random(seed)  # noqa: S311
            evidence, exceeded = Evidence(), False
            for _ in range(10):
                arms = []
                for _ in range(2):
                    bins = [0] * 10
                    for _ in range(100):
                        bins[int(10 * drawn.random())] += 1
                    arms.append(bins)
                exceeded |= _stability_index(*arms) > 0.1
                both = (Histogram(gates.gates[0].cuts, tuple(bins)) for bins in arms)
                evidence, (reading,) = judge(gates, evidence, Batch(comparisons=(Comparison("scores", *both),)))
            shifted += exceeded
            failed += reading.verdict is Verdict.FAILED
        assert shifted > 30
        assert failed == 0


def _stability_index(one: list[int], other: list[int]) -> float:
    shares = [[(count + 0.5) / (sum(bins) + 5) for count in bins] for bins in (one, other)]
    return sum((there - here) * math.log(there / here) for here, there in zip(*shares, strict=True))

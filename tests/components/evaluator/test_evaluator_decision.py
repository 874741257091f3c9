"""The decision, on measurements written by hand."""

import math
from typing import Any

import numpy as np
import pytest

from components.evaluator.fairness import gaps
from components.evaluator.logic import decide
from components.evaluator.measurement import Measurement, Role, difference, interval, simultaneous
from components.evaluator.metric_specs import PlannedMetric
from components.evaluator.plan import OVERALL, Plan, Slicing, Threshold
from components.evaluator.spec import EvaluatorParams
from penstock.artifacts import Consequence, Decision, Reason, Verdict

CARRIER = Slicing(("carrier",))
AT_LEAST = Threshold("auc", OVERALL, "value", lower=0.6)
NOT_WORSE = Threshold("auc", OVERALL, "change", lower=-0.02)
NOT_WORSE_ANYWHERE = Threshold("auc", CARRIER, "change", lower=-0.02)


def measured(
    candidate: list[float],
    error: list[float],
    baseline: list[float] | None = None,
    change_error: list[float] | None = None,
    *,
    rows: list[int] | None = None,
    unfit: int = 0,
) -> Measurement:
    """AUC overall and of carriers A, B, ...; 10,000 rows each unless said otherwise."""
    slices = ((), *((("carrier", chr(65 + i)),) for i in range(len(candidate) - 1)))
    column = lambda numbers: np.array(numbers, float)[:, None]  # noqa: E731
    values, errors = {Role.CANDIDATE: column(candidate)}, {Role.CANDIDATE: column(error)}
    if baseline:
        values[Role.BASELINE], errors[Role.BASELINE] = column(baseline), column(error)
        values[Role.DIFFERENCE], errors[Role.DIFFERENCE] = difference(values), column(change_error)
    return Measurement(
        split="eval",
        rows=10_000,
        rows_available=10_000,
        slices=slices,
        slice_rows=np.array(rows or [10_000] * len(slices)),
        metrics=("auc",),
        values=values,
        errors=errors,
        replicates=10_000,
        unfit={Role.CANDIDATE: unfit},
    )


def judged(found: Measurement, *thresholds: Threshold, **settings: Any) -> Decision:
    plan = Plan("late", (OVERALL, CARRIER), (PlannedMetric("auc", "AUC"),), thresholds)
    return decide(found, plan, EvaluatorParams.parse({"eval_config": {}, **settings}, "test"))


def beyond_overall(decision: Decision) -> Reason:
    """The first reason that is not about the overall slice, which comes before all but what failed."""
    assert decision.reasons[0].subject == "overall"
    return next(reason for reason in decision.reasons if reason.subject != "overall")


@pytest.mark.parametrize(
    ("auc", "verdict"),
    [
        (0.6197, Verdict.SUCCESSFUL),  # 0.6197 - 1.9602 * 0.01 = 0.6001
        (0.6195, Verdict.INCONCLUSIVE),
        (0.60, Verdict.INCONCLUSIVE),
        (0.5805, Verdict.INCONCLUSIVE),
        (0.5803, Verdict.FAILED),  # 0.5803 + 1.9602 * 0.01 = 0.5999
    ],
)
def test_the_interval_decides_and_not_the_point(auc: float, verdict: Verdict) -> None:
    decision = judged(measured([auc], [0.01]), AT_LEAST)
    assert decision.verdict is verdict
    assert decision.gate == ("open" if verdict is Verdict.SUCCESSFUL else "closed")


def test_an_upper_bound_is_held_from_the_other_side() -> None:
    at_most = Threshold("auc", OVERALL, "value", upper=0.7)
    assert judged(measured([0.68], [0.01]), at_most).verdict is Verdict.SUCCESSFUL
    assert judged(measured([0.72], [0.01]), at_most).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(0.0, Verdict.SUCCESSFUL), (-0.01, Verdict.SUCCESSFUL), (-0.011, Verdict.INCONCLUSIVE), (-0.03, Verdict.FAILED)],
)
def test_a_change_threshold_is_a_margin_of_non_inferiority(change: float, verdict: Verdict) -> None:
    found = measured([0.7 + change], [0.01], [0.7], [0.005])  # half-width 0.0098
    assert judged(found, NOT_WORSE).verdict is verdict


def test_a_relative_change_is_a_share_of_the_baseline() -> None:
    relative = Threshold("auc", OVERALL, "change", lower=-0.05, relative=True)  # -0.04 of 0.8
    assert judged(measured([0.78], [0.01], [0.8], [0.005]), relative).verdict is Verdict.SUCCESSFUL
    assert judged(measured([0.74], [0.01], [0.8], [0.005]), relative).verdict is Verdict.FAILED


def test_a_model_is_as_good_as_itself_even_without_a_margin() -> None:
    strict = Threshold("auc", None, "change", lower=0.0)
    found = measured([0.7, 0.7], [0.01, 0.02], [0.7, 0.7], [0.0, 0.0])
    assert judged(found, strict).verdict is Verdict.SUCCESSFUL


def test_one_large_slice_that_failed_closes_the_gate_and_comes_first() -> None:
    found = measured([0.7, 0.72, 0.6], [0.01] * 3, [0.7] * 3, [0.004] * 3)
    decision = judged(found, AT_LEAST, NOT_WORSE, NOT_WORSE_ANYWHERE)
    assert (decision.verdict, decision.consequence) == (Verdict.FAILED, Consequence.STOP)
    assert [(r.subject, r.verdict) for r in decision.reasons] == [
        ("carrier=B", Verdict.FAILED),
        ("overall", Verdict.SUCCESSFUL),  # by 0.02
        ("overall", Verdict.SUCCESSFUL),  # by 0.1
        ("carrier=A", Verdict.SUCCESSFUL),  # by 0.04
    ]
    worst = decision.reasons[0]
    assert worst.rule == "auc.change_threshold"
    half = interval(0, 0.004, simultaneous(0.95, 2), 9_999).upper
    assert worst.evidence["estimate"] == pytest.approx(-0.1)
    assert worst.evidence["upper"] == pytest.approx(-0.1 + half)
    assert (worst.evidence["least"], worst.evidence["rows"], worst.evidence["baseline"]) == (-0.02, 10_000, 0.7)
    assert "auc of carrier=B changed by -0.1000 [-0.1090, -0.0910]" in worst.text


def test_the_same_slice_when_small_is_reported_but_not_fatal() -> None:
    found = measured([0.7, 0.72, 0.6], [0.01] * 3, [0.7] * 3, [0.004] * 3, rows=[10_000, 9_500, 500])
    decision = judged(found, NOT_WORSE, NOT_WORSE_ANYWHERE)
    assert decision.verdict is Verdict.SUCCESSFUL
    assert (beyond_overall(decision).subject, beyond_overall(decision).verdict) == ("carrier=B", Verdict.INCONCLUSIVE)
    assert "too few rows" in beyond_overall(decision).text


def test_a_large_slice_that_is_inconclusive_is_reported_but_not_fatal() -> None:
    found = measured([0.7, 0.68], [0.01] * 2, [0.7] * 2, [0.004, 0.02])
    decision = judged(found, NOT_WORSE, NOT_WORSE_ANYWHERE)
    assert decision.verdict is Verdict.SUCCESSFUL
    assert beyond_overall(decision).verdict is Verdict.INCONCLUSIVE


def test_many_slices_are_judged_more_carefully_than_one() -> None:
    change = -0.02 - 2.2 * 0.01  # 2.2 standard errors too bad: enough for one slice, not for one of twenty
    one = measured([0.7, 0.7 + change], [0.01] * 2, [0.7] * 2, [0.001, 0.01])
    assert judged(one, NOT_WORSE, NOT_WORSE_ANYWHERE).verdict is Verdict.FAILED
    many = measured([0.7, 0.7 + change, *[0.7] * 19], [0.01] * 21, [0.7] * 21, [0.001, *[0.01] * 20])
    assert judged(many, NOT_WORSE, NOT_WORSE_ANYWHERE).verdict is Verdict.SUCCESSFUL


def test_without_a_baseline_only_absolute_thresholds_judge_and_it_says_so() -> None:
    decision = judged(measured([0.7, 0.7], [0.01] * 2), AT_LEAST, NOT_WORSE, NOT_WORSE_ANYWHERE)
    assert decision.verdict is Verdict.SUCCESSFUL
    reason = next(r for r in decision.reasons if r.rule == "baseline")
    assert "no baseline: judged on absolute thresholds only" in reason.text
    assert reason.evidence == {"rubber_stamped": True, "not_applied": 2}


def test_without_a_baseline_and_without_absolute_thresholds_there_is_no_evidence() -> None:
    decision = judged(measured([0.7], [0.01]), NOT_WORSE)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.gate == "closed"


def test_scores_that_are_not_numbers_are_an_error() -> None:
    decision = judged(measured([0.7], [0.01], unfit=3), AT_LEAST)
    assert decision.verdict is Verdict.ERROR
    assert "the candidate gave 3 of 10,000 rows a score that is not a finite number" in decision.reasons[0].text


def test_an_undefined_metric_is_inconclusive() -> None:
    everywhere = Threshold("auc", None, "value", lower=0.6)
    decision = judged(measured([0.7, math.nan], [0.01, math.nan]), everywhere)
    assert decision.verdict is Verdict.SUCCESSFUL
    assert (beyond_overall(decision).subject, beyond_overall(decision).verdict) == ("carrier=A", Verdict.INCONCLUSIVE)
    assert "undefined" in beyond_overall(decision).text
    assert "estimate" not in beyond_overall(decision).evidence
    assert judged(measured([math.nan], [math.nan]), everywhere).verdict is Verdict.INCONCLUSIVE


def test_a_handful_of_rows_blesses_nothing() -> None:
    assert judged(measured([0.99], [0.0], rows=[19]), AT_LEAST).verdict is Verdict.INCONCLUSIVE
    assert judged(measured([0.99], [0.0], rows=[20]), AT_LEAST).verdict is Verdict.SUCCESSFUL


def test_a_threshold_on_a_slice_without_rows_is_inconclusive() -> None:
    nobody = Threshold("auc", Slicing((), (("carrier", "ZZ"),)), "value", lower=0.6)
    decision = judged(measured([0.7, 0.7], [0.01] * 2), AT_LEAST, nobody)
    assert beyond_overall(decision).verdict is Verdict.INCONCLUSIVE
    assert "no row is in that slice" in beyond_overall(decision).text


@pytest.mark.parametrize(
    ("max_gap", "verdict", "whole"),
    [
        (0.15, Verdict.SUCCESSFUL, Verdict.SUCCESSFUL),
        (0.10, Verdict.INCONCLUSIVE, Verdict.SUCCESSFUL),
        (0.05, Verdict.FAILED, Verdict.FAILED),
    ],
)
def test_a_fairness_gap_is_judged_between_the_best_and_the_worst_slice(
    max_gap: float, verdict: Verdict, whole: Verdict
) -> None:
    # gap 0.1 of two slices with standard errors 0.006 and 0.008: 0.01; three pairs: 2.394 of them
    found = measured([0.7, 0.75, 0.65, 0.7], [0.005, 0.006, 0.008, 0.01])
    decision = judged(found, AT_LEAST, fairness=[{"feature": "carrier", "metric": "auc", "max_gap": max_gap}])
    assert decision.verdict is whole
    reason = next(r for r in decision.reasons if r.rule == "auc.fairness_gap")
    assert reason.verdict is verdict
    assert (reason.evidence["highest"], reason.evidence["lowest"]) == ("carrier=A", "carrier=B")
    assert reason.evidence["upper"] == pytest.approx(0.1 + 2.394 * 0.01, abs=1e-4)


def test_a_fairness_gap_needs_two_large_slices() -> None:
    found = measured([0.7, 0.9, 0.5], [0.005] * 3, rows=[10_000, 9_000, 999])
    decision = judged(found, AT_LEAST, fairness=[{"feature": "carrier", "metric": "auc", "max_gap": 0.1}])
    assert decision.verdict is Verdict.SUCCESSFUL
    assert beyond_overall(decision).verdict is Verdict.INCONCLUSIVE


def test_a_fairness_gap_without_a_limit_is_reported_and_decides_nothing() -> None:
    found = measured([0.7, 0.75, 0.65, 0.7], [0.005, 0.006, 0.008, 0.01])
    fairness = [{"feature": "carrier", "metric": "auc"}]
    decision = judged(found, AT_LEAST, fairness=fairness)
    assert [reason.rule for reason in decision.reasons] == ["auc.value_threshold"]
    (gap,) = gaps(found, EvaluatorParams.parse({"eval_config": {}, "fairness": fairness}, "test"))
    assert (gap.highest, gap.lowest, gap.slices) == (("carrier=A", 0.75), ("carrier=B", 0.65), 3)
    assert gap.found is not None
    assert gap.found.upper == pytest.approx(0.1 + 2.394 * 0.01, abs=1e-4)

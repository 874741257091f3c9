"""Which slice stands first."""

import pytest

from penstock.artifacts import Verdict
from penstock.reporting.ranking import badness, leading_metric, worst_first
from penstock.reporting.views import Estimate, EvaluationView, SliceView
from tests.unit.reporting.report_samples import reason


def part(
    name: str, candidate: float | None, baseline: float | None = None, verdict: Verdict | None = None
) -> SliceView:
    roles = {"candidate": Estimate(value=candidate)}
    if baseline is not None:
        roles["baseline"] = Estimate(value=baseline)
    reasons = (reason("auc.value_threshold", name, verdict, "", metric="auc"),) if verdict else ()
    return SliceView(split="eval", name=name, rows=1, metrics={"auc": roles, "loss": roles}, reasons=reasons)


def order(slices: list[SliceView], metric: str = "auc") -> list[str]:
    return [found.name for found in worst_first(slices, metric)]


def test_the_whole_stands_first_whatever_it_is() -> None:
    assert order([part("a", 0.1), part("overall", 0.9)]) == ["overall", "a"]


def test_objections_come_before_values_and_what_passed_does_not() -> None:
    slices = [part("bad", 0.1), part("fine", 0.2, verdict=Verdict.SUCCESSFUL), part("no", 0.9, verdict=Verdict.FAILED)]
    slices.append(part("few", 0.8, verdict=Verdict.INCONCLUSIVE))
    assert order(slices) == ["no", "few", "bad", "fine"]


def test_a_verdict_about_another_metric_does_not_count() -> None:
    slices = [part("no", 0.9, verdict=Verdict.FAILED), part("low", 0.1)]
    assert order(slices, "loss") == ["no", "low"]  # by the loss alone: the greater is worse
    assert order([part("no", 0.1, verdict=Verdict.FAILED), part("low", 0.9)], "loss") == ["low", "no"]


def test_the_greatest_worsening_comes_before_the_worst_value() -> None:
    assert order([part("better", 0.3, 0.2), part("worse", 0.8, 0.9), part("same", 0.1, 0.1)]) == [
        "worse",
        "same",
        "better",
    ]


def test_what_is_not_defined_comes_last() -> None:
    assert order([part("none", None), part("a", 0.9), part("b", 0.8)]) == ["b", "a", "none"]


@pytest.mark.parametrize("metric", ["mean_absolute_error", "binary_crossentropy", "cost", "rmse", "loss", "miss_rate"])
def test_less_of_an_error_is_better(metric: str) -> None:
    assert badness(metric, 1.0) < badness(metric, 2.0)


def test_a_calibration_is_best_at_one() -> None:
    for metric in ("calibration", "calibration_class_0", "calibration_macro"):
        assert badness(metric, 1.0) < badness(metric, 0.9) < badness(metric, 1.2)


def test_the_metric_that_is_judged_leads() -> None:
    judged = SliceView(
        split="eval",
        name="overall",
        rows=1,
        metrics={},
        reasons=(reason("x", "overall", Verdict.FAILED, "", metric="b"),),
    )
    view = EvaluationView(task="e", metrics=("example_count", "a", "b"), slices=(judged,))
    assert leading_metric(view) == "b"
    assert leading_metric(EvaluationView(task="e", metrics=("example_count",))) == ""

"""What is drawn, on numbers worked out by hand, and what must not change when points are left out."""

import math

import numpy as np
import pytest

from components.evaluator.bins import equal_bins, histogram, usual_range, wilson
from components.evaluator.measurement import Role
from components.evaluator.plots import draw
from components.evaluator.thinning import thin
from penstock.artifacts.plots import EvaluationPlots, ModelPlots
from penstock.artifacts.task import Task

BINARY = Task(kind="binary", classes=("no", "yes"))
THREE = Task(kind="multiclass", classes=("a", "b", "c"))


def drawn(task: Task | None, label, score) -> ModelPlots:
    given = np.array(label, float), {Role.CANDIDATE: np.array(score, float)}
    return draw(*given, task, split="eval", confidence=0.95).candidate


def test_curves_go_through_every_distinct_score_from_strict_to_lenient() -> None:
    found = drawn(BINARY, [1, 0, 1, 0, 0], [0.9, 0.8, 0.8, 0.3, 0.1])
    roc, pr = found.roc["yes"], found.precision_recall["yes"]
    assert list(zip(roc.x, roc.y, strict=True)) == [(0, 0), (0, 0.5), (0.333333, 1), (1, 1)]
    assert roc.area == pytest.approx(5.5 / 6, abs=1e-6)  # 0.9 beats three, 0.8 beats two and ties with one
    # precision 1 of the first, 2 of three, 2 of four, 2 of five
    assert list(zip(pr.x, pr.y, strict=True)) == [(0, 1), (0.5, 1), (1, 0.666667), (1, 0.4)]


def test_a_perfect_and_a_constant_model() -> None:
    perfect = drawn(BINARY, [1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])
    assert (perfect.roc["yes"].area, perfect.precision_recall["yes"].area) == (1, 1)
    assert perfect.confusion == ((2, 0), (0, 2))
    constant = drawn(BINARY, [1, 0, 0, 0] * 10, [0.5] * 40)
    assert constant.roc["yes"].area == 0.5
    assert [bin_.rows for bin_ in constant.calibration["yes"]] == [40]
    assert constant.confusion == ((30, 0), (10, 0))  # 0.5 is not above 0.5


def test_one_class_alone_has_no_curve_and_breaks_nothing() -> None:
    found = drawn(BINARY, [0, 0, 0], [0.2, 0.6, 0.1])
    assert (found.roc, found.precision_recall) == ({}, {})
    assert found.confusion == ((2, 1), (0, 0))
    assert sum(found.scores["yes"].counts) == 0


def test_each_of_several_classes_is_held_against_the_rest() -> None:
    score = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]
    found = drawn(THREE, [0, 1, 1, 2], score)
    assert list(found.roc) == ["a", "b", "c"]
    assert found.roc["b"].area == pytest.approx(4 / 4)
    assert found.roc["a"].area == 1
    assert found.confusion == ((1, 0, 0), (1, 1, 0), (0, 0, 1))
    assert found.scores == {}
    without_c = drawn(THREE, [0, 1, 1, 0], score)
    assert list(without_c.roc) == ["a", "b"]
    assert list(without_c.calibration) == ["a", "b", "c"]


def test_of_many_classes_only_the_most_frequent_have_curves() -> None:
    label = np.concatenate([np.arange(30), np.arange(5, 25)])
    score = np.random.default_rng(0).dirichlet(np.ones(30), 50)
    found = drawn(Task(kind="multiclass", classes=tuple(f"c{i}" for i in range(30))), label, score)
    assert list(found.roc) == [f"c{i}" for i in range(5, 25)]
    assert len(found.confusion) == 30


def test_residuals_and_estimates_of_a_regression() -> None:
    label = np.arange(40.0)
    found = drawn(Task(kind="regression"), label, label + np.tile([1.0, -1.0], 20))
    assert found.residuals is not None
    assert found.residuals.counts[0] == found.residuals.counts[-1] == 20
    assert sum(found.residuals.counts) == 40
    first = found.estimate_by_label[0]
    # the ten smallest estimates: labels 0 to 9, each twice one off
    assert (first.rows, first.mean_score, first.mean_label) == (10, 4.5, 4.5)
    half = 2.262 * math.sqrt(82.5 / 9) / math.sqrt(10)
    assert first.upper - first.mean_label == pytest.approx(half, rel=1e-3)
    assert found.roc == {}


def test_equal_scores_stay_in_one_bin() -> None:
    score = np.array([0.1] * 25 + [0.2] * 5 + [0.3] * 10)
    found = equal_bins(score, (score > 0.25).astype(float), 0.95, share=True)
    assert [(one.rows, one.mean_label) for one in found] == [(30, 0), (10, 1)]  # no cut inside the 25
    assert (found[0].lower, found[0].upper) == (0, pytest.approx(wilson(0, 30, 0.95)[1], rel=1e-5))
    assert found[0].mean_score == pytest.approx(3.5 / 30, rel=1e-5)


def test_wilsons_interval_covers_as_it_says() -> None:
    random = np.random.default_rng(1)
    hits = [low <= 0.08 <= up for low, up in (wilson(random.binomial(60, 0.08) / 60, 60, 0.95) for _ in range(2000))]
    assert 0.92 < np.mean(hits) < 0.98


def test_what_lies_beyond_a_histogram_is_counted_in_its_ends() -> None:
    found = histogram(np.array([-9.0, 0.0, 0.5, 1.0, 9.0]), 0.0, 1.0)
    assert (found.counts[0], found.counts[20], found.counts[-1]) == (2, 1, 2)
    assert usual_range(np.full(10, 7.0)) == (3.5, 10.5)


def test_thinning_keeps_the_shape() -> None:
    random = np.random.default_rng(2)
    x = np.sort(random.random(50_000))
    y = np.sin(12 * x) + (np.abs(x - 0.5) < 0.0004)  # a spike of a few points
    kept = thin(x, y, 200)
    assert len(kept) <= 200
    assert (kept[0], kept[-1]) == (0, 49_999)
    assert (y[kept].max(), y[kept].min()) == pytest.approx((y.max(), y.min()), abs=1e-3)
    assert np.abs(np.interp(x, x[kept], y[kept]) - y).max() < 0.01
    evenly = np.linspace(0, 49_999, 200).astype(int)
    assert np.abs(np.interp(x, x[evenly], y[evenly]) - y).max() > 0.5  # what evenly spaced points would lose


def test_a_curve_of_many_points_has_the_area_of_all_of_them() -> None:
    random = np.random.default_rng(3)
    label = (random.random(20_000) < 0.3).astype(float)
    score = 1 / (1 + np.exp(-random.normal(label, 1)))
    roc = drawn(BINARY, label, score).roc["yes"]
    assert len(roc.x) == 200
    assert (
        np.trapezoid(roc.y, roc.x)
        if hasattr(np, "trapezoid")
        else np.trapz(roc.y, roc.x) == pytest.approx(roc.area, abs=2e-4)
    )


def test_without_a_task_the_labels_tell_and_scores_that_are_not_finite_are_left_out() -> None:
    assert drawn(None, [0, 1], [0.1, 0.9]).confusion == ((1, 0), (0, 1))
    assert drawn(None, [0, 2], [0.1, 0.9]).residuals is not None
    found = drawn(BINARY, [0, 1, 1], [0.1, 0.9, math.nan])
    assert found.confusion == ((1, 0), (0, 1))
    assert drawn(BINARY, [0, 1], [math.nan, math.inf]) == ModelPlots()


def test_both_models_are_drawn_and_read_back() -> None:
    label = np.array([0.0, 1.0, 1.0])
    scores = {Role.CANDIDATE: np.array([0.1, 0.8, 0.7]), Role.BASELINE: np.array([0.5, 0.4, 0.6])}
    plots = draw(label, scores, BINARY, split="eval", confidence=0.9)
    assert plots.baseline is not None
    assert plots.baseline.roc["yes"].area == 0.5
    assert EvaluationPlots.model_validate_json(plots.model_dump_json()) == plots

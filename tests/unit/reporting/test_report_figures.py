"""What is drawn, and what is said of it."""

from dataclasses import replace

import pytest

from penstock.artifacts.plots import Histogram
from penstock.reporting import figures
from penstock.reporting.views import Distance, EvaluationView, FeatureView, SplitStatistics, TrainingView, TuningView
from tests.unit.reporting.report_samples import MULTICLASS, PLOTS, REGRESSION, STUDY


def text_column(*values: tuple[str, int]) -> FeatureView:
    return FeatureView(name="f", type="text", splits=(SplitStatistics(split="s", rows=10, missing=0, values=values),))


def test_the_loss_comes_first_and_ends_are_told() -> None:
    curves = {"auc": {"train": ((1, 0.6),)}, "loss": {"eval": ((1, 0.7), (2, 0.5)), "train": ((1, 0.6), (2, 0.4))}}
    drawn = list(figures.training(TrainingView(task="t", curves=curves)))
    assert [chart.title for chart in drawn] == ["Loss", "AUC"]
    assert drawn[0].says == "Loss over 2 epochs; at the end: train 0.4, eval 0.5."
    assert drawn[0].rows == (("train", 1, 0.6), ("train", 2, 0.4), ("eval", 1, 0.7), ("eval", 2, 0.5))


def test_a_column_without_values_is_not_drawn() -> None:
    empty = SplitStatistics(split="s", rows=5, missing=1.0, histogram=Histogram(edges=(0, 1), counts=(0,)))
    assert figures.feature(FeatureView(name="f", type="number", splits=(empty,)), ["s"]) is None
    assert figures.feature(text_column(), ["s"]) is None


def test_a_split_keeps_its_colour_where_another_is_missing() -> None:
    one = SplitStatistics(split="eval", rows=5, missing=0, histogram=Histogram(edges=(0, 1), counts=(5,)))
    chart = figures.feature(FeatureView(name="f", type="number", splits=(one,)), ["train", "eval"])
    assert chart is not None
    color = chart.spec["layer"][0]["encoding"]["color"]["scale"]
    assert color == {"domain": ["eval"], "range": ["var(--series-2)"]}


def test_long_values_are_told_apart() -> None:
    """Two texts that begin alike have a bar each."""
    chart = figures.feature(text_column(("x" * 50 + "a", 5), ("x" * 50 + "b", 4), ("", 1)), ["s"])
    assert chart is not None
    bars = [(value["c"], value["x"]) for value in chart.spec["data"]["values"]]
    assert bars == [("x" * 40 + "…", 0.5), ("x" * 40 + "… (2)", 0.4), ("(empty)", 0.1)]


@pytest.mark.parametrize(
    ("plots", "titles"),
    [
        (
            PLOTS,
            [
                "ROC curve",
                "Precision and recall",
                "Calibration",
                "Confusion matrix, candidate",
                "Confusion matrix, baseline",
                "Scores by label, candidate",
            ],
        ),
        (REGRESSION, ["Estimate and label", "Residuals"]),
        (MULTICLASS, ["ROC curve", "Confusion matrix, candidate"]),
    ],
    ids=["binary", "regression", "multiclass"],
)
def test_each_task_has_its_pictures(plots: object, titles: list[str]) -> None:
    assert [chart.title for chart in figures.performance(plots)] == titles  # type: ignore[arg-type]


def test_two_runs_are_drawn_beside_each_other() -> None:
    titles = [chart.title for chart in figures.performance(PLOTS, {"A": PLOTS.candidate, "B": PLOTS.candidate})]
    assert titles[-4:] == [f"{what}, {run}" for what in ("Confusion matrix", "Scores by label") for run in "AB"]


def test_a_calibration_tells_its_distance() -> None:
    """50 rows each at 0.05 and 0.1 from the diagonal: 0.075 in the mean."""
    chart = next(chart for chart in figures.performance(PLOTS) if chart.title == "Calibration")
    assert "candidate 0.075" in chart.note
    assert chart.rows[0] == ("candidate", 50, 0.2, 0.25, 0.2, 0.3)


def test_a_confusion_matrix_tells_what_is_right() -> None:
    chart = next(chart for chart in figures.performance(PLOTS) if chart.title == "Confusion matrix, candidate")
    assert chart.says == "70% of 100 rows are answered as labelled."
    assert chart.rows == (("on time", 40, 10), ("late", 20, 30))
    shares = [(v["l"], v["a"], v["p"]) for v in chart.spec["data"]["values"]]
    assert shares == [
        ("on time", "on time", 0.8),
        ("on time", "late", 0.2),
        ("late", "on time", 0.4),
        ("late", "late", 0.6),
    ]


def test_classes_that_do_not_fit_the_matrix_are_numbered() -> None:
    plots = PLOTS.model_copy(update={"classes": ("one",)})
    chart = next(chart for chart in figures.performance(plots) if chart.title == "Confusion matrix, candidate")
    assert [row[0] for row in chart.rows] == ["0", "1"]


def test_importance_is_told_in_words() -> None:
    chart = figures.importance(EvaluationView(task="e", plots=PLOTS))
    assert chart is not None
    assert chart.says.startswith("Most important by permutation: hour 0.12")
    assert chart.rows[0] == ("hour", 0.12, 0.1, 0.14)
    assert figures.importance(EvaluationView(task="e")) is None


def test_a_study_tells_its_best_so_far() -> None:
    drawn = list(figures.tuning(TuningView(task="t", study=STUDY)))
    assert [chart.title for chart in drawn] == [
        "Trials",
        "What matters among the parameters",
        "Each trial, epoch by epoch",
    ]
    assert drawn[0].rows == ((0, 0.5, 0.5), (2, 0.45, 0.45))
    largest = STUDY.model_copy(update={"direction": "maximize"})
    assert next(iter(figures.tuning(TuningView(task="t", study=largest)))).rows == ((0, 0.5, 0.5), (2, 0.45, 0.5))


def test_a_study_in_which_nothing_was_completed_draws_what_it_has() -> None:
    pruned = STUDY.model_copy(update={"trials": STUDY.trials[1:2], "best": None, "importance": {}})
    assert [chart.title for chart in figures.tuning(TuningView(task="t", study=pruned))] == [
        "Each trial, epoch by epoch"
    ]


def test_drift_is_what_is_above_its_threshold() -> None:
    column = text_column(("a", 1))
    near = Distance(split="s", of="drift", type="l_infty", value=0.1, threshold=0.1)
    assert not column.with_findings((near,), 0).drifted
    assert column.with_findings((near, replace(near, value=0.11)), 0).drifted


def test_a_matrix_of_many_classes_shows_the_most_mistaken_and_shares_of_all_rows() -> None:
    side = 40
    confusion = [[10 if i == j else 0 for j in range(side)] for i in range(side)]
    for wrong in range(30):
        confusion[wrong + 10][(wrong + 1) % 30 + 10] = 5
    confusion[39][0] = 1  # class 0 is mistaken only here: not among the 30
    plots = PLOTS.model_copy(
        update={
            "classes": tuple(f"c{i}" for i in range(side)),
            "candidate": PLOTS.candidate.model_copy(update={"confusion": tuple(map(tuple, confusion))}),
        }
    )
    chart = next(chart for chart in figures.performance(plots) if chart.title == "Confusion matrix, candidate")
    assert [row[0] for row in chart.rows] == [f"c{i}" for i in range(10, 40)]
    assert chart.wide
    assert "The 30 classes with the most mistakes of 40." in chart.note
    share = next(v for v in chart.spec["data"]["values"] if (v["l"], v["a"]) == ("c39", "c39"))
    assert share["p"] == 0.625  # 10 of 16: the answer that is not shown counts


def test_a_long_name_of_a_class_is_told_once_and_cut() -> None:
    name = "n" * 5000
    plots = PLOTS.model_copy(update={"classes": (name, "late")})
    for chart in figures.performance(plots):
        assert name not in str(chart.spec)
        assert name not in chart.says + chart.note + str(chart.rows)

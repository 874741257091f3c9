"""Small tables: intervals that do not claim more than so few rows can tell, and gates that open all the same."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator.engines import Job, vectorised
from components.evaluator.logic import decide
from components.evaluator.measurement import Interval, Measurement, Role
from components.evaluator.plan import make_plan, read_eval_config
from components.evaluator.shares import with_least_errors
from components.evaluator.spec import EvaluatorParams
from penstock.artifacts import Decision, Verdict
from penstock.artifacts.task import Task

BINARY = Task(kind="binary")
THREE = Task(kind="multiclass", classes=("a", "b", "c"))
ABOVE = {"value_threshold": {"lower_bound": 0}}
SKILL: dict[str, Any] = {"metrics": [{"class_name": "Skill", "threshold": ABOVE}]}


def spec(*names: str, **more: Any) -> dict[str, Any]:
    return {"metrics": [{"class_name": name} for name in names], **more}


def measure(task: Task, label: Any, score: Any, *specs: dict[str, Any], seed: int = 0) -> tuple[Measurement, Decision]:
    config = read_eval_config({"metrics_specs": [SKILL, *specs]})
    plan = make_plan(config, only_known=True, task=task)
    params = EvaluatorParams.parse({"eval_config": {}}, "test")
    label = np.asarray(label, float)
    measured = vectorised(
        Job(
            split="eval",
            rows_available=len(label),
            table=pa.table({"y": label}),
            label=label,
            models={},
            scores={Role.CANDIDATE: np.asarray(score, float)},
            plan=plan,
            config=config,
            replicates=200,
            seed=seed,
            scratch=None,  # type: ignore[arg-type]
            task=task,
        )
    )
    return measured, decide(measured, plan, params)


def interval(measured: Measurement, metric: str) -> Interval:
    return measured.interval(Role.CANDIDATE, 0, metric, 0.95)


def binary(n_rows: int, seed: int, base: float = 0.0, slope: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probability = 1 / (1 + np.exp(-base - slope * random.normal(size=n_rows)))
    return (random.random(n_rows) < probability).astype(float), probability


def test_a_share_near_its_end_has_at_least_the_error_of_two_imaginary_rows_more() -> None:
    nan = math.nan
    errors = np.array([0.0, 0.05, 0.001, 0.001, nan, nan])
    values = np.array([1.0, 0.5, 0.5, 0.9, 0.5, 0.5])
    trials = np.array([30.0, 100, 100, 40, 3, nan])
    raised = with_least_errors(errors, values, trials)
    # (30 + 2) of 34; fewer than 5 of 40 are wrong: (36 + 2) of 44; with 3 rows (1.5 + 2) of 7
    expected = [math.sqrt(32 * 2 / 34**3), 0.05, 0.001, math.sqrt(38 * 6 / 44**3), math.sqrt(0.25 / 7), nan]
    assert raised == pytest.approx(expected, nan_ok=True)


def test_thirty_right_answers_of_thirty_are_no_proof_of_a_perfect_model() -> None:
    label = np.tile([0, 1], 15)
    measured, _ = measure(BINARY, label, 0.1 + 0.8 * label, spec("AUC", "BinaryAccuracy", "Precision", "Recall"))
    assert interval(measured, "binary_accuracy").lower == pytest.approx(1 - 2.045 * math.sqrt(32 * 2 / 34**3), abs=1e-3)
    for metric in ("auc", "precision", "recall"):  # of 15
        assert interval(measured, metric).lower == pytest.approx(1 - 2.045 * math.sqrt(17 * 2 / 19**3), abs=1e-3)


def test_an_average_over_classes_is_known_no_better_than_the_rarest() -> None:
    label = np.array([0] * 20 + [1] * 18 + [2] * 4)
    score = np.eye(3)[label] * 0.9 + 0.03
    measured, _ = measure(THREE, label, score, spec("Recall", aggregate={"macro_average": True}))
    error = measured.errors[Role.CANDIDATE][0, 1]
    assert error == pytest.approx(math.sqrt(6 * 2 / 8**3), rel=1e-3)


@pytest.mark.parametrize(("base", "slope"), [(0.0, 1.2), (-2.5, 1.2), (0.0, 8.0)])
def test_intervals_hold_on_small_tables(base: float, slope: float) -> None:
    """Balanced, rare positives, nearly perfect: a lower bound is above the truth in at most some 5% of cases."""
    truth, _ = measure(BINARY, *binary(100_000, 1, base, slope), spec("AUC", "BinaryAccuracy"))
    for n_rows in (40, 120):
        too_high = {"auc": 0, "binary_accuracy": 0}
        for seed in range(100):
            measured, _ = measure(BINARY, *binary(n_rows, seed, base, slope), spec("AUC", "BinaryAccuracy"), seed=seed)
            for metric in too_high:
                found, real = interval(measured, metric), interval(truth, metric).value
                too_high[metric] += found.lower > real
        assert max(too_high.values()) <= 8


def test_a_rare_class_leaves_resamples_without_it_and_still_an_interval_where_there_can_be_one() -> None:
    label = np.array([1.0] * 3 + [0.0] * 97)  # e^-3 of the resamples have no positive row
    score = np.where(label == 1, 0.7, np.linspace(0.01, 0.8, 100))
    measured, decision = measure(BINARY, label, score, spec("AUC"))
    area = interval(measured, "auc")
    assert area.lower < area.value - 0.2
    assert math.isnan(interval(measured, "skill").lower)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "a class is too rare there" in decision.reasons[0].text


def test_a_plainly_good_model_is_blessed_on_thirty_rows() -> None:
    random = np.random.default_rng(0)
    label = np.tile([0, 1, 2], 10)
    score = random.dirichlet([1, 1, 1], 30) * 0.3 + 0.7 * np.eye(3)[label]
    score[4] = [0.6, 0.3, 0.1]  # one mistake
    assert measure(THREE, label, score)[1].verdict is Verdict.SUCCESSFUL
    estimate = label + random.normal(scale=0.4, size=30)
    assert measure(Task(kind="regression"), label, estimate)[1].verdict is Verdict.SUCCESSFUL


@pytest.mark.parametrize("n_rows", [20, 30, 100])
def test_a_model_no_better_than_a_constant_is_hardly_ever_blessed(n_rows: int) -> None:
    blessed = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        signal, noise = random.normal(size=(2, n_rows))
        label = random.random(n_rows) < 1 / (1 + np.exp(-1.2 * signal))
        score = 1 / (1 + np.exp(-1.2 * signal - 1.18 * noise))  # its noise costs what its signal saves: skill 0
        blessed += measure(BINARY, label, score, seed=seed)[1].verdict is Verdict.SUCCESSFUL
    assert blessed <= 12


def test_fewer_rows_than_twenty_bless_nothing() -> None:
    label = np.tile([0.0, 1.0], 9)
    _, decision = measure(BINARY, label, 0.1 + 0.8 * label)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "too few rows to judge (fewer than 20)" in decision.reasons[0].text

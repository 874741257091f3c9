"""Skill: what a model saves of the loss of the best constant answer, for each task."""

import math

import numpy as np
import pytest

from components.evaluator.kernel import Kernel
from components.evaluator.measurement import Role
from components.evaluator.metric_specs import PlannedMetric
from components.evaluator.metrics import skill_metric
from components.evaluator.plan import OVERALL
from components.evaluator.slices import Sliced
from penstock.artifacts.task import Task

BINARY, REGRESSION = Task(kind="binary"), Task(kind="regression")
THREE = Task(kind="multiclass", classes=("a", "b", "c"))


def skill(task: Task, label, score, codes=None, dtype=np.float64) -> list[float]:
    label, score = np.array(label, float), np.array(score, float)
    codes = np.zeros(len(label), np.int64) if codes is None else np.array(codes)
    keys = tuple((("group", int(code)),) for code in np.unique(codes))
    metric = PlannedMetric("skill", "Skill", known=skill_metric(task))
    kernel = Kernel(label, {Role.CANDIDATE: score}, [Sliced(OVERALL, keys, codes)], [metric])
    return kernel.evaluate(np.ones((len(label), 1), dtype=dtype))[Role.CANDIDATE][:, 0, 0].tolist()


def test_of_regression_it_is_the_coefficient_of_determination() -> None:
    # labels 1, 2, 6: mean 3, squares around it 4 + 1 + 9; errors 0, 1, 2: squares 5
    assert skill(REGRESSION, [1, 2, 6], [1, 3, 4]) == pytest.approx([1 - 5 / 14])
    assert skill(REGRESSION, [1, 2, 6], [3, 3, 3]) == pytest.approx([0])
    assert skill(REGRESSION, [1, 2, 6], [1, 2, 6]) == pytest.approx([1])
    assert skill(REGRESSION, [1, 2, 6], [9, 9, 9])[0] < 0


def test_of_two_classes_it_is_mcfaddens() -> None:
    # one of four is positive: the constant 1/4 costs log 4 once and log 4/3 three times
    null = math.log(4) + 3 * math.log(4 / 3)
    own = -math.log(0.7) - 3 * math.log(0.9)
    assert skill(BINARY, [1, 0, 0, 0], [0.7, 0.1, 0.1, 0.1]) == pytest.approx([1 - own / null], abs=1e-6)
    assert skill(BINARY, [1, 0, 0, 0], [0.25] * 4) == pytest.approx([0], abs=1e-6)
    assert skill(BINARY, [1, 0, 0, 0], [0.1, 0.9, 0.9, 0.9])[0] < -2


def test_of_several_classes_it_is_mcfaddens_too() -> None:
    null = 2 * math.log(2) + 2 * math.log(4)
    score = [[0.8, 0.1, 0.1], [0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]
    own = -sum(math.log(p) for p in (0.8, 0.5, 0.6, 0.7))
    assert skill(THREE, [0, 0, 1, 2], score) == pytest.approx([1 - own / null], abs=1e-6)
    assert skill(THREE, [0, 0, 1, 2], [[0.5, 0.25, 0.25]] * 4) == pytest.approx([0], abs=1e-6)


def test_a_slice_is_held_against_its_own_constant() -> None:
    # the model knows the groups' means and no more: good overall, no skill in either
    label, score, group = [1, 3, 101, 103], [2, 2, 102, 102], [0, 0, 1, 1]
    assert skill(REGRESSION, label, score) == pytest.approx([1 - 4 / 10004])
    assert skill(REGRESSION, label, score, group) == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("task", "label", "score"),
    [
        (BINARY, [1, 1], [0.9, 0.8]),
        (REGRESSION, [7, 7], [6, 8]),
        (THREE, [1, 1], [[0.1, 0.8, 0.1]] * 2),
    ],
)
def test_equal_labels_leave_it_undefined(task: Task, label: list[int], score: list[float]) -> None:
    assert math.isnan(skill(task, label, score)[0])


def test_large_numbers_lose_nothing_in_single_precision() -> None:
    years = 2_000_000 + np.arange(1000) % 10
    score = years + np.where(np.arange(1000) % 2, 1.0, -1.0)
    assert skill(REGRESSION, years, score, dtype=np.float32) == pytest.approx([1 - 1 / 8.25], abs=1e-4)
    alike = skill(REGRESSION, [*years, 5, 5], [*score, 4, 6], [0] * 1000 + [1] * 2, dtype=np.float32)
    assert math.isnan(alike[1])

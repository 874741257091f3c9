"""Calibration finds what was bent, and leaves alone what is right."""

import numpy as np
import pytest

from penstock.training import calibration
from penstock.training.settings import TrainingSettings
from penstock.training.targets import Target

BINARY = Target("binary", 1)


def labels_for(probabilities, rng):
    """Labels drawn with these probabilities, shape (n_rows, classes)."""
    return (probabilities.cumsum(axis=1) > rng.random((len(probabilities), 1))).argmax(axis=1).astype(np.float32)


def test_overconfident_logits_are_drawn_in_and_shifted_back():
    rng = np.random.default_rng(0)
    right = rng.normal(0, 1.5, (40_000, 1))
    labels = (rng.random(40_000) < 1 / (1 + np.exp(-right[:, 0]))).astype(np.float32)
    found = calibration.fit(BINARY, labels, 3 * right + 1)  # right = (given - 1) / 3
    assert found.slope == pytest.approx(1 / 3, abs=0.02) and found.intercept[0] == pytest.approx(-1 / 3, abs=0.04)
    assert BINARY.loss(labels, found((3 * right + 1).astype(np.float32))) < BINARY.loss(labels, 3 * right + 1) - 0.1
    same = calibration.fit(BINARY, labels, right)
    assert same.slope == pytest.approx(1.0, abs=0.05) and same.intercept[0] == pytest.approx(0.0, abs=0.05)


def test_several_classes_have_a_slope_and_an_intercept_each():
    rng = np.random.default_rng(1)
    right = rng.normal(0, 1.5, (40_000, 3))
    target = Target.fit(TrainingSettings(task="multiclass", classes=("a", "b", "c")), np.zeros(1))
    labels = labels_for(target.scores(right), rng)
    bent = 2 * right + np.array([1.0, 0.0, -1.0])
    found = calibration.fit(target, labels, bent)
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert np.array(found.intercept) - found.intercept[1] == pytest.approx([-0.5, 0.0, 0.5], abs=0.06)
    assert target.loss(labels, found(bent.astype(np.float32))) < target.loss(labels, bent)


def test_estimates_are_corrected_in_the_unit_of_the_label():
    target = Target.fit(TrainingSettings(task="regression"), np.array([0.0, 2.0]))  # mean 1, deviation 1
    answers = np.linspace(-3, 3, 4001)[:, None]
    labels = 2 * target.scores(answers)[:, 0] + 5
    found = calibration.fit(target, labels, answers)
    assert found.slope == pytest.approx(2.0, abs=0.01) and found.intercept[0] == pytest.approx(5.0, abs=0.01)


def test_a_few_rows_hardly_count_and_the_order_is_never_turned_round():
    logits = np.array([[3.0], [-3.0]])
    few = calibration.fit(BINARY, np.array([1.0, 0.0]), logits)
    assert few.slope == pytest.approx(1.0, abs=0.1)
    turned = calibration.fit(BINARY, np.tile([0.0, 1.0], 500), np.tile(logits, (500, 1)))
    assert turned.slope > 0
    assert calibration.neutral(2)(np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]

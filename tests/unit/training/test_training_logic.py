"""The trainer's decisions on numbers worked out by hand."""

import doctest

import numpy as np
import pytest

from components.trainer.logic import golden_rows
from penstock.sdk import PenstockError
from penstock.training import logic


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(logic).failed == 0


def test_auc_counts_pairs_and_halves_ties():
    # Pairs (positive, negative): (0.8, 0.3) won, (0.8, 0.5) won, (0.5, 0.3) won, (0.5, 0.5) tied: 3.5 of 4.
    labels, scores = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.8, 0.5, 0.3, 0.5])
    assert logic.auc(labels, scores) == 3.5 / 4
    assert logic.auc(labels, -scores) == 0.5 / 4
    assert logic.auc(np.zeros(3), np.arange(3)) == 0.5


def test_metrics_of_two_rows():
    measured = logic.metrics(np.array([1.0, 0.0]), np.array([0.8, 0.4]), "binary")
    assert measured["loss"] == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert measured["accuracy"] == 1.0 and measured["auc"] == 1.0
    assert logic.metrics(np.array([1.0, 3.0]), np.array([2.0, 1.0]), "regression") == {"loss": 2.5, "mae": 1.5}


def test_the_best_constant_is_the_mean():
    labels = np.array([1.0, 0.0, 0.0, 0.0])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert logic.best_constant_loss(labels, "binary") == pytest.approx(entropy)
    assert (
        logic.mean_loss(labels, np.full(4, 0.3), "binary")
        > entropy
        < logic.mean_loss(labels, np.full(4, 0.2), "binary")
    )
    # Weighted evenly, both classes count half, and the best answer is a half.
    weights = np.array([2.0, 2 / 3, 2 / 3, 2 / 3])
    assert logic.best_constant_loss(labels, "binary", weights) == pytest.approx(np.log(2))


def test_a_model_no_better_than_a_constant_is_refused_and_a_weak_one_is_not():
    logic.must_have_learnt(0.6998, 0.7, "10 steps")  # three ten-thousandths better
    for loss in (0.69998, 0.7, 0.8, float("nan")):
        with pytest.raises(
            PenstockError, match=r"learned nothing: after 10 steps its loss is .*always answering the mean"
        ):
            logic.must_have_learnt(loss, 0.7, "10 steps")


def test_rows_count_as_their_weights_say():
    labels, scores = np.array([1.0, 3.0]), np.array([2.0, 1.0])
    assert logic.mean_loss(labels, scores, "regression", np.array([3.0, 1.0])) == (3 * 1 + 1 * 4) / 4


def test_balanced_weights_give_both_classes_half():
    labels = np.array([1.0] * 3 + [0.0] * 9)
    weights = logic.class_weights(labels, "balanced")
    assert weights[labels == 1].sum() == pytest.approx(weights[labels == 0].sum()) == pytest.approx(6.0)
    with pytest.raises(PenstockError, match="needs both classes"):
        logic.class_weights(np.ones(4), "balanced")


def test_the_order_of_rows_hangs_on_seed_and_epoch_alone():
    first = logic.shuffled(100, 1, 0)
    assert sorted(first) == list(range(100)) and (first == logic.shuffled(100, 1, 0)).all()
    assert (first != logic.shuffled(100, 1, 1)).any() and (first != logic.shuffled(100, 2, 0)).any()


def test_a_handful_has_both_classes_and_spans_the_split():
    labels = np.array([0.0] * 90 + [1.0] * 10)
    few = logic.handful(labels, 8)
    assert labels[few].sum() == 4 and few[0] == 0 and few[-1] == 99


def test_golden_rows_hold_some_with_gaps():
    missing = np.zeros(1000, bool)
    missing[[10, 500]] = True
    chosen = golden_rows(missing, 64)
    assert len(chosen) == 64 and {10, 500} <= set(chosen) and chosen[0] == 0 and chosen[-1] == 999
    assert golden_rows(np.zeros(3, bool), 64).tolist() == [0, 1, 2]


def test_what_is_not_finite_or_does_not_fall_is_said():
    logic.must_be_finite("loss", [1.0, 2.0], "here")
    with pytest.raises(PenstockError, match="2 of 3 values of the loss are NaN or infinite between steps 0 and 3"):
        logic.must_be_finite("loss", [1.0, np.nan, np.inf], "between steps 0 and 3")
    logic.must_have_fallen(0.7, 0.6, "10 steps")
    for after in (0.7, float("nan")):
        with pytest.raises(PenstockError, match=r"did not fall: 0\.7 before"):
            logic.must_have_fallen(0.7, after, "10 steps")

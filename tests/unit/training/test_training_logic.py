"""The trainer's decisions on numbers worked out by hand."""

import doctest

import numpy as np
import pytest

from components.trainer.logic import golden_rows, must_be_servable
from penstock.sdk import BadInput, PenstockError
from penstock.training import checks, folds, logic, metrics, rows


@pytest.mark.parametrize("module", [folds, logic, metrics, rows])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_auc_counts_pairs_and_halves_ties():
    # Pairs (positive, negative): (0.8, 0.3) won, (0.8, 0.5) won, (0.5, 0.3) won, (0.5, 0.5) tied: 3.5 of 4.
    labels, scores = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.8, 0.5, 0.3, 0.5])
    assert metrics.auc(labels, scores) == 3.5 / 4
    assert metrics.auc(labels, -scores) == 0.5 / 4
    assert metrics.auc(np.zeros(3), np.arange(3)) == 0.5


def test_metrics_of_a_few_rows():
    assert metrics.metrics(np.array([1.0, 0.0]), np.array([[0.8], [0.4]]), "binary") == {"auc": 1.0, "accuracy": 1.0}
    # Errors 1 and -2 against labels with a variance of 1.
    measured = metrics.metrics(np.array([1.0, 3.0]), np.array([[2.0], [1.0]]), "regression")
    assert measured == {"mae": 1.5, "rmse": 2.5**0.5, "r2": -1.5}
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.3, 0.3]])
    assert metrics.metrics(np.array([0.0, 2.0, 1.0]), probabilities, "multiclass") == {"accuracy": 2 / 3}


def test_a_model_no_better_than_a_constant_is_refused_and_a_weak_one_is_not():
    checks.must_have_learnt(0.6998, 0.7, "10 steps")  # three ten-thousandths better
    for loss in (0.69998, 0.7, 0.8, float("nan")):
        with pytest.raises(
            PenstockError, match=r"learned nothing: after 10 steps its loss is .*always answering the mean"
        ):
            checks.must_have_learnt(loss, 0.7, "10 steps")


def test_balanced_weights_give_each_class_the_same_share():
    labels = np.array([1.0] * 3 + [0.0] * 9)
    weights = logic.class_weights(labels, "balanced")
    assert weights[labels == 1].sum() == pytest.approx(weights[labels == 0].sum()) == pytest.approx(6.0)
    labels = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 2.0])
    assert logic.class_weights(labels, "balanced", 3).tolist() == pytest.approx([2 / 3] * 3 + [2.0, 1.0, 1.0])
    with pytest.raises(PenstockError, match="needs every class in the training split; it lacks 0"):
        logic.class_weights(np.ones(4), "balanced")


def test_the_order_of_rows_hangs_on_seed_and_epoch_alone():
    first = logic.shuffled(100, 1, 0)
    assert sorted(first) == list(range(100)) and (first == logic.shuffled(100, 1, 0)).all()
    assert (first != logic.shuffled(100, 1, 1)).any() and (first != logic.shuffled(100, 2, 0)).any()


def test_a_cosine_rises_first_and_ends_near_nothing():
    rates = logic.rates("cosine", 0.1, 100)
    assert rates[:5].tolist() == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert (np.diff(rates[5:]) < 0).all() and 0 < rates[-1] < 1e-4
    assert logic.rates("constant", 0.1, 3).tolist() == pytest.approx([0.1] * 3)


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
    checks.must_be_finite("loss", [1.0, 2.0], "here")
    with pytest.raises(PenstockError, match="2 of 3 values of the loss are NaN or infinite between steps 0 and 3"):
        checks.must_be_finite("loss", [1.0, np.nan, np.inf], "between steps 0 and 3")
    checks.must_have_fallen(0.7, 0.6, "10 steps")
    for after in (0.7, float("nan")):
        with pytest.raises(PenstockError, match=r"did not fall: 0\.7 before"):
            checks.must_have_fallen(0.7, after, "10 steps")


def test_a_column_that_no_signature_can_take_is_told_before_training():
    must_be_servable(["age", "class_", "type"])
    with pytest.raises(BadInput, match=r"input called 'class'.*\(columns: \{class_: class\}\)"):
        must_be_servable(["age", "class"])

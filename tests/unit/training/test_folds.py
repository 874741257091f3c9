"""Which rows are held out: shares, proportions, and who looks at what."""

import numpy as np
import pytest

from penstock.sdk import PenstockError
from penstock.training.folds import divide, held_out, together
from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings


def rows(labels):
    labels = np.asarray(labels, np.float32)
    numbers = np.arange(len(labels), dtype=np.float32)[:, None]
    none = np.zeros((len(labels), 0), np.int32)
    return Rows(numbers, none, none, labels)


def settings(**given):
    return TrainingSettings(**{"holdout_fraction": 0.2, "holdout": "random", **given})


def test_without_a_hold_out_the_evaluation_rows_are_watched():
    data = divide(rows([0, 1, 0]), rows([1]), TrainingSettings())
    assert data.name == "eval" and len(data.watched) == 1 and data.watchers is None
    assert data.weights.tolist() == [[1.0], [1.0], [1.0]]
    alone = divide(rows([0, 1, 0]), None, TrainingSettings())
    assert alone.name == "train" and alone.watched is None


def test_the_last_rows_are_held_out_in_their_order():
    data = divide(rows([0, 1] * 5), None, settings(holdout="last", holdout_fraction=0.25, members=2))
    assert data.train.dense[:, 0].tolist() == list(range(7)) and data.watched.dense[:, 0].tolist() == [7, 8, 9]
    assert data.watchers.all() and (data.weights == 1.0).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_hold_out_has_all_labels_in_their_proportions(seed):
    labels = np.sort(np.repeat([0, 1, 2], [600, 300, 100]))  # a file sorted by its label
    out = held_out(labels, settings(seed=seed))[:, 0]
    shares = [out[labels == label].mean() for label in range(3)]
    assert out.mean() == pytest.approx(0.2, abs=0.003) and shares == pytest.approx([0.2] * 3, abs=0.02)


def test_members_leave_out_other_rows_and_together_all_of_them():
    out = held_out(np.tile([0, 1], 200), settings(members=5))
    assert out.mean(axis=0) == pytest.approx([0.2] * 5, abs=0.01)
    assert (out.sum(axis=1) == 1).all()  # five fifths: each row is left out by just one
    data = divide(rows(np.tile([0, 1], 200)), None, settings(members=5))
    assert len(data.train) == len(data.watched) == 400 and data.name == "holdout"
    assert (data.weights[data.watchers] == 0).all()
    assert data.weights.mean(axis=0) == pytest.approx([1.0] * 5, abs=1e-5)


def test_another_seed_holds_out_other_rows():
    first, again, other = (held_out(np.zeros(500), settings(seed=seed)) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_an_answer_is_of_members_that_have_not_seen_the_row():
    answers = np.array([[[1.0], [2.0]], [[5.0], [4.0]]], np.float32)  # two members, two rows
    assert together(answers, np.array([[True, False], [False, True]])).tolist() == [[1.0], [4.0]]


def test_a_share_too_small_to_hold_anything_out_is_told():
    few = settings(holdout_fraction=0.001)
    with pytest.raises(PenstockError, match=r"holdout_fraction 0\.001 holds none of 20 rows out"):
        divide(rows([0, 1] * 10), None, few)


def test_nothing_left_to_train_on_is_told():
    with pytest.raises(PenstockError, match=r"holdout_fraction 0\.9 leaves none of 3 rows to train on"):
        divide(rows([0, 1, 0]), None, settings(holdout="last", holdout_fraction=0.9))

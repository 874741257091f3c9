"""Losses and scores on numbers worked out by hand, and the graph's against the arrays'."""

import numpy as np
import pytest
import tensorflow as tf

from penstock.training.settings import TrainingSettings
from penstock.training.targets import Target

THREE = TrainingSettings(task="multiclass", classes=("a", "b", "c"))


def target(labels, **settings):
    return Target.fit(TrainingSettings(**settings), np.array(labels, np.float32))


def test_log_loss_and_probability_of_two_rows():
    logits = np.log(np.array([[4.0], [0.25]]))  # odds of 4 to 1 and 1 to 4: probabilities 0.8 and 0.2
    binary, labels = target([0, 1]), np.array([1.0, 1.0])
    assert binary.scores(logits)[:, 0].tolist() == pytest.approx([0.8, 0.2])
    assert binary.losses(labels, logits).tolist() == pytest.approx([-np.log(0.8), -np.log(0.2)])
    assert binary.loss(labels, logits, np.array([3.0, 1.0])) == pytest.approx(-(3 * np.log(0.8) + np.log(0.2)) / 4)


def test_log_loss_and_probabilities_of_three_classes():
    logits = np.log(np.array([[1.0, 1.0, 2.0]]))
    several = Target.fit(THREE, np.array([0.0, 1.0, 2.0]))
    assert several.outputs == 3
    assert several.scores(logits)[0].tolist() == pytest.approx([0.25, 0.25, 0.5])
    assert several.losses(np.array([2.0]), logits).tolist() == pytest.approx([np.log(2)])


def test_a_number_is_taught_scaled_and_answered_in_its_own_unit():
    scaled = target([1, 3], task="regression")  # mean 2, deviation 1
    assert scaled.taught(np.array([1.0, 3.0, 5.0])).tolist() == [-1.0, 1.0, 3.0]
    assert scaled.scores(np.array([[-1.0], [3.0]]))[:, 0].tolist() == [1.0, 5.0]
    assert scaled.loss(np.array([1.0, 5.0]), np.array([[-1.0], [1.0]])) == 2.0
    plain = target([1, 3], task="regression", target_scaling="none")
    assert plain.taught(np.array([7.0])).tolist() == [7.0] and plain.scores(np.array([[7.0]]))[0, 0] == 7.0


def test_a_logarithm_is_taken_back_and_never_leaves_what_was_seen():
    log = target([0, np.e**2 - 1], task="regression", target_scaling="log1p")  # logarithms 0 and 2: mean 1, deviation 1
    assert log.taught(np.array([np.e - 1])).tolist() == pytest.approx([0.0], abs=1e-6)
    assert log.scores(np.array([[0.0], [1.0], [50.0], [-50.0]]))[:, 0].tolist() == pytest.approx(
        [np.e - 1, np.e**2 - 1, np.e**2 - 1, 0.0], abs=1e-5
    )


def test_a_network_starts_at_the_best_constant_answer():
    labels, even = np.array([1.0, 0.0, 0.0, 0.0]), np.ones(4)
    binary = target(labels)
    start = np.tile(binary.start(labels, even), (4, 1))
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert binary.loss(labels, start) == pytest.approx(entropy)
    assert binary.loss(labels, start + 0.1) > entropy < binary.loss(labels, start - 0.1)
    assert binary.start(labels, np.array([3.0, 1.0, 1.0, 1.0]))[0] == pytest.approx(0.0)  # weighted evenly: a half
    several = Target.fit(THREE, np.array([0.0, 0.0, 1.0, 2.0]))
    start = several.start(np.array([0.0, 0.0, 1.0, 2.0]), even)
    assert several.scores(start[None])[0].tolist() == pytest.approx([0.5, 0.25, 0.25])
    assert target([1, 3], task="regression").start(np.array([1.0, 3.0]), np.ones(2)).tolist() == [0.0]


@pytest.mark.parametrize(
    "settings",
    [{}, {"task": "multiclass", "classes": ("a", "b", "c")}, {"task": "regression"},
     {"task": "regression", "target_scaling": "log1p"}],
    ids=["binary", "multiclass", "regression", "log1p"],
)  # fmt: skip
def test_the_graph_computes_what_the_arrays_say(settings):
    rng = np.random.default_rng(0)
    classes = {"multiclass": 3, "regression": 9}.get(settings.get("task"), 2)
    labels = rng.integers(0, classes, 50).astype(np.float32)
    found = Target.fit(TrainingSettings(**settings), labels)
    answers = rng.normal(0, 2, (2, 50, found.outputs)).astype(np.float32)  # two members
    losses = found.graph_losses(tf.constant(found.taught(labels)), tf.constant(answers)).numpy()
    for member in range(2):
        assert losses[member] == pytest.approx(found.losses(labels, answers[member]), rel=1e-4, abs=1e-5)
    scores = found.graph_scores(tf.constant(answers[0])).numpy()
    assert scores == pytest.approx(found.scores(answers[0]), rel=1e-4, abs=1e-5)

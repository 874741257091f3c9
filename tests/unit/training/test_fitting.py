"""Training as a whole on small tables whose law is known."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from penstock.artifacts.features import FeatureSpec, TransformedFeature
from penstock.sdk import BadInput, PenstockError
from penstock.training.calibration import Calibration
from penstock.training.fitting import fit
from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings

SPEC = FeatureSpec(
    label="y",
    raw={},
    transformed={
        "place": TransformedFeature(kind="dense", width=3),
        "size": TransformedFeature(kind="dense"),
        "kind": TransformedFeature(kind="index", size=4),
        "words": TransformedFeature(kind="tokens", size=6, width=5),
    },
)
BASE = {"hidden_units": (16,), "batch_size": 32, "epochs": 15, "learning_rate": 0.02, "optimizer": "adamw",
        "schedule": "cosine", "patience": 15, "holdout_fraction": 0.2, "holdout": "random"}  # fmt: skip


def table(law, rows=600, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(rows, 4)).astype(np.float32)
    index = rng.integers(0, 4, (rows, 1)).astype(np.int32)
    tokens = rng.integers(1, 6, (rows, 5)).astype(np.int32) * (np.arange(5) < rng.integers(0, 6, (rows, 1)))
    return Rows(dense, index, tokens.astype(np.int32), law(dense, index, tokens, rng).astype(np.float32))


def by_kind(dense, index, tokens, rng):
    return index[:, 0] % 3


def by_word(dense, index, tokens, rng):
    return (tokens == 3).any(axis=1)


def by_product(dense, index, tokens, rng):
    return dense[:, 0] * dense[:, 3] + index[:, 0]


def scores(fitted, rows):
    return fitted.scores(*(tf.constant(matrix) for matrix in rows.matrices)).numpy()


def trained(law, rows=600, **settings):
    fitted = fit(TrainingSettings(**{**BASE, **settings}), SPEC, table(law, rows), table(law, 300, seed=1))
    return fitted, fitted.history[fitted.kept]


def test_several_classes_are_learnt_and_their_probabilities_sum_to_one():
    fitted, kept = trained(by_kind, task="multiclass", classes=("a", "b", "c"), calibration="linear")
    assert kept["eval"]["accuracy"] == 1.0 and set(kept) == {"epoch", "steps", "train", "eval", "holdout"}
    rows = table(by_kind, 50, seed=2)
    found = scores(fitted, rows)
    assert found.shape == (50, 3) and found.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)
    assert (found.argmax(axis=1) == rows.label).all()


def test_words_are_learnt_wherever_they_stand():
    assert trained(by_word)[1]["eval"]["auc"] > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["linear", "wide_and_deep"])
def test_a_sum_is_enough_for_a_linear_model_and_a_product_is_not(architecture):
    _, kept = trained(by_product, 1500, task="regression", architecture=architecture, members=4, hidden_units=(32, 32))
    assert (kept["eval"]["r2"] > 0.9) == (architecture == "wide_and_deep")
    assert kept["eval"]["r2"] > 0.4


@pytest.mark.slow
def test_a_mean_of_members_is_better_than_one_on_noisy_rows():
    def noisy(dense, index, tokens, rng):
        return dense[:, 0] + np.abs(dense[:, 1]) + rng.normal(0, 1.0, len(dense))

    def explained(members):
        made = (trained(noisy, 250, task="regression", members=members, seed=seed) for seed in (1, 2, 3))
        return np.mean([measured["eval"]["r2"] for _, measured in made])

    assert explained(8) > explained(1) + 0.01


@pytest.mark.slow
def test_classes_count_equally_when_balanced_and_calibration_makes_up_for_it():
    def rare(dense, index, tokens, rng):
        return rng.random(len(dense)) < 0.1 / (1 + np.exp(-dense[:, 0]))

    rows = table(rare, 2000, seed=3)
    found = {
        name: scores(trained(rare, 2000, epochs=5, **given)[0], rows).mean()
        for name, given in {"plain": {}, "balanced": {"class_weights": "balanced"},
                            "calibrated": {"class_weights": "balanced", "calibration": "linear"}}.items()
    }  # fmt: skip
    assert found["balanced"] > 0.3 and found["calibrated"] < 0.1 and found["plain"] < 0.1


def test_equal_arguments_give_equal_bits_and_another_seed_does_not():
    settings = {"members": 3, "dropout": 0.2, "epochs": 3, "calibration": "linear"}
    rows = table(by_word, 100, seed=1)
    first, again, other = (scores(trained(by_word, seed=seed, **settings)[0], rows) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


class _Killed(Exception):
    pass


def test_stopped_in_the_middle_it_goes_on_to_the_same_bits(tmp_path):
    settings = TrainingSettings(**BASE, members=2, dropout=0.1)
    rows = table(by_word, 300)

    def die(epoch, loss):
        if epoch == 4:
            raise _Killed

    with pytest.raises(_Killed):
        fit(settings, SPEC, rows, checkpoint=tmp_path, on_epoch=die)
    told = []
    resumed = fit(settings, SPEC, rows, checkpoint=tmp_path, on_epoch=lambda epoch, loss: told.append(epoch))
    assert told[0] == 5
    undisturbed = fit(settings, SPEC, rows)
    assert (scores(resumed, rows) == scores(undisturbed, rows)).all() and resumed.losses == undisturbed.losses


def test_calibrated_estimates_stay_within_the_labels_seen_too():
    law = lambda dense, index, tokens, rng: np.expm1(np.maximum(dense[:, 0], 0) * 2)  # noqa: E731
    fitted, _ = trained(law, task="regression", target_scaling="log1p", epochs=4)
    steep = replace(fitted, calibration=Calibration(1.5, (-0.5,)))
    seen, extreme = table(law).label, table(law, 300, seed=3)
    extreme.dense[:, 0] *= 50
    found = scores(steep, extreme)
    assert (found.min(), found.max()) == pytest.approx((seen.min(), seen.max()))


def test_whoever_watches_can_end_it():
    seen = []
    settings = TrainingSettings(**BASE)
    fitted = fit(settings, SPEC, table(by_word), on_epoch=lambda epoch, loss: seen.append((epoch, loss)) or epoch == 3)
    assert [epoch for epoch, _ in seen] == [1, 2, 3] and len(fitted.losses) == 3
    assert fitted.loss == min(loss for _, loss in seen)


def test_rows_that_cannot_be_told_apart_are_not_held_against_the_network():
    def vague(dense, index, tokens, rng):
        dense[:], tokens[:] = 0, 0
        return rng.random(len(dense)) < 0.2 + 0.2 * index[:, 0]

    assert trained(vague, 1000, epochs=5)[1]["eval"]["auc"] > 0.65


@pytest.mark.slow
def test_a_table_without_any_law_ends_in_one_clear_error_or_a_model_like_a_constant():
    def chance(dense, index, tokens, rng):
        return rng.random(len(dense)) < 0.5

    try:
        _, kept = trained(chance, 300, members=4)
    except PenstockError as error:
        assert "learned nothing" in str(error) or "did not fall" in str(error)
    else:
        assert kept["holdout"]["auc"] < 0.65
    with pytest.raises(PenstockError, match="have the label 1: there is nothing to learn"):
        trained(lambda dense, *_: np.ones(len(dense)))


AUTHOR = """
import keras

def model_fn(inputs, features, settings):
    x = keras.layers.Concatenate()([inputs["place"], inputs["size"]])
    kind = keras.layers.Embedding(features["kind"].size, 2)(inputs["kind"])
    words = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(features["words"].size, 2)(inputs["words"]))
    x = keras.layers.Concatenate()([x, kind, words])
    x = keras.layers.BatchNormalization()(x)
    for units in settings.hidden_units:
        x = keras.layers.Dense(units, "relu")(x)
    return keras.layers.Dense(3)(x)
"""


def test_the_authors_own_network_is_trained_like_any_other():
    given = {"task": "multiclass", "classes": ("a", "b", "c"), "model_fn": AUTHOR, "calibration": "linear"}
    fitted, kept = trained(by_kind, **given)
    assert kept["eval"]["accuracy"] > 0.97
    again = trained(by_kind, **given)[0]
    rows = table(by_kind, 50, seed=2)
    assert (scores(fitted, rows) == scores(again, rows)).all()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def model_fn(:", r"model_fn, line 1: SyntaxError: invalid syntax"),
        ("import nothing_such", r"model_fn, line 1: ModuleNotFoundError: No module named 'nothing_such'"),
        ("x = 1", r"model_fn: the module defines no function 'model_fn\(inputs, features, settings\)'"),
        ("def model_fn(inputs, features, settings):\n    return inputs['nose']", r"model_fn, line 2: KeyError: 'nose'"),
        (
            "def model_fn(inputs, features, settings):\n    return inputs['place']",
            r"model_fn: must return a tensor of shape \(n, 1\), it has \(None, 3\)",
        ),
        ("def model_fn(inputs, features, settings):\n    return None", r"model_fn.*shape"),
    ],
)
def test_what_is_wrong_with_the_authors_module_is_said_in_one_line(source, message):
    with pytest.raises(BadInput, match=message):
        trained(by_word, model_fn=source)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"task": "multiclass"}, "task 'multiclass' needs 'classes'"),
        ({"classes": ["a", "b", "c"]}, "task 'binary' has no 3 'classes'"),
        ({"classes": ["a", "a"]}, "'classes' names one twice"),
        ({"calibration": "linear"}, "'calibration' learns from rows held out; give a 'holdout_fraction'"),
        ({"target_scaling": "log1p"}, "'target_scaling' is for task 'regression'"),
        ({"model_fn": AUTHOR, "members": 2}, "'model_fn' makes one network"),
    ],
)
def test_settings_that_do_not_go_together_are_bad_input(given, message):
    with pytest.raises(BadInput, match=message):
        TrainingSettings.parse(given, "train")


def test_the_network_shown_in_the_readme_learns():
    readme = (Path(__file__).parents[3] / "components/trainer/README.md").read_text()
    source = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    features = {"age": TransformedFeature(kind="dense"), "income": TransformedFeature(kind="dense"),
                "city": TransformedFeature(kind="index", size=4)}  # fmt: skip
    rows = table(by_product)
    rows = Rows(rows.dense[:, :2], rows.index, rows.tokens[:, :0], (rows.dense[:, 0] > 0).astype(np.float32))
    spec = FeatureSpec(label="y", raw={}, transformed=features)
    fitted = fit(TrainingSettings(**{**BASE, "epochs": 5}, model_fn=source), spec, rows)
    assert fitted.history[fitted.kept]["holdout"]["auc"] > 0.95

"""The best parameters of a search take the place of the pipeline's own."""

from pathlib import Path

import pytest

from components.trainer import logic
from components.trainer.main import SPEC, run
from components.trainer.spec import TrainerParams
from penstock.artifacts import Tuning
from penstock.artifacts.tuning import Study
from penstock.sdk import BadInput
from penstock.sdk.testkit import run_component


def study(**best) -> Study:
    return Study(objective="loss", direction="minimize", space={}, trials=(), best=0, best_parameters=best)


def test_they_go_before_what_the_pipeline_says():
    params = TrainerParams(epochs=3, learning_rate=0.5, hidden_units=(4,))
    tuned = logic.tuned(params, study(learning_rate=0.01, hidden_units=[16, 8]))
    assert tuned == TrainerParams(epochs=3, learning_rate=0.01, hidden_units=(16, 8))


@pytest.mark.parametrize(
    ("best", "message"),
    [
        ({"learning_rat": 0.1}, "tuning: learning_rat: unknown key; did you mean 'learning_rate'?"),
        ({"dropout": 1.5}, "tuning: dropout: input should be less than 1"),
        ({"class_weights": "balanced"}, "tuning: .*'class_weights' is for classes"),
        ({}, "tuning: no trial came to its end"),
    ],
)
def test_what_the_trainer_cannot_use_is_told(best, message):
    with pytest.raises(BadInput, match=message):
        logic.tuned(TrainerParams(task="regression"), study(**best))


@pytest.mark.slow
def test_the_model_says_what_it_was_trained_with(inputs, tmp_path: Path):
    tuning = Tuning(tmp_path / "tuning")
    tuning.write(study(hidden_units=[3], epochs=2))
    given = {**inputs, "tuning": tuning}
    params = {"epochs": 1, "batch_size": 256, "learning_rate": 0.01}
    made = run_component(SPEC, run, tmp_path / "tuned", params=params, inputs=given).outputs["model"]
    plain = {**params, "hidden_units": [3], "epochs": 2}
    same = run_component(SPEC, run, tmp_path / "plain", params=plain, inputs=inputs).outputs["model"]
    assert made.digest == same.digest
    assert made.metadata["epochs"] == 2
    assert made.metadata["tuned"] == "epochs=2, hidden_units=[3]"
    assert made.metadata["tuning_digest"].startswith("sha256:")
    assert "tuned" not in same.metadata

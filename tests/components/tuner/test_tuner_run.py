"""The tuner as a component: on real files, with real trainings."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from components.tuner.main import run
from components.tuner.spec import SPEC
from penstock.artifacts import Tuning
from penstock.artifacts.tuning import Study
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.testkit import run_component

sys.path.append(str(Path(__file__).parent))
from rows import write_rows

PARAMS: dict[str, Any] = {
    "base": {"epochs": 3, "batch_size": 64, "hidden_units": [8]},
    "space": {
        "learning_rate": {"kind": "float", "low": 1e-5, "high": 0.03, "log": True},
        "hidden_units": {"kind": "categorical", "choices": [[4], [8]]},
    },
    "trials": 5,
    "pruner": "none",
}


def tune(folder: Path, given: dict[str, Any], params: dict[str, Any], scratch: Path | None = None) -> Tuning:
    return run_component(SPEC, run, folder, params=params, inputs=given, scratch=scratch).outputs["tuning"]


@pytest.mark.slow
def test_finds_a_better_learning_rate_than_the_one_given(tmp_path: Path) -> None:
    params = {**PARAMS, "base": {**PARAMS["base"], "learning_rate": 1e-5}}
    tuning = tune(tmp_path / "out", write_rows(tmp_path), params)
    study = tuning.read()
    assert study.trials[0].parameters == {"learning_rate": 1e-5, "hidden_units": [8]}
    best = study.trials[study.best]
    assert best.value < study.trials[0].value - 0.01
    assert study.best_parameters["learning_rate"] > 1e-4
    assert all(len(trial.losses) == 3 for trial in study.trials if trial.state == "complete")
    assert best.value == best.losses[-1]
    metadata = {k: v for k, v in tuning.metadata.items() if k not in ("kind", "digest", "transformed_examples_digest")}
    assert metadata == {
        "trials": 5,
        "pruned": 0,
        "failed": sum(trial.state == "failed" for trial in study.trials),
        "earlier": 0,
        "objective": "loss",
        "best": best.value,
        "stopped_by": "trials",
    }
    assert metadata["failed"] < 5


def test_never_opens_what_models_are_judged_on(tmp_path: Path) -> None:
    """Without those files, the same bytes come out."""
    given = write_rows(tmp_path)
    params = {**PARAMS, "trials": 2, "pruner": "median"}
    whole = tune(tmp_path / "whole", given, params)
    transformed = given["transformed_examples"].path
    (transformed / "Split-eval" / "part-00000.parquet").write_bytes(b"not Parquet at all")
    for part in (transformed / "Split-test").iterdir():
        part.unlink()
    poisoned = tune(tmp_path / "poisoned", given, params)
    assert whole.digest == poisoned.digest
    assert whole.metadata["transformed_examples_digest"] != poisoned.metadata["transformed_examples_digest"]


@pytest.mark.slow
def test_folds_measure_every_row(tmp_path: Path) -> None:
    given = write_rows(tmp_path, rows=400)
    params = {**PARAMS, "trials": 1, "holdout": "folds", "folds": 2}
    study = tune(tmp_path / "loss", given, params).read()
    assert len(study.trials[0].losses) == 3
    assert study.trials[0].value == pytest.approx(study.trials[0].losses[-1])
    ranked = tune(tmp_path / "auc", given, {**params, "objective": "auc"}).read()
    assert ranked.trials[0].losses == study.trials[0].losses
    assert 0.5 < ranked.trials[0].value < 1


def test_the_authors_own_network_is_searched(tmp_path: Path) -> None:
    source = """
import keras

def model_fn(inputs, features, settings):
    side = keras.ops.stack([inputs["x"][:, 0], inputs["noise"][:, 0]], axis=1)
    return keras.layers.Dense(1)(keras.layers.Dense(settings.embedding_max, "relu")(side))
"""
    space = {"embedding_max": {"kind": "categorical", "choices": [4, 8]}}
    params = {**PARAMS, "base": {"epochs": 3, "batch_size": 64}, "model_fn": source, "space": space, "trials": 2}
    study = tune(tmp_path / "out", write_rows(tmp_path), params).read()
    assert {trial.state for trial in study.trials} == {"complete"}
    assert study.best_parameters["embedding_max"] in (4, 8)
    with pytest.raises(BadInput, match="model_fn, line 2: NameError: name 'nothing' is not defined"):
        tune(tmp_path / "bad", write_rows(tmp_path), {**params, "model_fn": "def model_fn(i, f, s):\n    nothing"})


def test_refuses_a_split_that_is_not_there_and_labels_that_do_not_suit(tmp_path: Path) -> None:
    given = write_rows(tmp_path)
    with pytest.raises(BadInput, match="there is no split 'trian'; there are eval, test, train"):
        tune(tmp_path / "out", given, {**PARAMS, "base": {"train_split": "trian"}})
    with pytest.raises(BadInput, match="judged on"):
        tune(tmp_path / "out", given, {**PARAMS, "base": {"train_split": "test"}})
    assert not (tmp_path / "out" / "tuning").exists()


def test_fails_where_no_training_succeeds(tmp_path: Path) -> None:
    params = {
        **PARAMS,
        "trials": 1,
        "base": {"epochs": 1, "max_steps": 1, "learning_rate": 1e9},
        "space": {"learning_rate": {"kind": "float", "low": 1e8, "high": 1e9}},
    }
    with pytest.raises(PenstockError, match=r"none of 1 trials came to its end: .*loss"):
        tune(tmp_path / "out", write_rows(tmp_path), params)
    assert not (tmp_path / "out" / "tuning").exists()


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    params = {**PARAMS, "pruner": "hyperband", "trials": 4}
    write_rows(tmp_path)

    def start(name: str) -> subprocess.Popen[bytes]:
        (tmp_path / name / "scratch").mkdir(parents=True, exist_ok=True)
        program = [sys.executable, str(Path(__file__).with_name("rows.py"))]
        arguments = [str(tmp_path), str(tmp_path / name / "scratch"), json.dumps(params)]
        root = Path(__file__).parents[3]
        return subprocess.Popen(
            [*program, *arguments], env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
        )

    assert start("straight").wait(120) == 0
    straight = Study.model_validate_json((tmp_path / "straight" / "out" / "tuning" / "study.json").read_text())

    journal = tmp_path / "killed" / "scratch" / "trials.jsonl"
    process = start("killed")
    while not (journal.exists() and journal.read_text().count("\n") >= 2):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert not (tmp_path / "killed" / "out" / "tuning").exists()
    before = journal.read_text()
    assert before.count("\n") < 4
    assert start("killed").wait(120) == 0
    assert journal.read_text().startswith(before[: before.rfind("\n") + 1])
    assert Study.model_validate_json((tmp_path / "killed" / "out" / "tuning" / "study.json").read_text()) == straight

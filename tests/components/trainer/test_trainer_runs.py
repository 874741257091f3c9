"""The trainer as a whole on real flights: what it writes, how well it learns, and that it is repeatable."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.trainer.main import SPEC, run
from penstock.artifacts.features import dense_column
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.testkit import run_component

ROOT = Path(__file__).parents[3]
SERVING_PYTHON = ROOT / ".venv-serving/bin/python"
PARAMS = {"epochs": 3, "batch_size": 64, "hidden_units": [16]}


@pytest.fixture(scope="module")
def model(inputs, tmp_path_factory):
    return run_component(SPEC, run, tmp_path_factory.mktemp("model"), params=PARAMS, inputs=inputs).outputs["model"]


def own_process(inputs, folder, scratch, params, cores=64):
    """The command that trains in a process of its own, with a hash seed of its own."""
    given = {n: {"artifacts": [{"uri": str(a.path), "metadata": {"kind": a.kind}}]} for n, a in inputs.items()}
    document = {
        "inputs": {"parameterValues": params, "artifacts": given},
        "outputs": {"artifacts": {"model": {"artifacts": [{"uri": str(folder / "model")}]}}},
    }
    scratch.mkdir(parents=True, exist_ok=True)
    arguments = json.dumps({"document": document, "scratch": str(scratch), "cores": cores})
    command = [sys.executable, str(Path(__file__).with_name("train_once.py")), arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_it_learns_and_says_how_well(model, inputs):
    history = model.read_json("history.json")
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    rows = inputs["examples"].rows("train")
    assert history[-1]["steps"] == 3 * -(-rows // 64) == model.metadata["steps"]
    assert history[-1]["train"]["loss"] < history[0]["train"]["loss"]
    assert history[-1]["train"]["auc"] > 0.65
    assert model.metadata["eval_auc"] == history[-1]["eval"]["auc"] > 0.55
    assert model.metadata["rows"] == rows and model.metadata["seed"] == 1 and model.metadata["device"]


def test_golden_rows_are_real_rows_with_scores_and_gaps(model, inputs):
    golden, raw = model.read_json("golden.json"), model.read_json("features.json")["raw"]
    assert len(golden["rows"]) == len(golden["scores"]) == 64
    columns = {}
    for name, type_ in raw.items():
        values = dense_column(inputs["examples"].read("eval", [name]).column(name), type_).tolist()
        columns[name] = [v.decode() or None if type_ == "string" else None if math.isnan(v) else v for v in values]
    real = set(zip(*(columns[name] for name in sorted(raw)), strict=True))
    assert {tuple(row[name] for name in sorted(raw)) for row in golden["rows"]} <= real
    assert any(None in row.values() for row in golden["rows"])
    assert all(0 < score < 1 for score in golden["scores"])


def test_equal_seeds_give_equal_bytes(model, inputs, tmp_path):
    again = run_component(SPEC, run, tmp_path / "again", params=PARAMS, inputs=inputs).outputs["model"]
    other = run_component(SPEC, run, tmp_path / "other", params={**PARAMS, "seed": 2}, inputs=inputs).outputs["model"]
    assert again.digest == model.digest != other.digest


@pytest.mark.slow
def test_the_same_bytes_in_another_process_and_folder_on_fewer_cores(inputs, tmp_path):
    digests = []
    for cores in (1, len(os.sched_getaffinity(0))):
        folder = tmp_path / f"cores_{cores}" / "deeper"
        process = own_process(inputs, folder, folder / "scratch", PARAMS, cores)
        digests.append(process.communicate(timeout=120)[0].split()[-1])
    assert digests[0] == digests[1] and digests[0].startswith("sha256:")


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(inputs, tmp_path):
    params = {**PARAMS, "epochs": 40, "patience": 30, "dropout": 0.2, "checkpoint_steps": 20}
    undisturbed = own_process(inputs, tmp_path / "undisturbed", tmp_path / "scratch_1", params)
    expected = undisturbed.communicate(timeout=120)[0].split()

    killed = own_process(inputs, tmp_path / "killed", tmp_path / "scratch_2", params)
    told = [int(killed.stdout.readline()) for _ in range(30)]
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed/model").exists()

    resumed = own_process(inputs, tmp_path / "killed", tmp_path / "scratch_2", params)
    output = resumed.communicate(timeout=120)[0].split()
    assert int(output[0]) > told[-1] - 40  # it did not begin again: at most a checkpoint and a call are repeated
    assert len(output) < len(expected)
    assert output[-1] == expected[-1]


def test_early_stopping_keeps_the_best_weights(inputs, tmp_path):
    params = {**PARAMS, "epochs": 30, "patience": 2, "learning_rate": 0.02, "holdout_fraction": 0.2}
    made = run_component(SPEC, run, tmp_path, params=params, inputs=inputs).outputs["model"]
    losses = [entry["holdout"]["loss"] for entry in made.read_json("history.json")]
    assert len(losses) < 30 and losses.index(min(losses)) == len(losses) - 3
    assert made.metadata["holdout_loss"] == min(losses)


def test_balanced_classes_raise_the_scores_of_the_rare_one(model, inputs, tmp_path):
    params = {**PARAMS, "class_weights": "balanced", "l2": 1e-4, "dropout": 0.1, "optimizer": "adamw"}
    balanced = run_component(SPEC, run, tmp_path, params=params, inputs=inputs).outputs["model"]
    plain = model.read_json("golden.json")["scores"]
    raised = balanced.read_json("golden.json")["scores"]
    assert sum(raised) > 1.3 * sum(plain)
    assert abs(balanced.metadata["eval_auc"] - model.metadata["eval_auc"]) < 0.08


def test_steps_can_be_limited(inputs, tmp_path):
    params = {**PARAMS, "epochs": 5, "max_steps": 70}
    made = run_component(SPEC, run, tmp_path, params=params, inputs=inputs).outputs["model"]
    assert made.metadata["steps"] == 70
    assert made.read_json("history.json")[-1]["epoch"] == 2


def test_a_training_that_cannot_work_is_refused_with_a_reason(inputs, tmp_path):
    with pytest.raises(PenstockError, match=r"loss.*NaN or infinite|did not fall|by heart"):
        params = {**PARAMS, "optimizer": "sgd", "learning_rate": 1e12}
        run_component(SPEC, run, tmp_path / "hot", params=params, inputs=inputs)
    with pytest.raises(BadInput, match=r"no split 'test'; there are eval, train"):
        run_component(SPEC, run, tmp_path / "split", params={"eval_split": "test"}, inputs=inputs)
    assert not list(tmp_path.glob("*/model"))


@pytest.mark.parametrize("params", [{"l2": 10.0, "learning_rate": 0.02}, {"learning_rate": 1.0}], ids=["l2", "rate"])
def test_a_model_that_fell_back_to_a_constant_is_refused(inputs, tmp_path, params):
    with pytest.raises(PenstockError, match=r"learned nothing.*always answering the mean|loss did not fall|by heart"):
        run_component(SPEC, run, tmp_path, params={**PARAMS, **params}, inputs=inputs)
    assert not (tmp_path / "model").exists()


def test_little_training_is_no_false_alarm(inputs, tmp_path):
    for weights in ("none", "balanced"):
        params = {**PARAMS, "max_steps": 3, "class_weights": weights}
        made = run_component(SPEC, run, tmp_path / weights, params=params, inputs=inputs).outputs["model"]
        assert made.metadata["steps"] == 3


@pytest.mark.parametrize(
    ("labels", "task", "message"),
    [
        ([0], "binary", "training rows have the label 0: there is nothing to learn"),
        ([0, 1, None], "binary", r"the label 'late' of split 'train' is missing or not finite in \d+ rows"),
        ([0, 1, None], "regression", r"the label 'late' of split 'train' is missing or not finite in \d+ rows"),
    ],
)
def test_labels_that_teach_nothing_are_told(inputs, tmp_path, labels, task, message):
    import pyarrow as pa

    from penstock.artifacts import TransformedExamples

    given = inputs["transformed_examples"]
    changed = TransformedExamples(tmp_path / "changed")
    for split in given.splits():
        table = given.read(split)
        column = pa.array([labels[row % len(labels)] for row in range(table.num_rows)], table.column("late").type)
        changed.write(split, table.set_column(table.column_names.index("late"), "late", column))
    params = {**PARAMS, "task": task}
    with pytest.raises(PenstockError, match=message):
        run_component(SPEC, run, tmp_path / "out", params=params, inputs={**inputs, "transformed_examples": changed})


@pytest.mark.parametrize("params", [{"hidden_units": [0]}, {"batch_size": 0}, {"holdout_fraction": 1.0}])
def test_values_out_of_range_are_bad_input(inputs, tmp_path, params):
    with pytest.raises(BadInput, match=next(iter(params))):
        run_component(SPEC, run, tmp_path, params=params, inputs=inputs)


def test_regression_learns_a_number(inputs, tmp_path):
    from components.transform.main import SPEC as TRANSFORM
    from components.transform.main import run as transform

    features = {"origin": {"kind": "vocabulary"}, "dest": {"kind": "vocabulary"}, "hour": {"kind": "z_score"}}
    given = {name: inputs[name] for name in ("examples", "schema")}
    made = run_component(
        TRANSFORM, transform, tmp_path, params={"label": "distance", "features": features}, inputs=given
    ).outputs
    params = {"task": "regression", "epochs": 10, "batch_size": 32, "learning_rate": 0.01}
    model = run_component(SPEC, run, tmp_path, params=params, inputs={**given, **made}).outputs["model"]
    distances = inputs["examples"].read("eval", ["distance"]).to_pandas()["distance"]
    assert model.metadata["eval_mae"] < 0.1 * distances.std()
    with pytest.raises(BadInput, match="needs labels 0 and 1; the label 'distance' of split 'train' has also"):
        run_component(SPEC, run, tmp_path / "no", inputs={**given, **made})
    with pytest.raises(BadInput, match="'class_weights' is for classes; a regression has none"):
        params = {**params, "class_weights": "balanced"}
        run_component(SPEC, run, tmp_path / "no", params=params, inputs={**given, **made})


SERVE = """
import json, sys
import numpy as np, tensorflow as tf
folder, missing = sys.argv[1], {"string": "", "float": float("nan"), "int": -(2**63)}
kinds = {"string": tf.string, "float": tf.float32, "int": tf.int64}
golden, spec = json.load(open(folder + "/golden.json")), json.load(open(folder + "/features.json"))
serve = tf.saved_model.load(folder + "/saved_model").signatures["serve_tensors"]
tensors = {n: tf.constant([missing[t] if r[n] is None else r[n] for r in golden["rows"]], kinds[t])
           for n, t in spec["raw"].items()}
scores = serve(**tensors)["score"].numpy()
assert scores.shape == (64, 1), scores.shape
print(tf.__version__, float(np.abs(scores[:, 0] - golden["scores"]).max()))
"""


@pytest.mark.skipif(not SERVING_PYTHON.exists(), reason="the serving environment is not installed")
def test_the_serving_environment_gives_the_same_scores(model):
    command = [str(SERVING_PYTHON), "-c", SERVE, str(model.path)]
    version, difference = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=120
    ).stdout.split()
    assert version.split(".")[:2] != ["2", "16"]
    assert float(difference) <= 1e-6

"""Several classes, vectors, texts and an author's network, from raw rows to the exported model."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from components.trainer.main import SPEC, run
from components.transform.main import SPEC as TRANSFORM
from components.transform.main import run as transform
from penstock.artifacts import Examples, Schema
from penstock.artifacts.features import FeatureSpec, dense_columns
from penstock.sdk.testkit import run_component

CLASSES = ["calm", "breeze", "storm"]
FEATURES = {
    "wind": {"kind": "z_score"},
    "wind_bins": {"kind": "piecewise", "column": "wind", "width": 6},
    "place": {"kind": "vocabulary"},
    "note": {"kind": "text", "max_tokens": 4},
}
PARAMS = {
    "task": "multiclass", "classes": CLASSES, "architecture": "wide_and_deep", "members": 3, "hidden_units": [16],
    "epochs": 8, "batch_size": 32, "learning_rate": 0.02, "patience": 8, "holdout_fraction": 0.2, "holdout": "random",
    "calibration": "linear",
}  # fmt: skip
AUTHOR = """
import keras

def model_fn(inputs, features, settings):
    x = keras.layers.Concatenate()([inputs["wind_bins"], inputs["wind"]])
    return keras.layers.Dense(3)(keras.layers.Dense(16, "relu")(x))
"""


@pytest.fixture(scope="module")
def weather(tmp_path_factory):
    """1,000 made-up days: the wind decides, but for a note that says `gale`."""
    folder, rng = tmp_path_factory.mktemp("weather"), np.random.default_rng(0)
    examples, schema = Examples(folder / "examples"), Schema(folder / "schema")
    for split, rows in (("train", 800), ("eval", 200)):
        wind, notes = rng.gamma(2.0, 8.0, rows), rng.choice(["", "a fine day", "a Gale at noon", "clouds"], rows)
        label = np.where(notes == "a Gale at noon", 2, np.digitize(wind, [8.0, 25.0]))
        columns = {
            "wind": pa.array(np.where(rng.random(rows) < 0.03, np.nan, wind), pa.float64(), from_pandas=True),
            "place": rng.choice(["Ahlen", "Bergen"], rows),
            "note": pa.array([note or None for note in notes]),
            "force": label,
        }
        examples.write(split, pa.table(columns))
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema.write(schema_pb2.Schema(feature=[schema_pb2.Feature(name=name) for name in columns]))
    given = {"examples": examples, "schema": schema}
    made = run_component(TRANSFORM, transform, folder, params={"label": "force", "features": FEATURES}, inputs=given)
    return {**given, **made.outputs}


@pytest.fixture(scope="module")
def model(weather, tmp_path_factory):
    return run_component(SPEC, run, tmp_path_factory.mktemp("model"), params=PARAMS, inputs=weather).outputs["model"]


def test_it_says_what_its_numbers_mean(model):
    task = model.read_task()
    assert (task.kind, task.classes, task.outputs) == ("multiclass", tuple(CLASSES), 3)
    assert model.metadata["eval_accuracy"] > 0.85 and "holdout_accuracy" in model.metadata


def test_the_exported_model_gives_a_probability_to_each_class(model, weather):
    spec = FeatureSpec.model_validate(model.read_json("features.json"))
    assert {f.kind for f in spec.transformed.values()} == {"dense", "index", "tokens"}
    table = weather["examples"].read("eval", sorted({*spec.raw, "force"}))
    columns = {name: tf.constant(column) for name, column in dense_columns(table, spec.raw).items()}
    scores = tf.saved_model.load(str(model.saved_model)).signatures["serve_tensors"](**columns)["score"].numpy()
    assert scores.shape == (200, 3) and scores.dtype == np.float32
    assert scores.sum(axis=1) == pytest.approx(np.ones(200), abs=1e-5)
    assert (scores.argmax(axis=1) == table.column("force").to_numpy()).mean() > 0.85


def test_golden_scores_are_lists_of_one_number_a_class(model):
    golden = model.read_json("golden.json")
    assert len(golden["rows"]) == len(golden["scores"]) == 64
    assert all(len(scores) == 3 and sum(scores) == pytest.approx(1.0, abs=1e-5) for scores in golden["scores"])


@pytest.mark.slow
def test_equal_settings_give_equal_bytes(model, weather, tmp_path):
    again = run_component(SPEC, run, tmp_path, params=PARAMS, inputs=weather).outputs["model"]
    assert again.digest == model.digest


def test_the_authors_network_is_exported_like_any_other(weather, tmp_path):
    params = {**PARAMS, "members": 1, "model_fn": AUTHOR}
    model = run_component(SPEC, run, tmp_path, params=params, inputs=weather).outputs["model"]
    assert model.metadata["eval_accuracy"] > 0.6
    served = tf.saved_model.load(str(model.saved_model)).signatures["serving_default"]
    assert served(examples=tf.constant([b"", b""]))["score"].shape == (2, 3)

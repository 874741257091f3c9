"""The exported model's three signatures agree with each other and with the transformed rows."""

import math

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.main import SPEC, run
from penstock.artifacts.features import FeatureSpec, dense_columns
from penstock.sdk.testkit import run_component


@pytest.fixture(scope="module")
def exported(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model = run_component(SPEC, run, folder, params={"batch_size": 64, "hidden_units": [8]}, inputs=inputs).outputs[
        "model"
    ]
    return tf.saved_model.load(str(model.saved_model)), FeatureSpec.model_validate(model.read_json("features.json"))


@pytest.fixture(scope="module")
def rows(inputs, exported):
    """512 raw rows, as dense arrays and as serialized tf.Examples that lack what is missing."""
    _, spec = exported
    table = inputs["examples"].read("eval", sorted(spec.raw)).slice(0, 512)
    return dense_columns(table, spec.raw), [serialized(row, spec) for row in table.to_pylist()]


def serialized(row, spec):
    feature = {}
    for name, value in row.items():
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        kinds = {
            "string": lambda v: {"bytes_list": tf.train.BytesList(value=[v.encode()])},
            "float": lambda v: {"float_list": tf.train.FloatList(value=[v])},
            "int": lambda v: {"int64_list": tf.train.Int64List(value=[v])},
        }
        feature[name] = tf.train.Feature(**kinds[spec.raw[name]](value))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def test_examples_and_tensors_give_equal_scores(exported, rows):
    model, _ = exported
    dense, examples = rows
    by_tensor = model.signatures["serve_tensors"](**{name: tf.constant(v) for name, v in dense.items()})["score"]
    by_example = model.signatures["serving_default"](examples=tf.constant(examples))["score"]
    assert by_tensor.shape == (512, 1) and by_tensor.dtype == tf.float32
    assert np.abs(by_tensor.numpy() - by_example.numpy()).max() == 0.0
    assert by_tensor.numpy().std() > 0.01


def test_a_row_of_nothing_but_missing_values_has_a_score(exported):
    model, _ = exported
    score = model.signatures["serving_default"](examples=tf.constant([b""]))["score"].numpy()
    assert score.shape == (1, 1) and 0 < score[0, 0] < 1


def test_the_graph_inside_transforms_as_the_transform_did(exported, rows, inputs):
    model, spec = exported
    outputs = model.signatures["transform_features"](examples=tf.constant(rows[1]))
    expected = inputs["transformed_examples"].read("eval").slice(0, 512)
    assert sorted(outputs) == sorted(spec.transformed)
    for name, values in outputs.items():
        assert (values.numpy() == np.array(expected.column(name).to_pylist())).all(), name

"""The analysis in process against TFT's own on Beam: same vocabularies, same constants, same rows."""

import numpy as np
import pytest

from components.transform.main import SPEC, run
from penstock.artifacts.features import FeatureSpec
from penstock.sdk.testkit import run_component
from tests.components.transform import flights

AUTHORS_CODE = """
import tensorflow as tf
import tensorflow_transform as tft

KEYS = ["carrier", "origin", "dest"]


def preprocessing_fn(inputs):
    outputs = {}
    for key in KEYS:
        outputs[key + "_xf"] = tft.compute_and_apply_vocabulary(inputs[key], top_k=20, num_oov_buckets=1)
    distance = tf.cast(inputs["distance"], tf.float32)
    outputs["distance_xf"] = tft.scale_to_z_score(distance)
    outputs["distance_by_carrier_xf"] = tft.scale_to_z_score_per_key(distance, inputs["carrier"])
    outputs["distance_bucket_by_origin_xf"] = tft.bucketize_per_key(distance, inputs["origin"], 3)
    outputs["hour_xf"] = tft.bucketize(inputs["hour"], 6)
    outputs["hour_word_xf"] = tft.compute_and_apply_vocabulary(inputs["hour"], num_oov_buckets=1)
    minutes = (inputs["sched_dep_time"] // 100) * 60 + inputs["sched_dep_time"] % 100
    outputs["sched_xf"] = tf.cast(minutes, tf.float32) / 1440.0
    # The second analyzer needs the first: two phases; and one that needs a vocabulary.
    centred = distance - tft.mean(distance)
    outputs["spread_xf"] = centred / tft.max(tf.abs(centred))
    outputs["rank_xf"] = tft.scale_to_0_1(tf.cast(outputs["dest_xf"], tf.float32))
    outputs["weighted_xf"] = tft.apply_vocabulary(
        inputs["dest"], tft.vocabulary(inputs["dest"], weights=distance, frequency_threshold=3, store_frequency=False,
                                       vocab_filename="weighted", fingerprint_shuffle=True), num_oov_buckets=2)
    outputs["covariance_xf"] = distance / tft.covariance(tf.stack([distance, outputs["sched_xf"]], 1), tf.float32)[0, 0]
    outputs["late"] = inputs["late"]
    return outputs
"""


def transform(folder, examples, schema, **params):
    inputs = {"examples": examples, "schema": schema}
    return run_component(SPEC, run, folder, params={"label": "late", **params}, inputs=inputs).outputs


def same(left, right, quantiles=()):
    """Compare two transformations; columns that hang on approximate quantiles may differ in a few rows."""
    a, b = left["transform_graph"], right["transform_graph"]
    words = {p.name: p.read_bytes() for p in (a.path / "transform_fn/assets").iterdir()}
    assert words == {p.name: p.read_bytes() for p in (b.path / "transform_fn/assets").iterdir()} and words
    assert a.read_json("features.json") == b.read_json("features.json")
    for part in ("transformed_metadata/schema.pbtxt", "transformed_metadata/asset_map", "metadata/schema.pbtxt"):
        assert a.read_text(part) == b.read_text(part)
    for split in ("train", "eval"):
        rows, others = (t["transformed_examples"].read(split).to_pandas() for t in (left, right))
        assert list(rows) == list(others)
        for name in rows:
            one, other = np.array(rows[name].to_list()), np.array(others[name].to_list())
            assert one.shape == other.shape, name
            if name in quantiles:
                assert np.mean(one != other) < 0.02, name
            elif one.dtype.kind == "f":
                assert np.allclose(one, other, rtol=1e-5, atol=1e-5), name
            else:
                assert (one == other).all(), name


@pytest.mark.slow
def test_declared_features_agree_with_beam(some_flights, flights_schema, tmp_path):
    in_process, beam = (
        transform(tmp_path / engine, some_flights, flights_schema, features=flights.FEATURES, engine=engine)
        for engine in ("in_process", "beam")
    )
    same(in_process, beam, quantiles=("hour", "warmth"))


@pytest.mark.slow
def test_authors_code_agrees_with_beam(some_flights, flights_schema, tmp_path):
    in_process, beam = (
        transform(
            tmp_path / engine,
            some_flights,
            flights_schema,
            preprocessing_fn=AUTHORS_CODE,
            engine=engine,
            batch_rows=1000,
        )
        for engine in ("in_process", "beam")
    )
    same(in_process, beam, quantiles=("hour_xf", "distance_bucket_by_origin_xf"))
    spec = FeatureSpec.model_validate(in_process["transform_graph"].read_json("features.json"))
    assert sorted(spec.raw) == ["carrier", "dest", "distance", "hour", "origin", "sched_dep_time"]
    assert "late" not in spec.transformed

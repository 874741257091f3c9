"""Declared features against numbers worked out from the same rows by hand."""

import numpy as np
import pytest

from components.transform.main import SPEC, run
from penstock.artifacts import TransformGraph
from penstock.artifacts.features import FeatureSpec
from penstock.sdk.testkit import run_component
from tests.components.transform import flights


@pytest.fixture(scope="module")
def done(some_flights, flights_schema, tmp_path_factory):
    inputs = {"examples": some_flights, "schema": flights_schema}
    params = {"label": "late", "features": flights.FEATURES}
    return run_component(SPEC, run, tmp_path_factory.mktemp("out"), params=params, inputs=inputs)


@pytest.fixture(scope="module")
def raw(some_flights):
    return {split: some_flights.read(split).to_pandas() for split in ("train", "eval")}


@pytest.fixture(scope="module")
def transformed(done):
    tables = done.outputs["transformed_examples"]
    return {split: tables.read(split).to_pandas() for split in tables.splits()}


def test_every_split_keeps_its_rows_and_labels(done, raw, transformed):
    assert sorted(transformed) == ["eval", "train"]
    for split, rows in raw.items():
        assert (transformed[split]["late"].to_numpy() == rows["late"].to_numpy()).all()
    assert done.rows == 4000


def test_numbers_are_scaled_by_the_training_split_alone(raw, transformed):
    mean, deviation = raw["train"]["distance"].mean(), raw["train"]["distance"].std(ddof=0)
    for split in ("train", "eval"):
        expected = (raw[split]["distance"] - mean) / deviation
        assert np.allclose(transformed[split]["distance"], expected, atol=1e-5)
    low, high = raw["train"]["distance"].min(), raw["train"]["distance"].max()
    assert np.allclose(transformed["eval"]["miles"], (raw["eval"]["distance"] - low) / (high - low), atol=1e-6)


def test_missing_numbers_are_filled_and_said(raw, transformed):
    gust = raw["eval"]["wind_gust"]
    assert 0.5 < gust.isna().mean() < 1
    assert (transformed["eval"]["gust"][gust.isna().to_numpy()] == 0).all()
    assert (transformed["eval"]["gust_missing"].to_numpy() == gust.isna().to_numpy()).all()
    assert (transformed["eval"]["no_pressure"].to_numpy() == raw["eval"]["pressure"].isna().to_numpy()).all()
    logs = np.log1p(raw["train"]["wind_gust"])
    expected = (np.log1p(gust) - logs.mean()) / logs.std(ddof=0)
    assert np.allclose(transformed["eval"]["gust"][gust.notna().to_numpy()], expected.dropna(), atol=1e-4)


def test_vocabularies_are_ordered_by_count_then_by_text_backwards(done, raw):
    counts = raw["train"]["dest"].value_counts()
    expected = sorted(((c, t) for t, c in counts.items() if c >= 5), reverse=True)
    graph = done.outputs["transform_graph"].open()
    assert graph.vocabulary_by_name("dest") == [t.encode() for _, t in expected]
    assert len(graph.vocabulary_by_name("carrier")) == 12


def test_words_that_are_unknown_or_missing_come_behind_the_known(raw, transformed, done):
    spec = FeatureSpec.model_validate_json(done.outputs["transform_graph"].read_text("features.json"))
    assert spec.transformed["carrier"].size == 13
    words = done.outputs["transform_graph"].open().vocabulary_by_name("tailnum")
    known = raw["eval"]["tailnum"].isin([w.decode() for w in words]).to_numpy()
    index = transformed["eval"]["tailnum"].to_numpy()
    assert (index[known] < 200).all() and (index[~known] >= 200).all() and (index < 203).all()
    assert raw["eval"]["tailnum"].isna().any()


def test_buckets_hold_equally_many_rows_and_missing_has_its_own(raw, transformed):
    shares = np.bincount(transformed["train"]["warmth"], minlength=6) / len(transformed["train"])
    absent = raw["train"]["temp"].isna().to_numpy()
    assert (transformed["train"]["warmth"].to_numpy()[absent] == 5).all() and absent.any()
    assert np.allclose(shares[:5], 0.2, atol=0.03)
    expected = np.searchsorted([3, 6, 9], raw["eval"]["month"], side="right")
    assert (transformed["eval"]["season"].to_numpy() == expected).all()


def test_times_of_day_come_round_again(raw, transformed):
    minutes = raw["eval"]["sched_dep_time"] // 100 * 60 + raw["eval"]["sched_dep_time"] % 100
    assert np.allclose(transformed["eval"]["sched_dep_time_sin"], np.sin(minutes * 2 * np.pi / 1440), atol=1e-5)
    assert np.allclose(transformed["eval"]["sched_dep_time_cos"], np.cos(minutes * 2 * np.pi / 1440), atol=1e-5)


def test_the_graph_says_what_goes_in_and_out(done):
    graph = done.outputs["transform_graph"]
    assert isinstance(graph, TransformGraph)
    spec = FeatureSpec.model_validate_json(graph.read_text("features.json"))
    assert "late" not in spec.raw and spec.raw["temp"] == "float" and spec.raw["tailnum"] == "string"
    assert {n for n, f in spec.transformed.items() if f.kind == "index"} == {
        "carrier", "dest", "tailnum", "origin", "flight", "route", "hour", "season", "warmth", "early",
    }  # fmt: skip
    assert set(graph.open().raw_feature_spec()) == set(spec.raw)
    assert set(graph.open().transformed_feature_spec()) == set(spec.transformed)

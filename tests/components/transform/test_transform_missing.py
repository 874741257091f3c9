"""A column that the training rows lack altogether, and that turns up later, makes no number that is not finite."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.transform.main import SPEC, run
from penstock.artifacts import Examples, Schema
from penstock.sdk.testkit import run_component


@pytest.fixture
def inputs(tmp_path):
    """Ten rows each; `wind` is missing in `train` and 1.5 in `eval`."""
    examples, schema = Examples(tmp_path / "examples"), Schema(tmp_path / "schema")
    label = pa.array(np.arange(10) % 2)
    examples.write("train", pa.table({"wind": pa.array([None] * 10, pa.float64()), "late": label}))
    examples.write("eval", pa.table({"wind": pa.array([1.5] * 10), "late": label}))
    schema.path.mkdir()
    schema.write(schema_pb2.Schema(feature=[schema_pb2.Feature(name=name) for name in ("wind", "late")]))
    return {"examples": examples, "schema": schema}


def test_every_kind_of_number_stays_finite(inputs, tmp_path) -> None:
    kinds = {
        "z_score": {},
        "min_max": {},
        "log": {},
        "as_is": {},
        "cyclic": {"period": 4},
        "buckets": {"count": 4},
        "robust": {"smooth_clip": 3.0},
    }
    features = {kind: {"kind": kind, "column": "wind", **more} for kind, more in kinds.items()}
    made = run_component(SPEC, run, tmp_path / "out", params={"label": "late", "features": features}, inputs=inputs)
    for split in ("train", "eval"):
        table = made.outputs["transformed_examples"].read(split)
        assert table.num_columns == len(kinds) + 2  # cyclic makes two, and the label
        assert all(np.isfinite(table.column(name).to_numpy()).all() for name in table.column_names), split


def test_a_vector_of_a_column_of_nothing_says_nothing_but_that_it_is_missing(inputs, tmp_path) -> None:
    features = {"wind": {"kind": "piecewise", "width": 3}}
    made = run_component(SPEC, run, tmp_path / "out", params={"label": "late", "features": features}, inputs=inputs)
    train, evaluation = (made.outputs["transformed_examples"].read(split) for split in ("train", "eval"))
    assert set(map(tuple, train.column("wind").to_pylist())) == {(0.0, 0.0, 0.0)}
    assert set(train.column("wind_missing").to_pylist()) == {1.0}
    values = np.array(evaluation.column("wind").to_pylist())
    assert np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1
    assert set(evaluation.column("wind_missing").to_pylist()) == {0.0}

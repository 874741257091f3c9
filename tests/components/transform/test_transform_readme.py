"""The examples in the README are configurations that work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import yaml
from tensorflow_metadata.proto.v0 import schema_pb2

from components.transform.main import SPEC, run
from penstock.artifacts import Examples, Schema
from penstock.sdk.testkit import run_component

README = (Path(__file__).parents[3] / "components" / "transform" / "README.md").read_text()


def block(language: str, number: int = 1) -> str:
    return README.split(f"```{language}\n")[number].split("```")[0]


@pytest.fixture
def transformed(some_flights, flights_schema, tmp_path):
    def call(**params):
        inputs = {"examples": some_flights, "schema": flights_schema}
        made = run_component(SPEC, run, tmp_path / "out", params=params, inputs=inputs)
        return made.outputs["transformed_examples"].read("train")

    return call


def test_the_features_of_the_readme(transformed) -> None:
    table = transformed(**yaml.safe_load(block("yaml"))["transform"])
    assert set(table.column_names) == {
        "carrier", "dest", "route", "hour", "distance", "temp", "temp_missing", "wind_dir_sin", "wind_dir_cos", "late",
    }  # fmt: skip


def test_the_rows_worked_out_by_hand(tmp_path) -> None:
    raw = pyarrow.csv.read_csv(pa.BufferReader(block("csv").encode()))
    examples, schema = Examples(tmp_path / "examples"), Schema(tmp_path)
    examples.write("train", raw)
    schema.write(schema_pb2.Schema(feature=[schema_pb2.Feature(name=name) for name in raw.column_names]))
    params = yaml.safe_load(block("yaml", 2))["transform"]
    inputs = {"examples": examples, "schema": schema}
    made = run_component(SPEC, run, tmp_path / "out", params=params, inputs=inputs)
    found = made.outputs["transformed_examples"].read("train").to_pylist()

    table = README.split("are these features:\n\n")[1].split("\n\n")[0].splitlines()
    names, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table if "---" not in line]
    assert set(names) == set(found[0]) - {"stays"} and len(rows) == len(found) == 4
    for expected, row in zip(rows, found, strict=True):
        for name, cell in zip(names, expected, strict=True):
            assert row[name] == pytest.approx(json.loads(cell), abs=1e-6), name


def test_the_preprocessing_fn_of_the_readme(transformed) -> None:
    table = transformed(label="late", preprocessing_fn=block("python"))
    assert set(table.column_names) == {"carrier", "distance", "temp", "late"}
    temp = table.column("temp").to_numpy()
    assert np.isfinite(temp).all()
    assert abs(temp.mean()) < 1e-3
    assert (temp == 0).any()  # where it is missing

"""The examples in the README are configurations that work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from components.transform.main import SPEC, run
from penstock.sdk.testkit import run_component

README = (Path(__file__).parents[3] / "components" / "transform" / "README.md").read_text()


def block(language: str) -> str:
    return README.split(f"```{language}\n")[1].split("```")[0]


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


def test_the_preprocessing_fn_of_the_readme(transformed) -> None:
    table = transformed(label="late", preprocessing_fn=block("python"))
    assert set(table.column_names) == {"carrier", "distance", "temp", "late"}
    temp = table.column("temp").to_numpy()
    assert np.isfinite(temp).all()
    assert abs(temp.mean()) < 1e-3
    assert (temp == 0).any()  # where it is missing

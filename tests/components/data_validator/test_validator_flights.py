"""The real flights against the reviewed schema of the pipeline: open as they are, and not when they are spoilt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from components.data_validator.main import run
from components.data_validator.spec import SPEC
from components.ingest.main import run as ingest
from components.ingest.spec import SPEC as INGEST
from penstock.artifacts import Examples
from penstock.sdk.testkit import run_component

FLIGHTS = Path(__file__).parents[3] / "pipelines/flights"
CONFIGURED = yaml.safe_load((FLIGHTS / "pipeline.yaml").read_text())["tasks"]
PARAMS = {**CONFIGURED["validate"], "reviewed_schema": (FLIGHTS / "schema.pbtxt").read_text()}


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    folder = tmp_path_factory.mktemp("flights")
    return run_component(INGEST, ingest, folder, params=CONFIGURED["ingest"]).outputs["examples"]


def spoil(flights: Examples, folder: Path, change) -> Examples:
    spoilt = Examples(folder / "examples")
    spoilt.write("train", flights.read("train"))
    spoilt.write("eval", change(flights.read("eval")))
    return spoilt


def replace(table: pa.Table, column: str, values) -> pa.Table:
    return table.set_column(
        table.column_names.index(column), column, values if isinstance(values, pa.Array) else pa.array(values)
    )


def with_carriers(table: pa.Table, rows: int) -> pa.Table:
    """Give the first rows a carrier that no one knows."""
    return replace(table, "carrier", ["ZZ"] * rows + table.column("carrier").to_pylist()[rows:])


def test_every_flight_is_accepted(flights: Examples, tmp_path: Path) -> None:
    result = run_component(SPEC, run, tmp_path, params=PARAMS, inputs={"examples": flights})
    assert (result.decision.verdict, result.decision.consequence) == ("Successful", "proceed")
    accepted = result.outputs["accepted"]
    assert {split: accepted.rows(split) for split in accepted.splits()} == {"train": 252_484, "eval": 84_292}
    assert accepted.digest == flights.digest
    types = {str(field.type) for field in accepted.read("train").schema}
    assert types == {"int64", "double", "string"}
    measured = result.outputs["anomalies"].read_json("anomalies.json")["distances"]["eval"]
    assert {(m["feature"], m["of"]) for m in measured} == {
        (name, "skew") for name in ("carrier", "dest", "distance", "hour", "late", "origin")
    }
    assert all(m["value"] < m["threshold"] for m in measured)


@pytest.mark.slow
def test_a_new_carrier_is_borne_up_to_one_flight_in_a_thousand(flights: Examples, tmp_path: Path) -> None:
    def decide(rows: int):
        spoilt = spoil(flights, tmp_path / f"{rows}", lambda table: with_carriers(table, rows))
        return run_component(SPEC, run, tmp_path / f"out{rows}", params=PARAMS, inputs={"examples": spoilt})

    assert decide(84).decision.consequence == "proceed"  # of 84,292
    result = decide(85)
    assert result.decision.consequence == "quarantine"
    assert (
        result.decision.reasons[0].text
        == "eval: carrier: 85 of 84,292 rows (0.101%): not in the domain: 'ZZ'; row 0 has 'ZZ'"
    )
    assert result.outputs["accepted"].rows("quarantine") == 85
    assert decide(843).decision.verdict == "Failed"  # more than one in a hundred


def test_a_dew_point_above_the_temperature_is_a_bad_row(flights: Examples, tmp_path: Path) -> None:
    def swap(table: pa.Table) -> pa.Table:
        dewp = table.column("dewp").to_numpy().copy()
        dewp[:10] = 99.0
        return replace(table, "dewp", pa.array(dewp, mask=np.isnan(dewp)))

    result = run_component(
        SPEC, run, tmp_path / "out", params=PARAMS, inputs={"examples": spoil(flights, tmp_path, swap)}
    )
    assert result.decision.consequence == "quarantine"
    assert "dewp must be at most temp" in result.decision.reasons[0].text


def test_many_more_late_flights_say_retrain(flights: Examples, tmp_path: Path) -> None:
    def later(table: pa.Table) -> pa.Table:
        late = table.column("late").to_numpy().copy()
        late[np.flatnonzero(late == 0)[: len(late) // 6]] = 1  # 23.7% to 40.4%
        return replace(table, "late", late)

    result = run_component(
        SPEC, run, tmp_path / "out", params=PARAMS, inputs={"examples": spoil(flights, tmp_path, later)}
    )
    assert (result.decision.verdict, result.decision.consequence) == ("Successful", "retrain")
    assert result.decision.reasons[0].subject == "eval: late"


def test_a_column_that_is_gone_stops(flights: Examples, tmp_path: Path) -> None:
    spoilt = spoil(flights, tmp_path, lambda table: table.drop(["origin"]))
    result = run_component(SPEC, run, tmp_path / "out", params=PARAMS, inputs={"examples": spoilt})
    assert result.decision.verdict == "Failed"
    assert ("schema_missing_column", "eval: origin") in [(r.rule, r.subject) for r in result.decision.reasons]

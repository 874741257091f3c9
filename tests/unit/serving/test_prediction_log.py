"""The prediction log: what is written is what is read, by both versions of Arrow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.serving.prediction_log import (
    COLUMNS,
    NO_ANSWER,
    Prediction,
    arrow_schema,
    log_files,
    read_predictions,
    read_table,
    to_arrow,
)

_ONE = Prediction(
    request_id="one",
    time=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    model_name="flights",
    protocol="v1",
    role="stable",
    assigned="stable",
    backend="a",
    digest="sha256:aa",
    step="canary-5",
    route_revision=3,
    attempt=1,
    delivered=True,
    status_code=200,
    latency_ms=1.25,
    rows=2,
    scores=((0.25,), (0.5,)),
    features='[{"carrier": "AA", "temp": null}, {"carrier": "UA", "temp": 1.5}]',
    rules=("cap",),
    fallback="",
    fallback_reason="",
    request_bytes=100,
    response_bytes=50,
    error="",
)
_NONE = replace(
    _ONE, request_id="two", role="canary", status_code=NO_ANSWER, scores=(), features="", rules=(), delivered=False
)


def _write(path: Path, *predictions: Prediction) -> Path:
    pq.write_table(pa.Table.from_batches([to_arrow(predictions)]), path)
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    assert list(read_predictions([_write(tmp_path / "1.parquet", _ONE, _NONE)])) == [_ONE, _NONE]


def test_the_features_of_each_row_are_objects_with_null_for_what_is_missing() -> None:
    assert _ONE.feature_rows() == [{"carrier": "AA", "temp": None}, {"carrier": "UA", "temp": 1.5}]
    assert _NONE.feature_rows() == []


def test_nothing_gives_an_empty_table_of_the_same_columns(tmp_path: Path) -> None:
    assert to_arrow([]).num_rows == 0
    assert read_table([]).schema == arrow_schema()
    assert tuple(read_table([tmp_path / "gone.parquet"]).column_names) == COLUMNS


def test_a_reader_sees_each_finished_file_once(tmp_path: Path) -> None:
    first, second = (_write(tmp_path / f"{name}.parquet", _ONE) for name in ("1", "2"))
    _write(tmp_path / ".3.parquet", _ONE)
    assert log_files(tmp_path) == [first, second]
    assert log_files(tmp_path, after=first.name) == [second]
    assert log_files(tmp_path, after=second.name) == []


def test_a_few_columns_are_read_alone(tmp_path: Path) -> None:
    table = read_table([_write(tmp_path / "1.parquet", _ONE, _NONE)], ["request_id", "status_code"])
    assert table.to_pydict() == {"request_id": ["one", "two"], "status_code": [200, NO_ANSWER]}


def test_a_file_of_another_form_is_named(tmp_path: Path) -> None:
    path = tmp_path / "1.parquet"
    pq.write_table(pa.table({"request_id": ["one"]}), path)
    with pytest.raises(ValueError, match=r"1\.parquet is no file of a prediction log"):
        read_table([path])


def test_times_keep_their_microseconds(tmp_path: Path) -> None:
    later = replace(_ONE, time=_ONE.time + timedelta(microseconds=1))
    read = list(read_predictions([_write(tmp_path / "1.parquet", _ONE, later)]))
    assert (read[1].time - read[0].time).total_seconds() == 1e-6

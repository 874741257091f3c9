"""Labels that come later, joined by id."""

from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.releasing.gates.observations import Arm, Pairs
from penstock.releasing.gates.spec import Gate
from penstock.releasing.sources.labels import MOST_WAITING, LabelsSource
from penstock.releasing.sources.source import Seen
from tests.unit.releasing.sources.logs import ASKED, record, write

LABELS = {"kind": "labels", "labels": "labels/", "loss": "zeroOne"}
ACCURACY = Gate(name="accuracy", metric="quality", source=LABELS)
REVENUE = Gate(
    name="revenue",
    metric="business",
    source={**LABELS, "value_column": "dollars"},
    range={"lowest": 0, "highest": 4},
    higher_is_better=True,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    write(
        folder,
        "1",
        [
            record("1", scores=((0.9,),)),
            record("2", scores=((0.1,),)),
            record("3", "canary", scores=((0.9,),)),
            record("4", "canary", status_code=500, scores=()),
            record("5", scores=((0.2,),)),
            record("5", "shadow", scores=((0.8,),)),
        ],
    )
    return folder


def _folder(tmp_path: Path) -> Path:
    """A folder of labels that holds an empty table."""
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "0.csv").write_text("request_id,label,dollars\n")
    return folder


def _look(source: LabelsSource, cursor: str, gate: Gate = ACCURACY) -> Seen:
    seen = source.observe(ASKED, [gate], cursor)
    assert not seen.problems
    return seen


def test_labels_are_joined_as_they_come(tmp_path: Path, log: Path) -> None:
    folder = _folder(tmp_path)
    source = LabelsSource(str(folder), log)
    (folder / "1.csv").write_text("request_id,label\n1,1\n")
    first = _look(source, "")
    assert first.comparisons == (), "labels from before the release are passed over"
    (folder / "1.csv").write_text("request_id,label\n1,1\n2,true\n3,1\n")
    second = _look(source, first.cursor)
    assert [(each.stable, each.candidate) for each in second.comparisons] == [(Arm.binary(1, 1), Arm.binary(1, 0))]
    (folder / "2.csv").write_text("request_id,extra,label\n4,x,0\n5,y,0\n6,z,\n7,z,maybe\n")
    third = _look(source, second.cursor)
    (comparison,) = third.comparisons
    assert comparison.candidate == Arm.binary(1, 1), "no answer is the worst answer"
    assert comparison.paired == Pairs.binary(1, 1, 0)
    assert _look(source, third.cursor).comparisons == ()


def test_a_label_waits_for_its_answer_to_be_logged_but_not_for_ever(tmp_path: Path, log: Path) -> None:
    folder = _folder(tmp_path)
    source = LabelsSource(str(folder), log)
    cursor = _look(source, "").cursor
    rows = [f"other-{number},1" for number in range(MOST_WAITING + 10)] + ["8,1"]
    (folder / "1.csv").write_text("request_id,label\n" + "\n".join(rows) + "\n")
    seen = _look(source, cursor)
    assert seen.comparisons == () and len(json.loads(seen.cursor)["waiting"]) == MOST_WAITING
    write(log, "2", [record("8", "canary", scores=((0.9,),))])
    seen = _look(source, seen.cursor)
    assert [each.candidate for each in seen.comparisons] == [Arm.binary(1, 0)]


def test_a_business_metric_counts_for_whom_the_route_chose(tmp_path: Path, log: Path) -> None:
    folder = _folder(tmp_path)
    source = LabelsSource(str(folder), log)
    cursor = _look(source, "", REVENUE).cursor
    table = pa.table({"request_id": ["1", "3", "4", "5"], "dollars": [4.0, 1.0, 9.0, 0.0]})
    pq.write_table(table, folder / "1.parquet")
    (comparison,) = _look(source, cursor, REVENUE).comparisons
    assert comparison.stable == Arm(2, 1.0, 1.0)
    assert comparison.candidate == Arm(2, 0.75, 0.5625)
    assert comparison.paired == Pairs()


def test_labels_may_lie_in_a_store(log: Path) -> None:
    with fsspec.open("memory://labels-of-a-release/0.csv", "w") as stream:
        stream.write("request_id,label\n")
    source = LabelsSource("memory://labels-of-a-release", log)
    cursor = _look(source, "").cursor
    with fsspec.open("memory://labels-of-a-release/1.csv", "w") as stream:
        stream.write("request_id,label\n1,0\n3,0\n")
    (comparison,) = _look(source, cursor).comparisons
    assert (comparison.stable, comparison.candidate) == (Arm.binary(1, 1), Arm.binary(1, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [("id,label\n1,1\n", "cannot be read as labels with the columns request_id, label"), ("", "cannot be read")],
)
def test_a_file_without_the_columns_is_a_problem_and_loses_nothing(
    tmp_path: Path, log: Path, text: str, said: str
) -> None:
    folder = _folder(tmp_path)
    source = LabelsSource(str(folder), log)
    cursor = _look(source, "").cursor
    (folder / "1.csv").write_text(text)
    seen = source.observe(ASKED, [ACCURACY], cursor)
    assert said in seen.problems["accuracy"]
    assert seen.cursor == cursor


def test_labels_or_a_log_that_are_not_there_are_a_problem_and_an_empty_table_is_none(tmp_path: Path, log: Path) -> None:
    missing = LabelsSource(str(tmp_path / "nowhere"), log).observe(ASKED, [ACCURACY], "")
    assert "nowhere" in missing.problems["accuracy"]
    folder = _folder(tmp_path)
    assert _look(LabelsSource(str(folder), log), "").comparisons == ()
    without = LabelsSource(str(folder), tmp_path / "no-log").observe(ASKED, [ACCURACY], "")
    assert "no prediction log" in without.problems["accuracy"]


def test_labels_that_shrank_are_a_problem(tmp_path: Path, log: Path) -> None:
    folder = _folder(tmp_path)
    source = LabelsSource(str(folder), log)
    (folder / "1.csv").write_text("request_id,label\n1,1\n2,1\n")
    cursor = _look(source, "").cursor
    (folder / "1.csv").write_text("request_id,label\n1,1\n")
    assert "labels only grow" in source.observe(ASKED, [ACCURACY], cursor).problems["accuracy"]

"""Labels that come later, joined by id."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.releasing.gates.observations import Arm, Comparison, Pairs
from penstock.releasing.gates.spec import Gate
from penstock.releasing.sources import joining, labels
from penstock.serving.prediction_log import NO_ROUTE
from tests.unit.releasing.sources.logs import ASKED, Looking, copied, record

HEAD = "request_id,label\n"
ERRORS = Gate(name="errors", metric="errorRate", source={"kind": "predictionLog"})


def accuracy(address: Path | str, **more: object) -> Gate:
    source = {"kind": "labels", "labels": str(address), "loss": "zeroOne"}
    return Gate.model_validate({"name": "accuracy", "metric": "quality", "source": source, **more})


def revenue(address: Path) -> Gate:
    source = {"kind": "labels", "labels": str(address), "value_column": "dollars"}
    highest = {"lowest": 0, "highest": 4}
    return Gate(name="revenue", metric="business", source=source, range=highest, higher_is_better=True)


@dataclass
class Desk:
    """A log and a folder of labels that holds an empty table; the first look has been taken."""

    folder: Path
    restarts: bool = False
    gates: list[Gate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.labels = self.folder / "labels"
        self.labels.mkdir()
        self.label("0.csv", "request_id,label,dollars\n")
        gates = self.gates or [accuracy(self.labels)]
        self.looking = Looking(self.folder / "log", *gates, restarts=self.restarts)

    def label(self, name: str, text: str) -> None:
        with (self.labels / name).open("a") as file:
            file.write(text)

    def look(self) -> tuple[Comparison, ...]:
        return self.looking.look()


@pytest.fixture(params=[False, True], ids=["going-on", "restarted"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    return Desk(tmp_path, restarts=request.param)


def wrong(name: str, *, stable: int = 0, candidate: int = 0, of: tuple[int, int]) -> Comparison:
    return Comparison(name, Arm.binary(of[0], stable), Arm.binary(of[1], candidate))


def test_labels_are_joined_as_they_come_and_each_counts_once(desk: Desk) -> None:
    desk.label("1.csv", HEAD + "1,1\n")
    desk.looking.write(
        *(record("1", scores=((0.9,),)), record("2", scores=((0.1,),)), record("3", "canary", scores=((0.9,),))),
        record("4", "canary", status_code=500, scores=()),
    )
    assert desk.look() == (wrong("accuracy", of=(1, 0)),)
    desk.label("1.csv", "2,true\n3,1\n1,0\nhalf a li")
    assert desk.look() == (wrong("accuracy", stable=1, of=(1, 1)),)
    desk.label("1.csv", "ne,1\nnobody,1\n")
    desk.label("2.csv", "request_id,extra,label\n4,x,0\n6,z,\n7,z,maybe\n")
    assert desk.look() == (wrong("accuracy", candidate=1, of=(0, 1)),), "no answer is the worst answer"
    desk.label("2.csv", "4,x,0\n")
    assert desk.look() == ()


def test_a_label_that_comes_before_the_shadows_answer_waits_for_it(desk: Desk) -> None:
    desk.looking.write(copied("1", scores=((0.9,),)), copied("2", scores=((0.1,),)))
    desk.label("1.csv", HEAD + "1,1\n")
    assert desk.look() == ()
    desk.looking.write(record("1", "shadow", scores=((0.2,),)), record("2", "shadow", scores=((0.8,),)))
    assert desk.look() == (Comparison("accuracy", Arm(), Arm(), Pairs.binary(1, 1, 0)),)
    desk.label("1.csv", "2,1\n1,0\n")
    assert desk.look() == (Comparison("accuracy", Arm(), Arm(), Pairs.binary(1, 0, 1)),)


def test_a_log_without_steps_is_in_shadow_as_long_as_the_release_is(desk: Desk) -> None:
    """KServe's logger names services alone; what was read in shadow stays a pair, whatever step it is afterwards."""
    logged = {"route_revision": NO_ROUTE, "step": "", "digest": ""}
    desk.looking.asked = replace(ASKED, shadow=True)
    desk.looking.write(record("1", backend="a", **logged), record("1", backend="b", scores=((0.9,),), **logged))
    assert desk.look() == ()
    desk.looking.asked = ASKED
    desk.looking.write(record("2", backend="a", **logged), record("3", backend="b", **logged))
    assert desk.look() == ()
    desk.label("1.csv", HEAD + "1,1\n2,1\n3,1\n")
    assert desk.look() == (Comparison("accuracy", Arm.binary(1, 1), Arm.binary(1, 1), Pairs.binary(1, 0, 1)),)


def test_a_label_waits_for_its_answer_but_not_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MOST_WAITING", 3)
    desk.label("1.csv", HEAD + "".join(f"{number},1\n" for number in range(5)))
    assert desk.look() == ()
    desk.looking.write(*(record(str(number), "canary", scores=((0.9,),)) for number in range(5)))
    assert desk.look() == (wrong("accuracy", of=(0, 3)),)


def test_labels_may_come_by_the_thousand_and_in_both_kinds_of_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "MOST_ROWS", 10)
    monkeypatch.setattr(labels, "_CHUNK_BYTES", 64)
    for start in range(0, 100, 25):
        desk.looking.write(*(record(str(n), scores=((n % 2,),)) for n in range(start, start + 25)))
    desk.label("1.csv", HEAD + "".join(f"{number},0\n" for number in range(50)))
    table = pa.table({"request_id": range(50, 100), "other": range(50), "label": [0] * 50})
    pq.write_table(table, desk.labels / "2.parquet", row_group_size=7)
    found = [each for _ in range(20) for each in desk.look()]
    assert (sum(each.stable.count for each in found), sum(each.stable.total for each in found)) == (100, 50)
    grown = pa.table({"request_id": [*range(50, 100), 50, 100], "other": range(52), "label": [0] * 50 + [1, 1]})
    pq.write_table(grown, desk.labels / "2.parquet")
    desk.looking.write(record("100", scores=((0.9,),)))
    assert desk.look() == (wrong("accuracy", of=(1, 0)),)


def test_the_first_look_passes_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "1.csv").write_text(HEAD + "1,1\n2")
    looking = Looking(tmp_path / "log", accuracy(tmp_path / "labels"))
    (tmp_path / "labels" / "1.csv").write_text(HEAD + "1,1\n22,1\n3,0\n")
    looking.write(record("1"), record("2"), record("22"), record("3"))
    assert looking.look() == (wrong("accuracy", of=(1, 0)),)


def test_a_business_metric_counts_for_whom_the_route_chose(tmp_path: Path) -> None:
    desk = Desk(tmp_path, gates=[revenue(tmp_path / "labels")])
    desk.looking.write(record("1"), record("3", "canary"), record("4", "canary", status_code=500, scores=()))
    desk.looking.write(record("4", assigned="canary", attempt=2), copied("5"), record("5", "shadow"))
    table = pa.table({"request_id": ["1", "3", "4", "5"], "dollars": [4.0, 1.0, 9.0, 0.0]})
    pq.write_table(table, desk.labels / "1.parquet")
    canary, shadow = desk.look()
    assert (canary.stable, canary.candidate, canary.paired) == (Arm(1, 0.0, 0.0), Arm(2, 0.75, 0.5625), Pairs())
    assert (shadow.stable, shadow.candidate, shadow.paired) == (Arm(1, 1.0, 1.0), Arm(), Pairs())


def test_labels_may_lie_in_a_store(tmp_path: Path) -> None:
    address = "memory://labels-of-a-release"
    with fsspec.open(f"{address}/0.csv", "w") as stream:
        stream.write(HEAD)
    looking = Looking(tmp_path / "log", accuracy(address))
    looking.write(record("1"), record("3", "canary"))
    for text in ("1,0\n", "1,0\n3,1\n"):
        with fsspec.open(f"{address}/1.csv", "w") as stream:
            stream.write(HEAD + text)
        found = looking.look()
    assert found == (wrong("accuracy", candidate=1, of=(0, 1)),)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("text", "said"), [("id,label\n1,1\n", "no column 'request_id'"), ("", "not whole")])
def test_a_file_without_the_columns_is_a_problem_of_its_gates_and_loses_nothing(
    tmp_path: Path, text: str, said: str, *, restarts: bool
) -> None:
    desk = Desk(tmp_path, restarts, gates=[accuracy(tmp_path / "labels"), ERRORS])
    desk.label("1.csv", HEAD + "1,1\n2,1\n")
    desk.looking.write(copied("1"))
    assert desk.look() == ()
    (desk.labels / "2.csv").write_text(text)
    desk.looking.write(record("1", "shadow"), record("2", scores=((0.9,),)), record("3", scores=((0.9,),)))
    seen = desk.looking.see()
    assert "2.csv cannot be read as labels with the columns request_id, label" in seen.problems["accuracy"]
    assert said in seen.problems["accuracy"]
    assert {each.gate for each in seen.comparisons} == {"errors"}
    (desk.labels / "2.csv").write_text(HEAD + "3,1\n")
    alone, pair = desk.look()
    assert (alone, pair.paired.count) == (wrong("accuracy", of=(2, 0)), 1), "what met meanwhile counts now"


def test_labels_or_a_log_that_are_not_there_are_a_problem_and_an_empty_table_is_none(tmp_path: Path) -> None:
    looking = Looking(tmp_path / "log", ERRORS)
    looking.gates = (accuracy(tmp_path / "nowhere"),)
    assert "nowhere: put an empty table there" in looking.see().problems["accuracy"]
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / "1.csv").write_text(HEAD)
    assert looking.look() == ()


def test_labels_that_shrank_are_a_problem(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.label("1.csv", HEAD + "1,1\n2,1\n")
    assert desk.look() == ()
    (desk.labels / "1.csv").write_text(HEAD + "1,1\n")
    assert "labels only grow" in desk.looking.see().problems["accuracy"]


def test_of_a_log_that_has_been_read_only_what_a_label_names_is_read_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.looking.write(record("1", scores=((0.9,),)))
    desk.looking.write(record("2", scores=((0.9,),)))
    assert desk.look() == ()
    (tmp_path / "log" / "0001.parquet").write_bytes(b"nothing that could be read")
    desk.label("1.csv", HEAD + "2,1\n")
    assert desk.look() == (wrong("accuracy", of=(1, 0)),)

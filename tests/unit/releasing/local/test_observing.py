"""What the gates are told of a prediction log and of labels: every request once, also after a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.observations import Arm, Batch, Comparison, Histogram, Pairs
from penstock.releasing.local.observing import LogObserver
from penstock.releasing.planning.observed import Observed
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.status import Deployed, ModelReleaseStatus, Phase, Trial, Twin
from penstock.serving.prediction_log import NO_ANSWER, Prediction, to_arrow
from tests.unit.releasing.releases import START, at, spec_of


def answer(identity: str, role: str, step: str = "canary-5", **fields: object) -> Prediction:
    """One line of the log, of the right bundle."""
    digest = spec_of("one" if role == "stable" else "two").model.digest
    whole: dict[str, object] = {
        **{"request_id": identity, "time": at(60), "model_name": "flights", "protocol": "v1", "role": role},
        **{"assigned": "stable" if role == "shadow" else role, "backend": "a", "digest": digest, "step": step},
        **{"route_revision": 1, "attempt": 1, "delivered": role != "shadow", "status_code": 200, "latency_ms": 2.0},
        **{"rows": 1, "scores": ((0.5,),), "features": '[{"carrier": "UA"}]', "rules": (), "fallback": ""},
        **{"fallback_reason": "", "request_bytes": 1, "response_bytes": 1, "error": ""},
    }
    return Prediction(**{**whole, **fields})  # type: ignore[arg-type]


@dataclass
class Desk:
    """A log, labels, and an observer that may be started again."""

    folder: Path
    gates: list[dict[str, object]]
    step: str = "canary-5"
    evidence: Evidence = field(default_factory=Evidence)
    files: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.observer = LogObserver(lambda _: self.folder / "predictions")

    def write(self, *answers: Prediction) -> None:
        self.files += 1
        name = f"{START + timedelta(seconds=60 + self.files):%Y%m%dT%H%M%S.%f}-{self.files:06d}.parquet"
        (self.folder / "predictions").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_batches([to_arrow(answers)]), self.folder / "predictions" / name)

    def label(self, text: str) -> None:
        (self.folder / "labels").mkdir(exist_ok=True)
        file = self.folder / "labels" / "labels.csv"
        file.write_text((file.read_text() if file.exists() else "request_id,label\n") + text)

    def batch(self) -> Batch:
        spec = spec_of("two", analysis={"gates": self.gates})
        stable, candidate = (
            Deployed(version=Version(bundle=spec_of(name).model, serving=spec.serving), twin=twin)
            for name, twin in (("one", Twin.A), ("two", Twin.B))
        )
        share = 0 if self.step == "shadow" else 5
        trial = Trial(number=1, started=at(30), step=self.step, weight_percent=share)
        status = ModelReleaseStatus(phase=Phase.RELEASING, stable=stable, candidate=candidate, trial=trial)
        found = self.observer.batch(Look(Key("local", "flights"), spec, status, Observed(1)), self.evidence)
        self.evidence = Evidence(cursors={**self.evidence.cursors, **found.cursors})
        return found

    def look(self) -> tuple[Comparison, ...]:
        found = self.batch()
        assert not found.problems
        return found.comparisons


ERRORS = {"name": "errors", "metric": "errorRate"}


def quality(folder: Path, **fields: object) -> dict[str, object]:
    return {"name": "q", "metric": "quality", "source": {"kind": "labels", "labels": str(folder / "labels")}, **fields}


def test_each_answer_counts_once_for_its_model(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [ERRORS])
    desk.write(answer("1", "stable"), answer("2", "canary", status_code=500), answer("3", "canary"))
    assert desk.look() == (Comparison("errors", Arm.binary(1, 0), Arm.binary(2, 1)),)
    assert desk.look() == ()
    desk.write(answer("3", "canary"), answer("4", "stable", status_code=400))
    assert desk.look() == (Comparison("errors", Arm.binary(1, 0), Arm()),)


def test_what_does_not_belong_to_the_attempt_is_left_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [ERRORS])
    desk.write(
        answer("before", "canary", time=at(29)),
        answer("warm-up", "canary", step=""),
        answer("another bundle", "canary", digest="sha256:" + 64 * "f"),
    )
    assert desk.look() == ()


def test_a_stable_that_steps_in_is_not_held_against_the_candidate_nor_for_itself(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [ERRORS])
    desk.write(
        answer("1", "canary", status_code=NO_ANSWER, digest="", scores=(), delivered=False),
        answer("1", "stable", assigned="canary", attempt=2),
    )
    assert desk.look() == (Comparison("errors", Arm(), Arm.binary(1, 1)),)


def test_in_shadow_both_answers_to_a_request_are_a_pair_whichever_is_logged_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [ERRORS], step="shadow")
    bad = {"status_code": 500}
    desk.write(answer("1", "stable", "shadow"), answer("2", "shadow", "shadow", **bad), answer("3", "stable", "shadow"))
    assert desk.look() == ()
    desk.write(answer("1", "shadow", "shadow"), answer("2", "stable", "shadow"))
    assert desk.look() == (Comparison("errors", Arm(), Arm(), Pairs.binary(2, 1, 0)),)
    desk.restart()
    desk.write(answer("3", "shadow", "shadow", **bad), answer("4", "stable", "shadow"), answer("4", "shadow", "shadow"))
    assert desk.look() == (Comparison("errors", Arm(), Arm(), Pairs.binary(2, 1, 0)),)


def test_latencies_and_predictions_are_histograms(tmp_path: Path) -> None:
    gates = [
        {"name": "slow", "metric": "latencyQuantile"},
        {"name": "apart", "metric": "predictions", "cuts": [0.4], "source": {"kind": "predictionLog"}},
    ]
    desk = Desk(tmp_path, gates)
    desk.write(answer("1", "stable", scores=((0.3,),)), answer("2", "canary", latency_ms=7.0), answer("3", "canary"))
    apart, slow = sorted(desk.look(), key=lambda each: each.gate)
    assert (apart.stable, apart.candidate) == (Histogram((0.4,), (1, 0)), Histogram((0.4,), (0, 2)))
    assert (slow.stable.count, slow.candidate.count) == (1, 2)


def test_slices_are_told_beside_the_whole(tmp_path: Path) -> None:
    sliced = {**ERRORS, "source": {"kind": "predictionLog"}, "slices": {"everyValueOf": ["carrier"]}}
    desk = Desk(tmp_path, [sliced])
    desk.write(answer("1", "stable"), answer("2", "canary", features='[{"carrier": "HA"}]', status_code=503))
    assert {each.slice: each.candidate for each in desk.look()} == {
        "overall": Arm.binary(1, 1),
        "carrier=UA": Arm(),
        "carrier=HA": Arm.binary(1, 1),
    }


@pytest.mark.parametrize("restarted", [False, True])
def test_a_label_counts_once_when_it_has_met_its_answer(tmp_path: Path, *, restarted: bool) -> None:
    desk = Desk(tmp_path, [quality(tmp_path)])
    desk.label("early,1\n1,1\n")
    desk.write(answer("1", "canary", scores=((0.75,),)), answer("2", "stable"))
    assert desk.look() == (Comparison("q", Arm(), Arm.of([0.0625])),)
    if restarted:
        desk.restart()
    desk.label("2,0\n1,1\nnobody,1\nhalf a li")
    desk.write(answer("early", "stable", scores=((0.5,),)))
    (found,) = desk.look()
    assert found == Comparison("q", Arm.of([0.25, 0.25]), Arm())


def test_a_shadow_is_compared_on_the_same_label(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [quality(tmp_path)], step="shadow")
    desk.label("1,1\n")
    desk.write(answer("1", "stable", "shadow", scores=((1.0,),)))
    assert desk.look() == ()
    desk.write(answer("1", "shadow", "shadow", scores=((0.0,),)))
    assert desk.look() == (Comparison("q", Arm(), Arm(), Pairs.of([1.0])),)


def test_what_cannot_be_read_is_a_problem_of_its_gate_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [ERRORS, quality(tmp_path)])
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "labels.csv").write_text("id,truth\n1,1\n")
    desk.write(answer("1", "stable"))
    found = desk.batch()
    assert list(found.problems) == ["q"]
    assert "no column 'request_id'" in found.problems["q"]
    assert [each.gate for each in found.comparisons] == ["errors"]


def test_a_damaged_log_is_a_problem_of_every_gate(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [ERRORS])
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "20300101T000000.000000-000001.parquet").write_bytes(b"nothing of the kind")
    assert "no file of a prediction log" in desk.batch().problems["errors"]

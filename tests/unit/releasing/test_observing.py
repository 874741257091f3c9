"""From a release to what its sources say: on a cluster and on a laptop the same."""

from __future__ import annotations

from pathlib import Path

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.observations import Arm, Batch, Comparison, Pairs
from penstock.releasing.observing import SourcesObserver
from penstock.releasing.planning.observed import Observed
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.status import Deployed, ModelReleaseStatus, Phase, Trial, Twin
from penstock.serving.prediction_log import Prediction
from tests.unit.releasing.releases import at, spec_of
from tests.unit.releasing.sources.logs import record, write

ERRORS = {"name": "errors", "metric": "errorRate"}
SLOW = {"name": "slow", "metric": "latencyQuantile", "source": {"url": "http://prometheus.example.com"}}
REVENUE = {"name": "revenue", "metric": "business"}


def look(gates: list[dict[str, object]], step: str = "canary-5", number: int = 1, began: float = 30) -> Look:
    """A release at a step of its ladder."""
    spec = spec_of("two", analysis={"gates": gates})
    stable, candidate = (
        Deployed(version=Version(bundle=spec_of(name).model, serving=spec.serving), twin=twin)
        for name, twin in (("one", Twin.A), ("two", Twin.B))
    )
    share, copies = (0, 20) if step == "shadow" else (5, 0)
    trial = Trial(number=number, started=at(began), step=step, weight_percent=share, mirror_percent=copies)
    status = ModelReleaseStatus(phase=Phase.RELEASING, stable=stable, candidate=candidate, trial=trial)
    return Look(Key("local", "flights"), spec, status, Observed(1))


def answer(request_id: str, role: str = "stable", seconds: float = 60, **more: object) -> Prediction:
    digest = spec_of("one" if role == "stable" else "two").model.digest
    return record(request_id, role, **{"digest": digest, "time": at(seconds), **more})


def batch(observer: SourcesObserver, at_look: Look, evidence: Evidence) -> tuple[Batch, Evidence]:
    """What is new, and the evidence after it was kept."""
    found = observer.batch(at_look, evidence)
    return found, Evidence(cursors={**evidence.cursors, **found.cursors})


def test_where_there_is_no_prometheus_the_log_tells_what_it_holds(tmp_path: Path) -> None:
    observer = SourcesObserver(prometheus=None, prediction_log=tmp_path)
    found, evidence = batch(observer, look([ERRORS, SLOW, REVENUE]), Evidence())
    assert list(found.problems) == ["revenue"]
    assert "take it from `labels`" in found.problems["revenue"]
    write(tmp_path, "1", [answer("1"), answer("2", "canary", status_code=500)])
    found, _ = batch(observer, look([ERRORS, SLOW, REVENUE]), evidence)
    counted = [(each.gate, each.stable.count, each.candidate.count) for each in found.comparisons]
    assert counted == [("errors", 1, 1), ("slow", 1, 1)]


def test_where_no_source_is_named_that_is_a_problem() -> None:
    found = SourcesObserver().batch(
        look([ERRORS, {**ERRORS, "name": "logged", "source": {"kind": "predictionLog"}}]), Evidence()
    )
    assert "no Prometheus is named" in found.problems["errors"]
    assert "no prediction log is named" in found.problems["logged"]


def test_the_steps_of_the_ladder_say_what_is_a_pair(tmp_path: Path) -> None:
    observer = SourcesObserver(prometheus=None, prediction_log=tmp_path)
    _, evidence = batch(observer, look([ERRORS], "shadow"), Evidence())
    write(tmp_path, "1", [answer("1", step="shadow"), answer("2", step="shadow"), answer("warm", step="")])
    found, evidence = batch(observer, look([ERRORS], "shadow"), evidence)
    assert (found.step, found.shadow, found.comparisons) == ("shadow", True, ())
    write(tmp_path, "2", [answer("1", "shadow", status_code=500), answer("3", "canary")])
    found, evidence = batch(observer, look([ERRORS]), evidence)
    alone, pair = found.comparisons
    assert (alone.candidate, pair.paired) == (Arm.binary(1, 0), Pairs.binary(1, 1, 0))


def test_only_answers_of_the_attempt_under_way_count(tmp_path: Path) -> None:
    observer = SourcesObserver(prometheus=None, prediction_log=tmp_path)
    write(tmp_path, "1", [answer("0", "canary")])
    _, evidence = batch(observer, look([ERRORS]), Evidence())
    write(tmp_path, "2", [answer("1", "canary", status_code=500)])
    assert batch(observer, look([ERRORS]), evidence)[0].comparisons
    retried = look([ERRORS], number=2, began=100)
    _, evidence = batch(observer, retried, Evidence())
    write(tmp_path, "3", [answer("late", "canary", seconds=99, status_code=500), answer("2", "canary", seconds=101)])
    found, _ = batch(observer, retried, evidence)
    assert found.comparisons == (Comparison("errors", Arm(), Arm.binary(1, 0)),)

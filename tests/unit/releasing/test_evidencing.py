"""Evidence is kept before it counts, and what cannot be kept does not."""

from __future__ import annotations

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.evidencing import EvidenceJudge
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.observations import Arm, Batch, Comparison
from penstock.releasing.observing import SourcesObserver
from penstock.releasing.planning.observed import Observed
from penstock.releasing.port import Conflict, Key, Look
from penstock.releasing.resource.status import Deployed, ModelReleaseStatus, Phase, Trial, Twin
from penstock.sdk import PenstockError
from tests.unit.releasing.releases import START, spec_of


def look(**fields: object) -> Look:
    spec, stable = spec_of("two"), spec_of("one").target
    status = ModelReleaseStatus(
        phase=Phase.RELEASING,
        stable=Deployed(version=stable, twin=Twin.A),
        candidate=Deployed(version=spec.target, twin=Twin.B),
        trial=Trial(number=3, started=START, step="canary-5", weight_percent=5),
    )
    return Look(Key("ml", "flights"), spec, status.model_copy(update=fields), Observed(1))


class Answers:
    """As many answers at every look, of which so many failed."""

    def batch(self, look: Look, evidence: Evidence) -> Batch:
        return Batch(step="canary-5", comparisons=(Comparison("errors", Arm.binary(100, 1), Arm.binary(100, 4)),))


class Kept:
    """A store that may refuse."""

    def __init__(self, refusal: PenstockError | None = None) -> None:
        self.evidence, self.refusal = Evidence(), refusal

    def load(self, look: Look) -> Evidence:
        return self.evidence

    def keep(self, look: Look, evidence: Evidence) -> None:
        if self.refusal:
            raise self.refusal
        self.evidence = evidence


def test_evidence_adds_up_over_looks_and_processes() -> None:
    store = Kept()
    said = [EvidenceJudge(Answers(), store).judge(look()) for _ in range(30)]
    assert [one.trial for one in said if one] == [3] * 30
    assert said[0] and said[0].readings[0].candidate_samples == 100
    assert said[-1] and said[-1].readings[0].verdict is Verdict.FAILED


def test_what_another_wrote_meanwhile_stops_the_look() -> None:
    with pytest.raises(Conflict):
        EvidenceJudge(Answers(), Kept(Conflict("written since"))).judge(look())


def test_what_cannot_be_kept_is_an_error_of_every_gate() -> None:
    said = EvidenceJudge(Answers(), Kept(PenstockError("too large"))).judge(look())
    assert said is not None
    assert [(one.verdict, one.text) for one in said.readings] == [
        (Verdict.ERROR, "its evidence cannot be kept: too large")
    ]


def test_nothing_is_judged_where_nothing_is_tried() -> None:
    judge = EvidenceJudge(Answers(), Kept())
    assert judge.judge(look(candidate=None)) is None
    assert judge.judge(look(trial=None)) is None
    assert judge.judge(look(trial=Trial(number=1, started=START))) is None


def test_a_gate_without_a_source_says_which_is_missing() -> None:
    said = EvidenceJudge(SourcesObserver(), Kept()).judge(look())
    assert said is not None
    assert said.readings[0].verdict is Verdict.ERROR
    assert "no Prometheus is named" in said.readings[0].text

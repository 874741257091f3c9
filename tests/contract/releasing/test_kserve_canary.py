"""KServe's own canary on a real API server, with what KServe and Knative do about it played by its own rules."""

from __future__ import annotations

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.kubernetes.api import INFERENCE_SERVICES
from penstock.releasing.resource.status import Phase
from tests.contract.releasing.conftest import OnCluster
from tests.contract.releasing.fake_knative import FakeKnative
from tests.servers.kubernetes import Cluster
from tests.unit.releasing.releases import LADDER, bundle

pytestmark = pytest.mark.cluster
FIELDS = {"route": {"mode": "kserveCanary"}, "ladder": LADDER[1:]}
ONE, TWO = bundle("one")["storageUri"], bundle("two")["storageUri"]


@pytest.fixture
def story(with_kserve: Cluster, namespace: str) -> OnCluster:
    made = OnCluster(with_kserve, namespace)
    made.kserve = FakeKnative(made.admin, namespace)
    made.git("one", **FIELDS)
    made.until(lambda status: status.phase is Phase.STABLE and status.route.seen == status.route.wanted)
    return made


def shares(story: OnCluster) -> dict[str, int]:
    found: dict[str, int] = story.kserve.shares
    return {model: share for model, share in found.items() if share}


def percent(story: OnCluster) -> int | None:
    thing = story.admin.get(INFERENCE_SERVICES, story.key.namespace, "flights")
    assert thing
    return thing["spec"]["predictor"].get("canaryTrafficPercent")


def test_a_candidate_climbs_by_percentages_and_is_promoted_without_one(story: OnCluster) -> None:
    assert (shares(story), percent(story)) == ({ONE: 100}, None)
    story.git("two", **FIELDS)
    seen = []
    for _ in range(60):
        status = story.look()
        if shares(story).get(TWO, 0) not in seen:
            seen.append(shares(story).get(TWO, 0))
        if status.phase is Phase.STABLE and percent(story) is None:
            break
    assert seen == [0, 5, 50, 100]
    story.look()
    assert (shares(story), percent(story)) == ({TWO: 100}, None)
    assert status.stable.version.bundle.digest == bundle("two")["digest"]
    assert story.twins() == ["flights"]


@pytest.mark.parametrize("step", ["canary-5", "canary-50", "canary-100", "bake"])
def test_a_rejected_candidate_has_nothing_from_then_on_and_the_stable_one_is_restored(
    story: OnCluster, step: str
) -> None:
    story.git("two", **FIELDS)
    story.until(lambda status: bool(status.trial and status.trial.step == step and status.trial.step_since))
    story.gates.verdict = Verdict.FAILED
    assert story.look(0).phase is Phase.ROLLING_BACK
    assert percent(story) == 0
    story.gates.verdict = Verdict.SUCCESSFUL
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert shares(story) == {ONE: 100}
    for _ in range(20):
        status = story.look(20)
        assert shares(story) == {ONE: 100}, "also while the stable version is written over it"
    assert percent(story) is None
    assert {each.type: each.status for each in status.conditions}["Ready"] == "True"
    assert status.phase is Phase.ROLLED_BACK


def test_another_candidate_may_follow_one_that_was_rejected(story: OnCluster) -> None:
    story.git("two", **FIELDS)
    story.until(lambda status: bool(status.trial and status.trial.step == "canary-50"))
    story.gates.verdict = Verdict.FAILED
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    story.gates.verdict = Verdict.SUCCESSFUL
    story.git("three", **FIELDS)
    status = story.until(lambda status: status.phase is Phase.STABLE and status.candidate is None)
    story.until(lambda _: percent(story) is None and shares(story) == {bundle("three")["storageUri"]: 100})
    assert status.stable.version.bundle.digest == bundle("three")["digest"]

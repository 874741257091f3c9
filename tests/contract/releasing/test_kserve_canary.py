"""KServe's own canary on a real API server, with what KServe and Knative do about it played by its own rules."""

from __future__ import annotations

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.kubernetes.api import INFERENCE_SERVICES
from penstock.releasing.kubernetes.cluster import KubernetesCluster
from penstock.releasing.planning.actions import Action, SetRoute
from penstock.releasing.port import Conflict, Look
from penstock.releasing.reconciling import reconcile
from penstock.releasing.resource.status import Phase, Split, Twin
from tests.contract.releasing.conftest import OnCluster
from tests.contract.releasing.fake_knative import FakeKnative
from tests.servers.kubernetes import Cluster
from tests.unit.releasing.releases import LADDER, at, bundle

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


def test_a_candidate_that_never_becomes_ready_is_rejected_and_another_may_follow(story: OnCluster) -> None:
    story.kserve.ready_after = 1_000_000
    story.git("two", **FIELDS, guardrails={"startupSeconds": 30, "drainSeconds": 10})
    status = story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert status.rejected[0].reason == "NeverReady"
    assert shares(story) == {ONE: 100}
    story.kserve.ready_after = 2
    story.git("three", **FIELDS)
    story.until(lambda status: status.phase is Phase.STABLE and shares(story) == {bundle("three")["storageUri"]: 100})


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


class HeldUp(Exception):
    """A controller stops between what it has decided and what it does."""


class Late:
    """A cluster whose controller is held up before it does anything."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        self.look, self.save, self._cluster = cluster.look, cluster.save, cluster
        self.waiting: list[tuple[Look, Action]] = []

    def perform(self, look: Look, action: Action) -> None:
        self.waiting.append((look, action))
        raise HeldUp

    def go_on(self) -> None:
        for look, action in self.waiting:
            self._cluster.perform(look, action)


@pytest.mark.parametrize("another", ["acts", "dies before it acts"])
def test_a_controller_that_was_held_up_cannot_write_what_another_has_decided_against(
    story: OnCluster, another: str
) -> None:
    story.git("two", **FIELDS)
    story.until(lambda status: status.phase is Phase.WARMING_UP and status.trial.step_since is not None)
    late = Late(story.cluster)
    with pytest.raises(HeldUp):
        reconcile(late, story.gates, story.key, lambda: at(story.seconds + 10))
    assert late.waiting[0][1] == SetRoute(Split.of(Twin.A, 5), story.status().route.revision)
    # Another one gives the candidate up. The shares are right already: nobody has written 5%, nor has KServe anything.
    story.git("one", **FIELDS)
    if another == "dies before it acts":
        with pytest.raises(HeldUp):
            reconcile(Late(story.cluster), story.gates, story.key, lambda: at(story.seconds + 20))
    made = reconcile(story.cluster, story.gates, story.key, lambda: at(story.seconds + 21))
    assert made.status.route.wanted == Split.of(Twin.A)
    assert percent(story) == 0
    with pytest.raises(Conflict):
        late.go_on()
    story.until(lambda status: status.phase is Phase.STABLE and percent(story) is None)
    assert shares(story) == {ONE: 100}


def test_what_is_at_rest_is_not_written_again(story: OnCluster) -> None:
    thing = story.admin.get(INFERENCE_SERVICES, story.key.namespace, "flights")
    for _ in range(5):
        story.look(100)
    again = story.admin.get(INFERENCE_SERVICES, story.key.namespace, "flights")
    assert again["metadata"]["resourceVersion"] == thing["metadata"]["resourceVersion"]

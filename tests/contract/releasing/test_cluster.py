"""Releases on a real kube-apiserver: driven end to end, and against other managers and other controllers."""

from __future__ import annotations

import json

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.kubernetes.api import INFERENCE_SERVICES, VIRTUAL_SERVICES
from penstock.releasing.planning.actions import DeleteTwin, SetRoute
from penstock.releasing.port import Conflict
from penstock.releasing.resource.status import Phase, Split, Twin
from tests.contract.releasing.conftest import OnCluster
from tests.servers.kubernetes import Cluster
from tests.unit.releasing.releases import bundle

pytestmark = pytest.mark.cluster


@pytest.fixture
def story(with_kserve: Cluster, namespace: str) -> OnCluster:
    return OnCluster(with_kserve, namespace)


def serving(story: OnCluster) -> OnCluster:
    story.git("one")
    story.until(lambda status: status.phase is Phase.STABLE and status.route.seen == status.route.wanted)
    return story


def test_a_whole_release_from_the_first_model_to_the_promotion_of_the_second(story: OnCluster) -> None:
    serving(story)
    assert story.twins() == ["flights-a"]
    story.git("two")
    told, steps = [], []
    for _ in range(60):
        status = story.look()
        told.append(tuple(story.weights()))
        if status.trial and status.trial.step and status.trial.step not in steps:
            steps.append(status.trial.step)
        if status.phase is Phase.STABLE and story.twins() == ["flights-b"]:
            break
    assert steps == ["shadow", "canary-5", "canary-50", "canary-100", "bake"]
    assert list(dict.fromkeys(told)) == [(100,), (100, 0), (95, 5), (50, 50), (0, 100)] or told[-1] == (100,)
    assert status.stable.version.bundle.digest == bundle("two")["digest"]
    shown = story.server.kubectl("get", "mr", "-n", story.key.namespace)
    assert shown.splitlines()[1].split()[:2] == ["flights", "Stable"]
    events = story.server.kubectl("get", "events", "-n", story.key.namespace, "-o", "json")
    assert {"Started", "Advanced", "Promoted"} <= {each["reason"] for each in json.loads(events)["items"]}


def test_what_is_made_is_what_kserve_s_schema_knows(story: OnCluster) -> None:
    pool = {"nodeSelector": {"nvidia.com/gpu.product": "L4"}, "tolerations": [{"key": "nvidia.com/gpu"}]}
    limits = {"memory": "4Gi", "nvidia.com/gpu": "1"}
    runs = {"runtime": "penstock", "nodePool": pool, "resources": {"limits": limits}, "environment": {"A": "b"}}
    story.git("one", serving={**runs, "serviceAccount": "models"})
    story.look()
    made = story.admin.get(INFERENCE_SERVICES, story.key.namespace, "flights-a")
    predictor = made["spec"]["predictor"]
    assert predictor["nodeSelector"] == pool["nodeSelector"]
    assert predictor["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert predictor["model"]["storageUri"] == bundle("one")["storageUri"]
    assert made["metadata"]["ownerReferences"][0]["kind"] == "ModelRelease"
    again = {key: made[key] for key in ("apiVersion", "kind", "spec")}
    again["metadata"] = {"name": "again", "namespace": story.key.namespace}
    story.server.apply(again)


def test_a_rollback_is_one_write_of_the_route_in_the_same_reconcile(story: OnCluster) -> None:
    serving(story)
    story.git("two")
    story.until(lambda status: bool(status.trial and status.trial.step == "canary-50" and status.trial.step_since))
    before = story.route()["metadata"]["generation"]
    story.gates.verdict = Verdict.FAILED
    status = story.look(0)
    assert status.phase is Phase.ROLLING_BACK
    assert story.weights() == [100]
    assert story.route()["metadata"]["generation"] == before + 1
    story.until(lambda status: status.phase is Phase.ROLLED_BACK and story.twins() == ["flights-a"])
    story.gates.verdict = Verdict.SUCCESSFUL
    for _ in range(5):
        assert story.look(100).phase is Phase.ROLLED_BACK
    waited = story.server.try_kubectl(
        "wait", "mr/flights", "-n", story.key.namespace, "--for=condition=Degraded", "--timeout=5s"
    )
    assert waited.returncode == 0


def test_another_manager_is_refused_and_what_it_takes_by_force_is_taken_back(story: OnCluster) -> None:
    serving(story)
    route = story.route()
    rule = {**route["spec"]["rules"][0], "backendRefs": [{"name": "somebody-elses", "port": 80, "weight": 1}]}
    theirs = {key: route[key] for key in ("apiVersion", "kind")}
    theirs |= {"metadata": {"name": "flights-release", "namespace": story.key.namespace}, "spec": {"rules": [rule]}}
    apply = ["apply", "--server-side", "--field-manager=argocd", "-f", "-"]
    refused = story.server.try_kubectl(*apply, text=json.dumps(theirs))
    assert 'conflict with "penstock-controller"' in refused.stderr
    story.server.kubectl(*apply, "--force-conflicts", text=json.dumps(theirs))
    status = story.look()
    assert story.weights() == [100]
    managed = story.route()["metadata"]["managedFields"]
    owners = {each["manager"] for each in managed if "f:rules" in str(each["fieldsV1"])}
    assert owners == {"penstock-controller"}
    assert status.phase is Phase.STABLE


def test_a_deleted_twin_and_a_deleted_route_are_made_again(story: OnCluster) -> None:
    serving(story)
    story.server.kubectl("delete", "inferenceservice/flights-a", "httproute/flights-release", "-n", story.key.namespace)
    story.until(lambda status: {each.type: each.status for each in status.conditions}["Ready"] == "True")
    assert story.twins() == ["flights-a"]


def test_two_controllers_write_one_status_and_one_route(story: OnCluster) -> None:
    serving(story)
    first, second = story.cluster.look(story.key), story.cluster.look(story.key)
    saved = story.cluster.save(first, first.status.model_copy(update={"message": "first"}))
    with pytest.raises(Conflict):
        story.cluster.save(second, second.status.model_copy(update={"message": "second"}))
    story.cluster.perform(saved, SetRoute(Split.of(Twin.A), 7))
    with pytest.raises(Conflict):
        story.cluster.perform(second, SetRoute(Split.of(Twin.A, 50), 8))
    assert story.weights() == [100]


def test_a_twin_that_has_traffic_is_not_removed_whatever_was_planned(story: OnCluster) -> None:
    serving(story)
    look = story.cluster.look(story.key)
    with pytest.raises(Conflict, match="has traffic again"):
        story.cluster.perform(look, DeleteTwin(Twin.A))
    assert story.twins() == ["flights-a"]


def test_a_candidate_that_cannot_load_says_why(story: OnCluster) -> None:
    serving(story)
    story.kserve.broken = {"flights-b"}
    story.git("two")
    for _ in range(3):
        status = story.look()
    assert status.phase is Phase.PREPARING
    assert "ModelLoadFailed no such object" in status.message
    assert story.weights() == [100]


def test_a_quota_that_leaves_no_room_keeps_the_twin_from_being_made(story: OnCluster) -> None:
    serving(story)
    metadata = {"name": "gpus", "namespace": story.key.namespace}
    spec = {"hard": {"requests.cpu": "500m"}}
    story.server.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})
    # The quota controller would write this.
    patch = json.dumps({"status": {"hard": {"requests.cpu": "500m"}, "used": {"requests.cpu": "0"}}})
    story.server.kubectl("patch", "resourcequota/gpus", "-n", story.key.namespace, "--subresource=status",
                         "--type=merge", "-p", patch)  # fmt: skip
    story.git("two")
    status = story.look()
    status = story.look()
    assert story.twins() == ["flights-a"]
    assert "quota gpus leaves 0.5 of requests.cpu" in status.message


def test_istio_gets_virtual_services_and_services_for_the_mirror(story: OnCluster) -> None:
    route = {"mode": "istio", "host": "flights.example.com", "gateway": {"name": "public", "namespace": "gateways"}}
    story.git("one", route=route)
    story.until(lambda status: status.phase is Phase.STABLE and status.route.seen == status.route.wanted)
    story.git("two", route=route)
    story.until(lambda status: bool(status.trial and status.trial.step == "shadow" and status.trial.step_since))
    made = story.admin.get(VIRTUAL_SERVICES, story.key.namespace, "flights-release")
    mirrors = made["spec"]["http"][0]["mirrors"]
    assert mirrors[0]["percentage"] == {"value": 20}
    assert mirrors[0]["destination"]["host"] == f"flights-b-direct.{story.key.namespace}.svc.cluster.local"
    assert [each["weight"] for each in made["spec"]["http"][0]["route"]] == [100]
    services = story.server.kubectl("get", "services", "-n", story.key.namespace, "-o", "name").split()
    assert services == ["service/flights-a-direct", "service/flights-b-direct"]
    story.until(lambda status: status.phase is Phase.STABLE and story.twins() == ["flights-b"])


def test_a_release_that_goes_takes_nothing_with_it_while_it_is_being_deleted(story: OnCluster) -> None:
    serving(story)
    story.server.kubectl("delete", "mr/flights", "-n", story.key.namespace, "--wait=false")
    assert story.cluster.look(story.key) is None

"""A kube-apiserver that knows ModelRelease, and a release as Git holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.kubernetes.api import HTTP_ROUTES, INFERENCE_SERVICES, Api
from penstock.releasing.kubernetes.cluster import KubernetesCluster
from penstock.releasing.planning.observed import Judged
from penstock.releasing.port import Conflict, Key, Look
from penstock.releasing.reconciling import reconcile
from penstock.releasing.resource.status import ModelReleaseStatus
from tests.contract.releasing.fake_kserve import FakeKServe
from tests.manifests import ROOT
from tests.servers.kubernetes import ADMINISTRATOR, Cluster, crds
from tests.unit.releasing.releases import LADDER, at, bundle, reading

CRD = ROOT / "kustomize" / "base" / "controller" / "custom-resource-definition.yaml"


@pytest.fixture(scope="session")
def with_releases(cluster: Cluster) -> Cluster:
    """The session's kube-apiserver, with the CustomResourceDefinition that `ci/generate` wrote."""
    cluster.install(CRD)
    return cluster


def release(name: str, namespace: str, model: str = "one", **fields: Any) -> dict[str, Any]:
    """A ModelRelease with short times; fields of the specification over the usual ones."""
    spec = {
        "model": bundle(model),
        "serving": {"runtime": "penstock"},
        "route": {
            "mode": "gatewayAPI",
            "host": f"{name}.example.com",
            "gateway": {"name": "public", "namespace": "gateways"},
        },
        "ladder": LADDER,
        **fields,
    }
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "penstock.io/v1alpha1", "kind": "ModelRelease", "metadata": metadata, "spec": spec}


KSERVE = ("kserve/v0.15.2/serving.kserve.io_inferenceservices.yaml",)
GATEWAYS = ("gateway-api/v1.5.1/standard/gateway.networking.k8s.io_httproutes.yaml",)
ISTIO = ("istio/1.27.1", "knative-serving/knative-v1.21.1/service.yaml")


def api_of(cluster: Cluster, token: str = ADMINISTRATOR) -> Api:
    """A client of whom a token is."""
    from lightkube import KubeConfig

    config = KubeConfig.from_file(cluster.kubeconfig_of(token)).get()
    assert config is not None
    return Api(config)


@pytest.fixture(scope="session")
def with_kserve(with_releases: Cluster) -> Cluster:
    """The same, with the kinds of KServe, the Gateway API, Istio and Knative."""
    with_releases.install(*crds(*KSERVE, *GATEWAYS, *ISTIO))
    return with_releases


class Fixed:
    """Gates that say what the test says, for whatever attempt is under way."""

    def __init__(self) -> None:
        self.verdict, self.samples = Verdict.SUCCESSFUL, 0

    def judge(self, look: Look) -> Judged | None:
        trial = look.status.trial
        if not trial or not trial.step or not look.status.candidate:
            return None
        self.samples += 100
        return Judged(trial.number, trial.step, (reading(self.verdict, self.samples),))


class OnCluster:
    """One release on a real API server, its time in the test's hand."""

    def __init__(self, server: Cluster, namespace: str, name: str = "flights", api: Api | None = None) -> None:
        self.server, self.key = server, Key(namespace, name)
        self.admin = api_of(server)
        self.api = api or self.admin
        self.cluster, self.gates = KubernetesCluster(self.api), Fixed()
        self.kserve = FakeKServe(self.admin, namespace)
        self.seconds = 0.0

    def git(self, model: str, **fields: Any) -> None:
        """What Git holds is applied."""
        fields = {"warmUp": {"seconds": 5}, "bake": {"seconds": 30, "deadlineSeconds": 600}, **fields}
        fields.setdefault("analysis", {"gates": [{"name": "errors", "metric": "errorRate"}]})
        fields.setdefault("guardrails", {"drainSeconds": 10})
        self.server.apply(release(self.key.name, self.key.namespace, model, **fields))

    def look(self, seconds: float = 3.0) -> ModelReleaseStatus:
        """Time passes, KServe does its part, and the controller looks once."""
        self.seconds += seconds
        self.kserve.step()
        for _ in range(5):
            try:
                made = reconcile(self.cluster, self.gates, self.key, lambda: at(self.seconds))
            except Conflict:
                continue  # The controller looks again at once.
            assert made is not None
            return made.status
        raise AssertionError("one conflict after another")

    def until(self, holds: Callable[[ModelReleaseStatus], bool], looks: int = 100) -> ModelReleaseStatus:
        for _ in range(looks):
            status = self.look()
            if holds(status):
                return status
        raise AssertionError(f"never: {status.phase} {status.message}")

    def status(self) -> ModelReleaseStatus:
        look = self.cluster.look(self.key)
        assert look
        return look.status

    def route(self) -> dict[str, Any]:
        found = self.admin.get(HTTP_ROUTES, self.key.namespace, f"{self.key.name}-release")
        assert found
        return found

    def weights(self) -> list[int]:
        return [each["weight"] for each in self.route()["spec"]["rules"][0]["backendRefs"]]

    def twins(self) -> list[str]:
        return [each["metadata"]["name"] for each in self.admin.list(INFERENCE_SERVICES, self.key.namespace)[0]]

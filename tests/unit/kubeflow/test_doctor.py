"""What a cluster's lacks are called, and that each has a remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.kubeflow import doctor
from penstock.kubeflow.doctor import Observed, Permission, Workload, judge, needed_permissions
from penstock.kubeflow.placing import Node, Taint
from penstock.profiles.cluster import ClusterProfile

PROFILE = ClusterProfile.model_validate(
    {
        "namespace": "ml",
        "service_account": "penstock-runner",
        "lineage": "grpc://lineage.penstock.svc:8080",
        "images": {"runtime": "registry.example.com/penstock/runtime@sha256:" + "1" * 64},
        "secret_variables": [{"secret": "store", "key": "password", "name": "STORE_PASSWORD"}],
        "node_pools": {
            "gpu": {
                "node_selector": {"pool": "gpu"},
                "tolerations": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
                "accelerator_type": "nvidia.com/gpu",
                "accelerator_count": 2,
            }
        },
    }
)
GPU = Node("gpu-1", {"pool": "gpu"}, (Taint("nvidia.com/gpu"),), {"nvidia.com/gpu": "4"})
KUBEFLOW = Workload(
    "kubeflow",
    "ghcr.io/kubeflow/kfp-api-server:2.17.0",
    ("/bin/apiserver", "--pipelinesStoreKubernetes=true"),
    {doctor.NON_ROOT: "true"},
)
HEALTHY = Observed(
    server="https://cluster.example.com",
    version="v1.34.4",
    skew_seconds=1.0,
    definitions=frozenset({doctor.PIPELINES, doctor.VERSIONS, doctor.SERVICES, doctor.INFERENCE, *doctor.ROUTES}),
    kubeflow=KUBEFLOW,
    kserve=Workload("kserve", "docker.io/kserve/kserve-controller:v0.16.0"),
    knative_flags=dict.fromkeys(doctor.KNATIVE_FLAGS, "enabled"),
    namespace_labels={"pod-security.kubernetes.io/enforce": "restricted"},
    accounts=frozenset({"default", "penstock-runner"}),
    secrets={"store": frozenset({"password"})},
    lineage_addresses=2,
    nodes=(Node("cpu-1", {"pool": "cpu"}), GPU),
    storage_classes={"standard": True},
    allowed=needed_permissions(PROFILE),
)


def test_a_healthy_cluster_lacks_nothing() -> None:
    findings = judge(HEALTHY, PROFILE)
    assert [finding for finding in findings if finding.ok is not True] == []
    assert [finding.what for finding in findings] == [
        "kubernetes",
        "clock",
        "kubeflow pipelines",
        "pipelines by GitOps",
        "namespace ml",
        "service account penstock-runner",
        "secret store",
        "images",
        "lineage",
        "node pool gpu",
        "storage",
        "kserve",
        "knative",
        "traffic",
        "permissions",
    ]


@pytest.mark.parametrize(
    ("change", "what", "text", "remedy"),
    [
        ({"version": "v1.26.9"}, "kubernetes", "v1.26.9", "at least 1.27"),
        ({"skew_seconds": -75.0}, "clock", "75 s behind this machine", "time server"),
        ({"kubeflow": None}, "kubeflow pipelines", "no deployment ml-pipeline", "Install Kubeflow Pipelines 2.14"),
        (
            {"kubeflow": replace(KUBEFLOW, image="gcr.io/ml-pipeline/api-server:2.5.0"), "namespace_labels": {}},
            "kubeflow pipelines",
            "2.5.0 in the namespace kubeflow",
            "2.14 or later",
        ),
        (
            {"kubeflow": replace(KUBEFLOW, arguments=())},
            "pipelines by GitOps",
            "does not read them",
            "--pipelinesStoreKubernetes=true",
        ),
        ({"namespace_labels": None}, "namespace ml", "it is missing", "manifests/<environment>/platform"),
        ({"kubeflow": replace(KUBEFLOW, environment={})}, "namespace ml", "refuses the pods", doctor.NON_ROOT),
        (
            {"kubeflow": replace(KUBEFLOW, image="ghcr.io/kubeflow/kfp-api-server:2.15.0")},
            "namespace ml",
            "refuses the pods",
            "2.16 or later",
        ),
        ({"accounts": frozenset({"default"})}, "service account penstock-runner", "missing in ml", "service_account"),
        (
            {"secrets": {"store": None}},
            "secret store",
            "missing in ml",
            "kubectl create secret generic store -n ml --from-file=password=FILE",
        ),
        ({"secrets": {"store": frozenset({"user"})}}, "secret store", "no password", "Add what is missing"),
        ({"lineage_addresses": 0}, "lineage", "no pod answers", "the Secret lineage is missing"),
        ({"lineage_addresses": -1}, "lineage", "no Service lineage in the namespace penstock", "platform"),
        ({"nodes": (Node("cpu-1", {"pool": "cpu"}),)}, "node pool gpu", "pool=gpu", "device plugin"),
        (
            {"nodes": (replace(GPU, allocatable={"nvidia.com/gpu": "1"}),)},
            "node pool gpu",
            "no node among those with pool=gpu has more than 1",
            "device plugin",
        ),
        (
            {"nodes": (replace(GPU, taints=(Taint("reserved"),)),)},
            "node pool gpu",
            "does not tolerate the taint reserved:NoSchedule",
            "Correct node_pools",
        ),
        ({"nodes": ()}, "node pool gpu", "no node has a label pool", "scaled to zero"),
        ({"storage_classes": {"slow": False}}, "storage", "there are: slow", "is-default-class=true"),
        ({"storage_classes": {}}, "storage", "there are: none", "is-default-class=true"),
        ({"definitions": HEALTHY.definitions - {doctor.INFERENCE}}, "kserve", "not installed", "Install KServe 0.15"),
        (
            {"kserve": Workload("kserve", "docker.io/kserve/kserve-controller:v0.14.1")},
            "kserve",
            "v0.14.1 in the namespace kserve",
            "0.15 or later",
        ),
        (
            {"knative_flags": {doctor.KNATIVE_FLAGS[0]: "enabled", doctor.KNATIVE_FLAGS[1]: "Disabled"}},
            "knative",
            "kubernetes.podspec-tolerations, kubernetes.podspec-affinity",
            '{"data": {"kubernetes.podspec-tolerations": "enabled", "kubernetes.podspec-affinity": "enabled"}}',
        ),
        ({"definitions": HEALTHY.definitions - {*doctor.ROUTES}}, "traffic", "nothing there splits", "Gateway API"),
        (
            {"denied": (Permission("get", "pods", "ml", subresource="log", why="to show logs"),)},
            "permission",
            "you may not get pods/log -n ml",
            "kubectl auth can-i get pods/log -n ml",
        ),
    ],
)
def test_each_lack_is_named_with_its_remedy(change: dict[str, Any], what: str, text: str, remedy: str) -> None:
    lacking = [finding for finding in judge(replace(HEALTHY, **change), PROFILE) if finding.ok is False]
    assert [finding.what for finding in lacking] == [what]
    assert text in lacking[0].text
    assert remedy in lacking[0].remedy


@pytest.mark.parametrize(
    ("change", "open_"),
    [
        ({"skew_seconds": None}, {"clock"}),
        ({"kubeflow": None, "kubeflow_seen": False}, {"kubeflow pipelines", "pipelines by GitOps", "namespace ml"}),
        ({"definitions": None}, {"pipelines by GitOps", "kserve", "traffic"}),
        ({"kserve": None}, {"kserve"}),
        ({"knative_flags": None}, {"knative"}),
        ({"accounts": None}, {"service account penstock-runner"}),
        ({"secrets": {}, "secrets_seen": False}, {"secret store"}),
        ({"lineage_addresses": None}, {"lineage"}),
        ({"nodes": None}, {"node pool gpu"}),
        ({"storage_classes": None}, {"storage"}),
        ({"kserve": Workload("kserve", "kserve/kserve-controller@sha256:" + "2" * 64)}, {"kserve"}),
    ],
)
def test_what_may_not_be_looked_at_is_left_open(change: dict[str, Any], open_: set[str]) -> None:
    findings = judge(replace(HEALTHY, **change), PROFILE)
    assert {finding.what for finding in findings if finding.ok is None} == open_
    assert [finding for finding in findings if finding.ok is False] == []


def test_images_that_were_never_promoted_are_told() -> None:
    zeros = "registry.example.com/penstock/runtime@sha256:" + "0" * 64
    profile = PROFILE.model_copy(update={"images": {"runtime": zeros}})
    lacking = [finding for finding in judge(HEALTHY, profile) if finding.ok is False]
    assert [(finding.what, finding.text) for finding in lacking] == [
        ("images", "nothing has been promoted here yet: runtime")
    ]


def test_what_the_profile_does_not_ask_for_is_not_missed() -> None:
    bare = ClusterProfile(namespace="ml", service_account="penstock-runner", images=PROFILE.images)
    seen = replace(HEALTHY, knative_flags={}, nodes=(), lineage_addresses=None, secrets={})
    assert [finding for finding in judge(seen, bare) if finding.ok is not True] == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("grpc://lineage.penstock.svc:8080", ("lineage", "penstock")),
        ("grpcs://lineage.penstock.svc?ca=/etc/lineage/ca.pem", ("lineage", "penstock")),
        ("grpc://lineage.penstock.svc.cluster.local:8080", ("lineage", "penstock")),
        ("mysql://penstock@database.ml.svc/lineage", ("database", "ml")),
        ("mysql://penstock@db.example.com/lineage", None),
        ("grpc://lineage.example.com:8080", None),
        ("", None),
    ],
)
def test_the_lineages_service_is_read_from_its_url(url: str, expected: tuple[str, str] | None) -> None:
    assert doctor.lineage_service(ClusterProfile(lineage=url)) == expected


def test_rights_are_asked_for_as_the_way_in_needs_them() -> None:
    through_kubernetes = {permission.shown for permission in needed_permissions(ClusterProfile(namespace="ml"))}
    assert "create services/proxy -n kubeflow" in through_kubernetes
    in_cluster = ClusterProfile.model_validate({"kubeflow": {"auth": "in_cluster", "multi_user": True}})
    shown = {permission.shown for permission in needed_permissions(in_cluster)}
    assert not any("proxy" in permission for permission in shown)
    assert "create runs.pipelines.kubeflow.org -n kubeflow" in shown

"""`penstock doctor --cluster` on a real kube-apiserver: one with everything, one that lacks, and none at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.kubeflow import doctor
from tests.servers.kubernetes import ADMINISTRATOR, Cluster, crds
from tests.servers.processes import free_port

pytestmark = pytest.mark.cluster

CRDS = ("kubeflow-pipelines/2.17.0", "kserve/v0.16.0", "knative-serving/knative-v1.21.1", "gateway-api/v1.5.1")


def _deployment(name: str, namespace: str, image: str, **container: Any) -> dict[str, Any]:
    labels = {"app": name, "app.kubernetes.io/name": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image, **container}]}}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": pod},
    }


def _named(kind: str, name: str, namespace: str = "", api: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    metadata |= fields.pop("metadata", {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


@pytest.fixture(scope="module")
def equipped(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster with everything that a profile asks for, as far as the API shows it.

    What belongs to no namespace goes with it: other tests have this cluster after these.
    """
    cluster.install(*crds(*CRDS))
    for name, labels in (("kubeflow", {}), ("doctored", {"pod-security.kubernetes.io/enforce": "restricted"})):
        cluster.apply(_named("Namespace", name, metadata={"labels": labels}))
    for name in ("knative-serving", "kserve", "doctored-lineage"):
        cluster.apply(_named("Namespace", name))
    non_root = {"name": doctor.NON_ROOT, "value": "true"}
    image = "ghcr.io/kubeflow/kfp-api-server:2.17.0"
    cluster.apply(
        _deployment("ml-pipeline", "kubeflow", image, args=["--pipelinesStoreKubernetes=true"], env=[non_root]),
        _deployment("kserve-controller-manager", "kserve", "docker.io/kserve/kserve-controller:v0.16.0"),
        _named("ConfigMap", "config-features", "knative-serving", data=dict.fromkeys(doctor.KNATIVE_FLAGS, "enabled")),
        _named("ServiceAccount", "penstock-runner", "doctored"),
        _named("Secret", "store", "doctored", stringData={"password": "of no consequence"}),
        _named("Service", "lineage", "doctored-lineage", spec={"ports": [{"port": 8080}]}),
        _named(
            "EndpointSlice",
            "lineage-1",
            "doctored-lineage",
            "discovery.k8s.io/v1",
            metadata={"labels": {"kubernetes.io/service-name": "lineage"}},
            addressType="IPv4",
            endpoints=[{"addresses": ["10.0.0.5"], "conditions": {"ready": True}}],
        ),
        _named(
            "StorageClass",
            "standard",
            api="storage.k8s.io/v1",
            metadata={"annotations": {doctor.DEFAULT_CLASS: "true"}},
            provisioner="example.com/disks",
        ),
        _named(
            "Node",
            "gpu-1",
            metadata={"labels": {"pool": "gpu"}},
            spec={"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
        ),
    )
    # A new node is tainted as not ready, and no controller is here to find that it is.
    ready = json.dumps({"spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]}})
    cluster.kubectl("patch", "node", "gpu-1", "--type=merge", f"--patch={ready}")
    status = json.dumps({"status": {"allocatable": {"nvidia.com/gpu": "2"}, "capacity": {"nvidia.com/gpu": "2"}}})
    cluster.kubectl("patch", "node", "gpu-1", "--subresource=status", "--type=merge", f"--patch={status}")
    yield cluster
    cluster.kubectl("delete", "node/gpu-1", "storageclass/standard")


def _profile(folder: Path, **changes: Any) -> Path:
    profile = {
        "kind": "cluster",
        "namespace": "doctored",
        "service_account": "penstock-runner",
        "lineage": "grpc://lineage.doctored-lineage.svc:8080",
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
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(profile | changes))
    return path


def _doctor(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "penstock"), "doctor", *arguments]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def _findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.stderr == ""
    return {finding["what"]: finding for finding in json.loads(done.stdout)}


def test_a_cluster_with_everything_is_healthy(equipped: Cluster, tmp_path: Path) -> None:
    done = _doctor(equipped.kubeconfig, "--profile", str(_profile(tmp_path)), "--json")
    findings = _findings(done)
    assert {what: finding for what, finding in findings.items() if finding["ok"] is not True} == {}
    assert done.returncode == 0
    assert findings["kubernetes"]["text"].startswith("v1.")
    assert "1 nodes" in findings["node pool gpu"]["text"]
    assert "s ahead of" in findings["clock"]["text"] or "s behind" in findings["clock"]["text"]
    assert "of no consequence" not in done.stdout


def test_each_lack_is_named_with_its_remedy(equipped: Cluster, tmp_path: Path) -> None:
    equipped.kubectl("delete", "storageclass", "standard")
    equipped.kubectl("-n", "doctored-lineage", "delete", "endpointslice", "lineage-1")
    flags = json.dumps({"data": {doctor.KNATIVE_FLAGS[1]: "disabled"}})
    equipped.kubectl("-n", "knative-serving", "patch", "configmap", "config-features", f"--patch={flags}")
    pool = {"node_selector": {"pool": "tpu"}, "accelerator_type": "google.com/tpu"}
    changes: dict[str, Any] = {"service_account": "nobody", "node_pools": {"tpu": pool}}
    changes["secret_files"] = [{"secret": "certificates", "path": "/etc/certificates"}]
    try:
        done = _doctor(equipped.kubeconfig, "--profile", str(_profile(tmp_path, **changes)))
    finally:
        annotated = {"annotations": {doctor.DEFAULT_CLASS: "true"}}
        api = "storage.k8s.io/v1"
        equipped.apply(_named("StorageClass", "standard", api=api, metadata=annotated, provisioner="example.com/disks"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    lacking = {line[4:26].strip(): number for number, line in enumerate(lines) if line.startswith("no ")}
    wanted = {"service account nobody", "secret certificates", "lineage", "node pool tpu", "storage", "knative"}
    assert set(lacking) == wanted
    for number in lacking.values():
        assert lines[number + 1].strip().startswith("->")


def test_who_may_do_little_is_told_what_and_nothing_is_guessed(equipped: Cluster, tmp_path: Path) -> None:
    kubeconfig = equipped.kubeconfig_of(equipped.token_of("penstock-runner", "doctored"))
    done = _doctor(kubeconfig, "--profile", str(_profile(tmp_path)), "--json")
    assert done.returncode == 1
    listed = json.loads(done.stdout)
    denied = [finding["text"] for finding in listed if finding["what"] == "permission"]
    assert "you may not create services/proxy -n kubeflow" in denied
    assert "you may not get pods/log -n doctored" in denied
    unseen = {finding["what"] for finding in listed if finding["ok"] is None}
    assert unseen >= {"kubeflow pipelines", "lineage", "node pool gpu", "storage", "secret store", "kserve"}


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    cluster = {"name": "gone", "cluster": {"server": f"https://127.0.0.1:{free_port()}"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": "me", "user": {"token": "any"}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "me"}}],
        "current-context": "gone",
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    done = _doctor(kubeconfig, "--cluster")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "does not answer" in done.stderr


def test_a_token_that_is_no_longer_good_is_one_line(cluster: Cluster) -> None:
    done = _doctor(cluster.kubeconfig_of("expired"), "--cluster")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "does not know you" in done.stderr


def test_a_laptops_profile_is_refused(cluster: Cluster) -> None:
    done = _doctor(cluster.kubeconfig_of(ADMINISTRATOR), "--profile", "local")
    assert done.returncode == 2
    assert "is no cluster's" in done.stderr

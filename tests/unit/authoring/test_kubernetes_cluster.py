"""A compiled pipeline before a real kube-apiserver: its resources, and the pods that KFP makes of its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.authoring.compiling import Compiled, compile_for
from penstock.authoring.kubernetes_resources import pipeline_resources
from tests.servers.kubernetes import Cluster, crds
from tests.unit.authoring.clusters import profile
from tests.unit.authoring.test_compiling_cluster import VALUES

pytestmark = pytest.mark.cluster


@pytest.fixture
def compiled(write_pipeline: Any, tmp_path: Path) -> Compiled:
    return compile_for(write_pipeline(values=VALUES), profile(tmp_path))


@pytest.mark.parametrize("kfp", ["2.16.0", "2.17.0"])
def test_its_resources_are_taken_strictly_and_kept_whole(
    cluster: Cluster, namespace: str, compiled: Compiled, kfp: str
) -> None:
    folder = Path("kubeflow-pipelines") / kfp
    names = ("pipelines.kubeflow.org_pipelines.yaml", "pipelines.kubeflow.org_pipelineversions.yaml")
    cluster.install(*crds(*(str(folder / name) for name in names)))
    given = pipeline_resources(compiled)
    for resource in given:
        resource["metadata"]["namespace"] = namespace
    kept = applied(cluster, namespace, given)
    assert kept["spec"] == given[1]["spec"], "nothing was pruned"
    again = applied(cluster, namespace, given)
    assert again["metadata"]["resourceVersion"] == kept["metadata"]["resourceVersion"], "the same is no change"


def applied(cluster: Cluster, namespace: str, given: list[dict[str, Any]]) -> dict[str, Any]:
    """Apply resources, and get the version as the server keeps it."""
    cluster.apply(*given)
    name = f"pipelineversions/{given[1]['metadata']['name']}"
    kept: dict[str, Any] = yaml.safe_load(cluster.kubectl("get", name, "-n", namespace, "-o=yaml"))
    return kept


def test_the_pods_that_kfp_makes_of_its_settings_are_taken(cluster: Cluster, compiled: Compiled) -> None:
    namespace = cluster.make_namespace("pods")
    for executor in ("read", "train", "judge", "train-again"):
        cluster.apply(pod(compiled, executor, namespace))
    shown = yaml.safe_load(cluster.kubectl("get", "pod/train", "-n", namespace, "-o=yaml"))["spec"]
    assert shown["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert shown["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert {"mountPath": "/dev/shm", "name": "shm"} in shown["containers"][0]["volumeMounts"]
    assert shown["activeDeadlineSeconds"] == 7200


def test_a_pod_with_a_volume_named_twice_would_be_refused(cluster: Cluster, compiled: Compiled) -> None:
    """So that the test above can fail; the compiler refuses such a task itself."""
    namespace = cluster.make_namespace("pods")
    spoilt = pod(compiled, "read", namespace)
    spoilt["spec"]["volumes"] *= 2
    done = cluster.try_kubectl("create", "-f", "-", text=yaml.safe_dump(spoilt))
    assert "Duplicate value" in done.stderr


def pod(compiled: Compiled, executor: str, namespace: str) -> dict[str, Any]:
    """The pod of a task.

    Source:
        kubeflow/pipelines, backend/src/v2/driver: driver.go, initPodSpecPatch, and k8s.go, extendPodSpecPatch.
    """
    spec, platform = compiled.documents
    container = spec["deploymentSpec"]["executors"][f"exec-{executor}"]["container"]
    config = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{executor}"]
    volumes = list(volumes_of(config))
    main = {
        "name": "main",
        "image": container["image"],
        "imagePullPolicy": config["imagePullPolicy"],
        "command": container["command"],
        "args": container["args"],
        "env": [*container["env"], *variables_of(config)],
        "resources": resources_of(container.get("resources", {})),
        "volumeMounts": [{"name": name, "mountPath": path} for name, path, _ in volumes],
    }
    body: dict[str, Any] = {
        "containers": [main],
        "volumes": [{"name": name, **source} for name, _, source in volumes],
        "nodeSelector": config.get("nodeSelector", {}).get("labels", {}),
        "tolerations": config.get("tolerations", []),
        "imagePullSecrets": [{"name": given["secretName"]} for given in config["imagePullSecret"]],
    }
    if seconds := config.get("activeDeadlineSeconds"):
        body["activeDeadlineSeconds"] = int(seconds)
    metadata = {"name": executor, "namespace": namespace, "labels": {"pipeline/runid": "3f0c6d1e"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


def resources_of(wanted: dict[str, Any]) -> dict[str, Any]:
    limits = {"memory": wanted.get("resourceMemoryLimit"), "cpu": wanted.get("resourceCpuLimit")}
    if gpu := wanted.get("accelerator"):
        limits[gpu["resourceType"]] = gpu["resourceCount"]
    requests = {"memory": wanted.get("resourceMemoryRequest"), "cpu": wanted.get("resourceCpuRequest")}
    given = {"limits": limits, "requests": requests}
    return {kind: {name: size for name, size in sizes.items() if size} for kind, sizes in given.items()}


def variables_of(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for given in config["secretAsEnv"]:
        for pair in given["keyToEnv"]:
            key = {"name": given["secretName"], "key": pair["secretKey"]}
            yield {"name": pair["envVar"], "valueFrom": {"secretKeyRef": key}}
    for given in config["fieldPathAsEnv"]:
        yield {"name": given["name"], "valueFrom": {"fieldRef": {"fieldPath": given["fieldPath"]}}}


def volumes_of(config: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, place and source of each volume."""
    for given in config["secretAsVolume"]:
        yield given["secretName"], given["mountPath"], {"secret": {"secretName": given["secretName"]}}
    for given in config.get("pvcMount", []):
        yield given["constant"], given["mountPath"], {"persistentVolumeClaim": {"claimName": given["constant"]}}
    for given in config.get("emptyDirMounts", []):
        memory = {"medium": given["medium"], "sizeLimit": given["sizeLimit"]}
        yield given["volumeName"], given["mountPath"], {"emptyDir": memory}

"""What is asked of Kubernetes itself, asked of a real kube-apiserver: nodes, and the way to Kubeflow's Service."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from penstock.cli.submit import look_for_nodes
from penstock.kubeflow.api import open_kubeflow
from penstock.kubeflow.cluster import find_nodes
from penstock.kubeflow.package import read_package
from penstock.kubeflow.sending import Refused, Unreachable
from penstock.profiles.cluster import ClusterProfile, KubeflowApi
from penstock.sdk import BadInput, PenstockError
from tests.servers.kubernetes import ADMINISTRATOR, Cluster
from tests.unit.kubeflow.test_package import ON_GPU

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
GPU = "nvidia.com/gpu"


@pytest.fixture(autouse=True)
def no_nodes_left(cluster: Cluster) -> Iterator[None]:
    """Nodes belong to no namespace: other tests have this cluster after these."""
    yield
    cluster.kubectl("delete", "nodes", "--all")


def add_node(cluster: Cluster, name: str, labels: dict[str, str], taints: list[dict[str, str]], gpus: str) -> None:
    metadata = {"name": name, "labels": labels}
    cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": taints}})
    status = {"status": {"capacity": {GPU: gpus}, "allocatable": {GPU: gpus}}}
    cluster.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", json.dumps(status))


def use(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, token: str = ADMINISTRATOR) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig_of(token)))


def test_a_task_without_a_node_is_told_before_it_is_submitted(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(cluster, monkeypatch)
    assert not find_nodes(), "a test before this one left its nodes"
    package, profile = read_package(ON_GPU, "x"), ClusterProfile()
    with pytest.raises(BadInput, match=r"train it wants a node with pool=gpu; there is none .*--no-preflight"):
        look_for_nodes(package, profile)
    add_node(cluster, "gpu-1", {"pool": "gpu"}, [{"key": GPU, "value": "present", "effect": "NoSchedule"}], "1")
    with pytest.raises(BadInput, match=r"train it wants 2 nvidia.com/gpu; no node .* has more than 1"):
        look_for_nodes(package, profile)
    add_node(cluster, "gpu-2", {"pool": "gpu"}, [{"key": GPU, "value": "present", "effect": "NoSchedule"}], "4")
    look_for_nodes(package, profile)
    found = {node.name: node for node in find_nodes() or []}
    assert found["gpu-2"].allocatable == {GPU: "4"}
    assert GPU in [taint.key for taint in found["gpu-2"].taints]
    assert "node.kubernetes.io/not-ready" in [taint.key for taint in found["gpu-2"].taints]
    use(cluster, monkeypatch, cluster.token_of("default", namespace))
    assert find_nodes() is None, "a service account may not list nodes unless it is let"
    look_for_nodes(package, profile)
    assert "note: the cluster's nodes cannot be listed from here; train it may wait" in capsys.readouterr().err


def test_the_way_through_the_kubernetes_api_is_told_when_it_is_closed(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ml-pipeline", "namespace": namespace}}
    cluster.apply({**service, "spec": {"ports": [{"name": "http", "port": 8888}]}})
    profile = ClusterProfile(kubeflow=KubeflowApi(namespace=namespace))
    use(cluster, monkeypatch)
    where = f"ml-pipeline in the namespace {namespace} of {cluster.url}"
    with pytest.raises(PenstockError, match=rf"{where} is not there: .*\"ml-pipeline\" not found. Is Kubeflow"):
        open_kubeflow(profile).recurring_runs()
    cluster.apply({**service, "kind": "Endpoints"})
    with pytest.raises(Unreachable, match=rf"{where} is not ready: 503 no endpoints available for service"):
        open_kubeflow(profile, patience_seconds=0.5).recurring_runs()
    use(cluster, monkeypatch, cluster.token_of("default", namespace))
    with pytest.raises(Refused, match=rf"{where} does not allow this with .*\"ml-pipeline:8888\" is forb"):
        open_kubeflow(profile).recurring_runs()
    use(cluster, monkeypatch, "nobody")
    with pytest.raises(Refused, match=rf"{where} does not take the credentials of .*kubeconfig"):
        open_kubeflow(profile).recurring_runs()


def test_a_context_that_is_not_there_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    use(cluster, monkeypatch)
    with pytest.raises(BadInput, match=r"kubeflow.context: .*staging"):
        open_kubeflow(ClusterProfile(kubeflow=KubeflowApi(context="staging")))

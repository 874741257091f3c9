"""What the tests marked `cluster` build on: the server authenticates, authorizes, admits and validates for real."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.kubernetes import Cluster, crds

pytestmark = pytest.mark.cluster

READER: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "default"}],
    },
)


def test_a_service_account_may_do_what_its_role_says_and_nothing_else(cluster: Cluster, namespace: str) -> None:
    from lightkube import ApiError
    from lightkube.resources.core_v1 import ConfigMap, Secret

    for item in READER:
        item["metadata"]["namespace"] = namespace
    READER[1]["subjects"][0]["namespace"] = namespace
    cluster.apply(*READER)
    client = cluster.client(namespace, cluster.token_of("default", namespace))

    assert list(client.list(ConfigMap)) == []
    with pytest.raises(ApiError) as refused:
        list(client.list(Secret))
    assert refused.value.status.code == 403


def test_an_unknown_token_is_refused(cluster: Cluster) -> None:
    from lightkube import ApiError
    from lightkube.resources.core_v1 import ConfigMap

    with pytest.raises(ApiError) as refused:
        list(cluster.client(token="nobody").list(ConfigMap))  # noqa: S106 - of nobody
    assert refused.value.status.code == 401


def test_an_unknown_field_is_refused(cluster: Cluster, namespace: str) -> None:
    metadata = {"name": "typo", "namespace": namespace}
    with pytest.raises(AssertionError, match=r"\.dota: field not declared in schema"):
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "dota": {"a": "b"}})


def test_pod_security_refuses_a_privileged_pod(cluster: Cluster, namespace: str) -> None:
    container = {"name": "main", "image": "example.com/any:1", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "privileged", "namespace": namespace}}
    with pytest.raises(AssertionError, match='violates PodSecurity "restricted:latest": privileged'):
        cluster.apply(pod | {"spec": {"containers": [container]}})


def test_custom_resources_are_validated_by_their_schema(cluster: Cluster, namespace: str) -> None:
    cluster.install(*crds("kubeflow-pipelines/2.17.0"))
    version = {"apiVersion": "pipelines.kubeflow.org/v2beta1", "kind": "PipelineVersion"}
    metadata = {"name": "flights-1", "namespace": namespace}
    spec = {"pipelineName": "flights", "pipelineSpec": {"schemaVersion": "2.1.0"}}
    cluster.apply(version | {"metadata": metadata, "spec": spec})
    with pytest.raises(AssertionError, match="pipelineName"):
        cluster.apply(version | {"metadata": metadata | {"name": "flights-2"}, "spec": spec | {"pipelineName": 3}})

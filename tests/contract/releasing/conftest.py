"""A kube-apiserver that knows ModelRelease, and a release as Git holds it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.manifests import ROOT
from tests.servers.kubernetes import Cluster
from tests.unit.releasing.releases import LADDER, bundle

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

"""A cluster's profile for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.reading import read_profile

RUNTIME = f"registry.example.com/penstock/runtime@sha256:{'1' * 64}"
SERVING = f"registry.example.com/penstock/serving@sha256:{'2' * 64}"
CUDA = f"registry.example.com/penstock/runtime-cuda@sha256:{'3' * 64}"

POOLS: dict[str, Any] = {
    "cpu": {"node_selector": {"node.example.com/pool": "cpu"}},
    "gke-l4": {
        "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
        "tolerations": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
        "accelerator_type": "nvidia.com/gpu",
        "shared_memory": "8Gi",
        "images": {"runtime": CUDA},
    },
    "eks-a10g": {
        "node_selector": {"k8s.amazonaws.com/accelerator": "nvidia-tesla-a10g"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}],
        "accelerator_type": "nvidia.com/gpu",
        "accelerator_count": 4,
    },
    "karpenter": {
        "node_selector": {"karpenter.k8s.aws/instance-gpu-name": "l4", "karpenter.sh/capacity-type": "spot"},
        "tolerations": [{"key": "nvidia.com/gpu"}],
        "accelerator_type": "nvidia.com/gpu",
    },
    "discovered": {
        "node_selector": {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.present": "true"},
        "accelerator_type": "nvidia.com/gpu",
    },
    "mig": {
        "node_selector": {"nvidia.com/mig.config": "all-1g.10gb"},
        "accelerator_type": "nvidia.com/mig-1g.10gb",
    },
}


def profile(folder: Path, **changes: Any) -> ClusterProfile:
    """A profile read from a file in the folder, with other values for some of its keys."""
    value = {
        "kind": "cluster",
        "namespace": "ml-team",
        "images": {"runtime": RUNTIME, "serving": SERVING},
        "image_pull_policy": "IfNotPresent",
        "image_pull_secrets": ["registry"],
        "pipeline_root": "s3://ml-artifacts/penstock",
        "lineage": "grpc://lineage.penstock.svc:8080",
        "variables": {"AWS_REGION": "eu-west-1"},
        "secret_variables": [{"secret": "s3.keys", "key": "id", "name": "AWS_ACCESS_KEY_ID"}],
        "secret_files": [{"secret": "ca-certificates", "path": "/etc/penstock/ca"}],
        "node_pools": POOLS,
        **changes,
    }
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    found = read_profile(path)
    assert isinstance(found, ClusterProfile)
    return found

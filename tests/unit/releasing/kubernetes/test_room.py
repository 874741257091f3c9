"""Whether a candidate finds its place."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.releasing.kubernetes.room import room_for
from penstock.releasing.resource.bundle import Scaling, Serving

GPU = {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
POOL = {"nodeSelector": {"pool": "gpu"}, "tolerations": [{"key": "nvidia.com/gpu"}]}


def node(labels: dict[str, str] | None = None, *taints: dict[str, str], **has: str) -> dict[str, Any]:
    allocatable = {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": has.get("gpu", "0")}
    status, metadata = {"allocatable": allocatable}, {"labels": labels or {}}
    return {"metadata": metadata, "spec": {"taints": list(taints)}, "status": status}


def quota(hard: str, used: str) -> dict[str, Any]:
    name = "requests.nvidia.com/gpu"
    return {"metadata": {"name": "gpus"}, "status": {"hard": {name: hard}, "used": {name: used}}}


CASES: dict[str, tuple[dict[str, Any], Any, Any, str]] = {
    "fits": (POOL, [node({"pool": "gpu"}, TAINT, gpu="1")], [], ""),
    "shut": ({"nodeSelector": {"pool": "gpu"}}, [node({"pool": "gpu"}, TAINT, gpu="1")], [], "lets the candidate"),
    "no-gpu": (POOL, [node({"pool": "gpu"})], [], "no node with pool=gpu can hold"),
    "none-anywhere": ({}, [node()], [], "no node can hold"),
    "autoscaled": (POOL, [node()], [], ""),
    "unknown": (POOL, None, [], ""),
    "used-up": (POOL, None, [quota("4", "4")], "quota gpus leaves 0 of requests.nvidia.com/gpu"),
    "enough-left": (POOL, None, [quota("4", "2")], ""),
    "two-pods": (POOL, None, [quota("4", "3")], "the candidate takes 2"),
}


@pytest.mark.parametrize("case", CASES)
def test_room(case: str) -> None:
    pool, nodes, quotas, text = CASES[case]
    serving = Serving.model_validate({"runtime": "penstock", "resources": GPU, "nodePool": pool})
    room = room_for(serving, Scaling(min_replicas=2), nodes, quotas)
    assert room.enough is not bool(text)
    assert text in room.text

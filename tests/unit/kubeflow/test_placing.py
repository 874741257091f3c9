"""Whether tasks find nodes: each reason by itself."""

from __future__ import annotations

import pytest

from penstock.kubeflow.package import Toleration, Wish
from penstock.kubeflow.placing import Node, Taint, find_unplaceable

GPU = "nvidia.com/gpu"
CPU_NODE = Node("cpu", {"pool": "cpu"}, (), {"cpu": "8"})
TAINT = Taint(GPU, "present", "NoSchedule")
GPU_NODE = Node("gpu", {"pool": "gpu"}, (TAINT,), {GPU: "2"})


def wish(pool: str = "gpu", count: int = 1, accelerator: str = GPU, *tolerations: Toleration) -> Wish:
    return Wish("train", {"pool": pool} if pool else {}, tolerations, accelerator if count else "", count)


@pytest.mark.parametrize(
    "toleration",
    [Toleration(GPU, "Exists"), Toleration(GPU, "Equal", "present", "NoSchedule"), Toleration("", "Exists")],
)
def test_a_task_that_bears_the_taint_fits(toleration: Toleration) -> None:
    assert find_unplaceable([wish("gpu", 2, GPU, toleration)], [CPU_NODE, GPU_NODE]) == []


@pytest.mark.parametrize(
    ("wanted", "nodes", "message"),
    [
        (wish(), [CPU_NODE], "train wants a node with pool=gpu; there is none (pool is cpu)"),
        (wish(), [Node("a")], "train wants a node with pool=gpu; there is none (no node has a label pool)"),
        (wish("", 1), [CPU_NODE], f"train wants 1 {GPU}; no node offers it (is its device plugin running?)"),
        (wish("cpu"), [CPU_NODE, GPU_NODE], f"train wants 1 {GPU}; no node among those with pool=cpu offers it"),
        (wish("gpu", 4), [GPU_NODE], f"train wants 4 {GPU}; no node among those with pool=gpu has more than 2"),
        (wish("gpu"), [GPU_NODE], f"train does not tolerate the taint {GPU}=present:NoSchedule of every node"),
        (wish("gpu", 1, GPU, Toleration(GPU, "Equal", "other")), [GPU_NODE], "train does not tolerate the taint"),
        (
            wish("gpu", 1, GPU, Toleration(GPU, "Exists", "", "NoExecute")),
            [GPU_NODE],
            "train does not tolerate the taint",
        ),
        (wish("", 1), [], f"train wants 1 {GPU}; no node offers it"),
    ],
)
def test_a_task_that_fits_nowhere_is_told_why(wanted: Wish, nodes: list[Node], message: str) -> None:
    (line,) = find_unplaceable([wanted], nodes)
    assert line.startswith(message)


def test_a_taint_that_kubernetes_takes_away_itself_keeps_nobody_off() -> None:
    node = Node("gpu", {"pool": "gpu"}, (Taint("node.kubernetes.io/not-ready"),), {GPU: "1"})
    assert find_unplaceable([wish()], [node]) == []


def test_a_taint_that_only_prefers_keeps_nobody_off() -> None:
    node = Node("gpu", {"pool": "gpu"}, (Taint("busy", "", "PreferNoSchedule"),), {GPU: "1"})
    assert find_unplaceable([wish()], [node]) == []

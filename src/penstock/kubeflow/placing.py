"""Whether the tasks of a pipeline find a node: told before anything is submitted, not by a pod that is Pending forever.

Only what is fixed is looked at: labels, taints, and how many accelerators a node has, not how many are free. A pool
that is scaled to zero has no nodes to look at, which is why a caller may go on all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penstock.kubeflow.package import Toleration, Wish

_HARD = ("NoSchedule", "NoExecute")
_PASSING = "node.kubernetes.io/"
"""Taints that Kubernetes itself sets and takes away: not ready, out of memory, cordoned."""


@dataclass(frozen=True)
class Taint:
    """What keeps pods off a node."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True)
class Node:
    """A node, as far as placing needs to know it."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)
    """Quantities by resource: `{"nvidia.com/gpu": "4"}`."""


def find_unplaceable(wishes: Sequence[Wish], nodes: Sequence[Node]) -> list[str]:
    """Say of each task that fits no node why it does not.

    Args:
        wishes: What the tasks want.
        nodes: What there is.

    Returns:
        One line for each such task: the first thing that no node has, and the nearest that there is.

    Example:
        >>> wish = Wish("train", {"pool": "gpu"}, (), "nvidia.com/gpu", 1)
        >>> find_unplaceable([wish], [Node("a", {"pool": "cpu"})])
        ['train wants a node with pool=gpu; there is none (pool is cpu)']
    """
    return [line for wish in wishes if (line := _why_not(wish, nodes))]


def _why_not(wish: Wish, nodes: Sequence[Node]) -> str:
    left = list(nodes)
    for label, value in sorted(wish.labels.items()):
        fitting = [node for node in left if node.labels.get(label) == value]
        if not fitting:
            known = sorted({node.labels[label] for node in nodes if label in node.labels})
            there = f"{label} is {', '.join(known[:8])}" if known else f"no node has a label {label}"
            return f"{wish.task} wants a node with {label}={value}; there is none ({there})"
        left = fitting
    described = f" among those with {_shown(wish.labels)}" if wish.labels else ""
    if wish.accelerator:
        most = max((_whole(node.allocatable.get(wish.accelerator, "0")) for node in left), default=0)
        left = [node for node in left if _whole(node.allocatable.get(wish.accelerator, "0")) >= wish.count]
        if not left:
            return (
                f"{wish.task} wants {wish.count} {wish.accelerator}; no node{described} has more than {most}"
                if most
                else f"{wish.task} wants {wish.count} {wish.accelerator}; no node{described} offers it "
                "(is its device plugin running?)"
            )
    kept_off = [(node, _untolerated(node, wish.tolerations)) for node in left]
    if left and all(taint for _, taint in kept_off):
        taint = kept_off[0][1]
        return f"{wish.task} does not tolerate the taint {taint} of every node{described} that it would fit"
    return "" if left else f"{wish.task} finds no node: the cluster has none"


def _untolerated(node: Node, tolerations: Sequence[Toleration]) -> str:
    for taint in node.taints:
        if taint.key.startswith(_PASSING):
            continue
        if taint.effect in _HARD and not any(_bears(each, taint) for each in tolerations):
            return f"{taint.key}{'=' if taint.value else ''}{taint.value}:{taint.effect}"
    return ""


def _bears(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in ("", taint.effect):
        return False
    if toleration.operator == "Exists":
        return toleration.key in ("", taint.key)
    return (toleration.key, toleration.value) == (taint.key, taint.value)


def _whole(quantity: str) -> int:
    """The whole units of a resource that is counted; 0 where it is no number."""
    return int(quantity) if quantity.isdigit() else 0


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))

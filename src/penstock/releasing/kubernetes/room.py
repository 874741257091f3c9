"""Whether a candidate finds nodes and quota before it is made: a twin that cannot start holds what others wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from penstock.releasing.kubernetes.api import Thing
from penstock.releasing.kubernetes.quantities import amount_of
from penstock.releasing.planning.observed import Room
from penstock.releasing.resource.bundle import NodePool, Resources, Scaling, Serving


def room_for(serving: Serving, scaling: Scaling, nodes: Sequence[Thing] | None, quotas: Sequence[Thing]) -> Room:
    """Say whether a twin's pods find their place.

    Args:
        serving: What it runs on.
        scaling: How many pods it begins with.
        nodes: The nodes of the cluster; None where they may not be listed. An autoscaler may make more, so only a pool
            that has nodes, none of which is large enough or put up with, is a no; an empty one is not.
        quotas: The quotas of its namespace.
    """
    short = _quota(serving.resources, scaling, quotas)
    if short:
        return Room(enough=False, text=short)
    if nodes is None or not nodes:
        return Room()
    pool = [node for node in nodes if _selected(node, serving.node_pool)]
    if serving.node_pool.node_selector and not pool:
        # An empty pool that an autoscaler fills on demand looks the same; that pods then wait is said by the twin.
        return Room()
    if not any(_fits(node, serving) for node in pool):
        return Room(enough=False, text=_why(serving))
    return Room()


def _quota(resources: Resources, scaling: Scaling, quotas: Sequence[Thing]) -> str:
    needed = {f"limits.{name}": value for name, value in resources.limits.items()}
    needed |= {f"requests.{name}": value for name, value in {**resources.limits, **resources.requests}.items()}
    for quota in quotas:
        status: Mapping[str, Any] = quota.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        for name, value in sorted(needed.items()):
            limit = amount_of(hard[name]) if name in hard else None
            wanted = (amount_of(value) or Decimal(0)) * scaling.min_replicas
            free = limit - (amount_of(used.get(name, "0")) or Decimal(0)) if limit is not None else None
            if free is not None and wanted > free:
                which = quota["metadata"]["name"]
                return f"quota {which} leaves {_told(free)} of {name}, and the candidate takes {_told(wanted)}"
    return ""


def _told(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _selected(node: Thing, pool: NodePool) -> bool:
    labels = node["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in pool.node_selector.items())


def _fits(node: Thing, serving: Serving) -> bool:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    if spec.get("unschedulable"):
        return False
    for taint in spec.get("taints") or []:
        if taint.get("effect") != "PreferNoSchedule" and not any(
            _tolerates(each.model_dump(), taint) for each in serving.node_pool.tolerations
        ):
            return False
    has = status.get("allocatable") or {}
    wanted = {**serving.resources.limits, **serving.resources.requests}
    return all((amount_of(has.get(name, "0")) or 0) >= (amount_of(value) or 0) for name, value in wanted.items())


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration["effect"] not in ("", taint.get("effect")) or toleration["key"] != taint.get("key"):
        return False
    return bool(toleration["operator"] == "Exists" or toleration["value"] == (taint.get("value") or ""))


def _why(serving: Serving) -> str:
    wanted = {**serving.resources.limits, **serving.resources.requests}
    asked = ", ".join(f"{name} {value}" for name, value in sorted(wanted.items()))
    labels = ", ".join(f"{name}={value}" for name, value in sorted(serving.node_pool.node_selector.items()))
    return f"no node{f' with {labels}' if labels else ''} can hold {asked} and lets the candidate in"

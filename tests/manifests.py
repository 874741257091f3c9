"""What clusters get, as the tests see it: the objects of manifests/<environment>, and their pods."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = ROOT / "manifests"
OVERLAYS = ROOT / "kustomize" / "overlays"
ENVIRONMENTS = sorted(path.name for path in OVERLAYS.iterdir())
WORKLOADS = ("Deployment", "StatefulSet", "CronJob", "Job", "DaemonSet")

Thing = Mapping[str, Any]
"""A Kubernetes object."""


def objects(environment: str, *kinds: str) -> list[Thing]:
    """The objects of an environment, of some kinds or all, in the order of their files."""
    return [thing for thing in _read(environment) if not kinds or thing["kind"] in kinds]


@functools.cache
def _read(environment: str) -> list[Thing]:
    paths = sorted((MANIFESTS / environment).rglob("*.yaml"))
    return [thing for path in paths for thing in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)]


def template(workload: Thing) -> dict[str, Any]:
    """The template of a workload's pods."""
    spec = workload["spec"]
    found: dict[str, Any] = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return found


def pod(workload: Thing) -> dict[str, Any]:
    """A pod as the workload's controller makes it, its claims' volumes included."""
    made = template(workload)
    metadata = {"name": f"{workload['metadata']['name']}-0", "namespace": workload["metadata"]["namespace"]}
    metadata["labels"] = made["metadata"]["labels"]
    spec = dict(made["spec"])
    claims = [
        {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
        for claim in workload["spec"].get("volumeClaimTemplates", [])
    ]
    spec["volumes"] = [*spec.get("volumes", []), *claims]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def containers(workload: Thing) -> Iterator[Thing]:
    """All containers of a workload's pods."""
    spec = template(workload)["spec"]
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def label(thing: Thing) -> str:
    """What a test calls an object."""
    return f"{thing['kind']}/{thing['metadata']['name']}"

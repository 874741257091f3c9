"""A compiled pipeline as the cluster's side sees it: its name, its digest, what its tasks want of nodes, its gates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from penstock.provenance.compiled import content_digest, version_name
from penstock.sdk import BadInput

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_GATE = re.compile(r"'pipelinechannel--(?P<task>.+)-gate'\]\s*==\s*'open'")
"""The condition that stands behind a gate."""


@dataclass(frozen=True)
class Toleration:
    """A taint that a pod bears, as Kubernetes defines it; an empty key bears all, an empty effect all effects."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


@dataclass(frozen=True)
class Wish:
    """What the pods of a task want of a node."""

    task: str
    labels: Mapping[str, str]
    tolerations: tuple[Toleration, ...]
    accelerator: str
    """The resource's name, `nvidia.com/gpu`; empty for none."""
    count: int


@dataclass(frozen=True)
class Package:
    """A compiled pipeline, ready to be uploaded."""

    name: str
    """The pipeline's name on the cluster."""
    description: str
    content: bytes
    digest: str
    """Of the content without the comments at its head; two packages with one digest are one version."""
    version: str
    """The name of its version: the same for the same content, and for no other."""
    tasks: Mapping[str, str]
    """What people call each task, by the name that the cluster knows it by."""
    gates: Mapping[str, str]
    """The task whose gate decides, by the conditional graph behind it."""
    wishes: tuple[Wish, ...]
    """Of tasks that do not run just anywhere, by task."""


def read_package(content: str, where: str) -> Package:
    """Read what must be known of a compiled pipeline.

    Args:
        content: The YAML that kfp wrote: a PipelineSpec, and behind it, perhaps, a PlatformSpec.
        where: Its file, for messages.

    Raises:
        BadInput: It is no compiled pipeline (caller).
    """
    try:
        documents = [document for document in yaml.load_all(content, Loader=_Loader) if document]
        spec = documents[0]
        name = str(spec["pipelineInfo"]["name"])
        description = str(spec["pipelineInfo"].get("description") or "")
        tasks = dict(_tasks(spec))
        executors = spec.get("deploymentSpec", {}).get("executors", {})
        platform = documents[1] if len(documents) > 1 else {}
        settings = _under(platform, "platforms", "kubernetes", "deploymentSpec", "executors")
        digest = content_digest(content.encode())
        return Package(
            name=name,
            description=" ".join(description.split()),
            content=content.encode(),
            digest=digest,
            version=version_name(name, digest),
            tasks={key: str(_under(task, "taskInfo").get("name") or key) for key, task in tasks.items()},
            gates={key: gate for key, task in tasks.items() if (gate := _gate(task))},
            wishes=tuple(_wishes(spec, tasks, executors, settings)),
        )
    except (yaml.YAMLError, LookupError, TypeError, AttributeError):
        raise BadInput(f"{where} is no compiled pipeline", "Compile it: penstock compile") from None


def _tasks(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every task of every graph, by name; of tasks of one name in several graphs, the last."""
    graphs = [spec["root"], *(spec.get("components") or {}).values()]
    for graph in graphs:
        yield from sorted(_under(graph, "dag", "tasks").items())


def _gate(task: Mapping[str, Any]) -> str:
    condition = str(_under(task, "triggerPolicy").get("condition") or "")
    found = _GATE.search(condition)
    return found["task"] if found else ""


def _wishes(
    spec: Mapping[str, Any],
    tasks: Mapping[str, Mapping[str, Any]],
    executors: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Iterator[Wish]:
    for key, task in sorted(tasks.items()):
        component = spec["components"][task["componentRef"]["name"]]
        label = component.get("executorLabel")
        if not label:
            continue
        accelerator = _under(executors.get(label, {}), "container", "resources", "accelerator")
        kind = str(accelerator.get("resourceType") or accelerator.get("type") or "")
        count = int(float(accelerator.get("resourceCount") or accelerator.get("count") or 1)) if kind else 0
        labels = _constants(_under(settings, label, "nodeSelector", "labels"))
        if not labels and not kind:
            continue
        given = _under(settings, label).get("tolerations") or ()
        tolerations = tuple(
            Toleration(
                str(each.get("key") or ""),
                str(each.get("operator") or "Equal"),
                str(each.get("value") or ""),
                str(each.get("effect") or ""),
            )
            for each in given
        )
        yield Wish(str(_under(task, "taskInfo").get("name") or key), labels, tolerations, kind, count)


def _constants(labels: Mapping[str, Any]) -> dict[str, str]:
    """Labels that are known now; what a run sets by a parameter (`{{...}}`) is not."""
    return {str(key): str(value) for key, value in labels.items() if "{{" not in f"{key}{value}"}


def _under(value: Any, *path: str) -> Mapping[str, Any]:
    for key in path:
        value = (value or {}).get(key)
    return value or {}

"""A ModelRelease as a file: the same document that a cluster is given, read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from penstock.releasing.base import Part
from penstock.releasing.resource.bundle import Bundle, Name, Text
from penstock.releasing.resource.crd import MAX_NAME
from penstock.releasing.resource.names import API_VERSION, KIND
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.sdk import BadInput
from penstock.sdk.params import explain_each
from penstock.strict_yaml import Document, read_yaml


class Metadata(Part):
    """What Kubernetes wants to know of the document."""

    name: Annotated[Name, Field(max_length=MAX_NAME)]
    """The release's name."""
    namespace: Name = "default"
    """On a cluster: its namespace. A laptop has none."""
    labels: dict[str, Text] = {}
    """For people and other programs."""
    annotations: dict[str, str] = {}
    """For people and other programs."""


class ModelRelease(Part):
    """One document."""

    api_version: Literal["penstock.io/v1alpha1"]
    """The resource's version."""
    kind: Literal["ModelRelease"]
    """What it is."""
    metadata: Metadata
    """Its name."""
    spec: ModelReleaseSpec
    """What is to serve, and how it is to earn that."""


@dataclass(frozen=True)
class Read:
    """A release as it was read."""

    name: str
    spec: ModelReleaseSpec


def read_release(path: Path, model: Bundle | None = None) -> Read:
    """Read a release from a file.

    Args:
        path: The file: one document.
        model: A bundle that takes the place of the file's `spec.model`.

    Raises:
        BadInput: It is no ModelRelease; each mistake with its line, its key and the nearest valid key (its author).
    """
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        wanted = f"apiVersion: {API_VERSION}, kind: {KIND}, metadata, spec"
        raise BadInput(f"{document.place(())}: a release is a mapping with {wanted}")
    value = _with_model(document.value, model)
    try:
        release = ModelRelease.model_validate(value)
    except ValidationError as error:
        found = explain_each(error, ModelRelease, place=document.prefix)
        raise BadInput("; ".join(found), findings=found) from None
    _check_exact(document)
    return Read(release.metadata.name, release.spec)


def _with_model(value: dict[str, Any], model: Bundle | None) -> dict[str, Any]:
    spec = value.get("spec")
    if model is None or not isinstance(spec, dict):
        return value
    return {**value, "spec": {**spec, "model": model.model_dump(mode="json", by_alias=True)}}


def _check_exact(document: Document) -> None:
    """Refuse Python's spelling of keys, which the models take as well and a cluster does not."""
    spec = document.value.get("spec", {})
    pending: list[tuple[tuple[str | int, ...], Any]] = [(("spec",), spec)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, list):
            pending += [((*place, index), item) for index, item in enumerate(value)]
        elif isinstance(value, dict) and place[-1] not in _FREE:
            for key, item in value.items():
                if "_" in key:
                    right = "".join(part.title() if i else part for i, part in enumerate(key.split("_")))
                    where = ".".join(map(str, (*place, key)))
                    raise BadInput(f"{document.prefix((*place, key))}{where}: unknown key; did you mean {right!r}?")
                pending.append(((*place, key), item))


_FREE = ("environment", "nodeSelector", "requests", "limits")
"""Mappings whose keys are the author's own."""

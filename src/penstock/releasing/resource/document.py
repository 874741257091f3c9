"""A ModelRelease as a file in Git: read strictly, and changed without touching anything else in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from penstock.releasing.base import Part
from penstock.releasing.resource.names import API_VERSION
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.sdk import BadInput
from penstock.sdk.params import explain_each
from penstock.strict_yaml import Document, read_yaml


class Metadata(Part):
    """What Kubernetes knows a release by."""

    name: Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    """Its name."""
    namespace: Annotated[str, StringConstraints(max_length=63)] = ""
    """Its namespace."""
    labels: dict[str, str] = {}
    """Labels."""
    annotations: dict[str, str] = {}
    """Annotations."""


class ModelRelease(Part):
    """A release as Git holds it."""

    api_version: Literal["penstock.io/v1alpha1"] = Field(default="penstock.io/v1alpha1")
    """Which version of the kind."""
    kind: Literal["ModelRelease"] = "ModelRelease"
    """Which kind."""
    metadata: Metadata
    """Name and namespace."""
    spec: ModelReleaseSpec
    """What is wanted."""


@dataclass(frozen=True)
class ReleaseFile:
    """A release, and the file that it was read from."""

    release: ModelRelease
    document: Document


def read_release(path: Path) -> ReleaseFile:
    """Read a release.

    Raises:
        BadInput: The file is missing, no ModelRelease, or one that the API server would refuse too (its author).
    """
    document = _read(path)
    return ReleaseFile(_validated(document, document.value), document)


def with_bundle(path: Path, text: str, digest: str, storage_uri: str) -> str:
    """A release's text with another bundle, or with its first; every comment and space as it was.

    Raises:
        BadInput: The file is no ModelRelease, or what is to change is not on lines of its own (its author).
    """
    document = _read(path)
    spec, model = document.value.get("spec"), {"digest": digest, "storageUri": storage_uri}
    if isinstance(spec, dict) and spec and "model" not in spec:
        _validated(document, {**document.value, "spec": {**spec, "model": model}})
        return _inserted(document, text, next(iter(spec)), model)
    _validated(document, document.value)
    for key, value in model.items():
        text = _replaced(document, text, key, value)
    return text


def _inserted(document: Document, text: str, first: str, model: Mapping[str, str]) -> str:
    """The bundle as the first thing of the specification, indented as what was the first."""
    lines = text.splitlines(keepends=True)
    above, below = (document.line(keys) for keys in (("spec",), ("spec", first)))
    indent = " " * (len(lines[below - 1]) - len(lines[below - 1].lstrip(" ")))
    if above == below:
        raise BadInput(f"{document.place(('spec',))}: what is in spec must be on lines of its own to be added to")
    said = [f"{indent}model:\n", *(f"{indent * 2}{key}: {value}\n" for key, value in model.items())]
    return "".join([*lines[:above], *said, *lines[above:]])


def _replaced(document: Document, text: str, key: str, value: str) -> str:
    location = ("spec", "model", key)
    number = document.line(location) - 1
    lines = text.splitlines(keepends=True)
    pattern = re.compile(rf"^(\s*(?:\"{key}\"|{key})\s*:\s*)(\"[^\"]*\"|'[^']*'|[^\s#]+)(\s*(?:#.*)?\n?)$")
    found = pattern.match(lines[number])
    if not found:
        raise BadInput(f"{document.place(location)}: spec.model.{key} must be on a line of its own to be changed")
    lines[number] = f"{found[1]}{value}{found[3]}"
    return "".join(lines)


def _read(path: Path) -> Document:
    document = read_yaml(path)
    if not isinstance(document.value, dict) or document.value.get("kind") != "ModelRelease":
        raise BadInput(f"{path} is no ModelRelease", f"It needs apiVersion {API_VERSION} and kind ModelRelease")
    return document


def _validated(document: Document, value: Mapping[str, Any]) -> ModelRelease:
    try:
        return ModelRelease.model_validate(value)
    except ValidationError as error:

        def place(location: tuple[Any, ...]) -> str:
            return document.prefix(tuple(location))

        raise BadInput("; ".join(explain_each(error, ModelRelease, place=place))) from None

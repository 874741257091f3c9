"""A ModelRelease as a file in Git: read strictly, and changed without touching anything else in it."""

from __future__ import annotations

import re
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
    document = read_yaml(path)
    if not isinstance(document.value, dict) or document.value.get("kind") != "ModelRelease":
        raise BadInput(f"{path} is no ModelRelease", f"It needs apiVersion {API_VERSION} and kind ModelRelease")
    return ReleaseFile(_validated(document), document)


def with_bundle(path: Path, text: str, digest: str, storage_uri: str) -> str:
    """A release's text with another bundle, every comment and space as it was.

    Raises:
        BadInput: The bundle is not named as `spec.model: {digest, storageUri}` on lines of their own (its author).
    """
    document = read_release(path).document
    for key, value in (("digest", digest), ("storageUri", storage_uri)):
        text = _replaced(document, text, key, value)
    return text


def _replaced(document: Document, text: str, key: str, value: str) -> str:
    place = document.place(("spec", "model", key))
    number = int(place.rpartition(":")[2]) - 1
    lines = text.splitlines(keepends=True)
    pattern = re.compile(rf"^(\s*(?:\"{key}\"|{key})\s*:\s*)(\"[^\"]*\"|'[^']*'|[^\s#]+)(\s*(?:#.*)?\n?)$")
    found = pattern.match(lines[number])
    if not found:
        raise BadInput(f"{place}: spec.model.{key} must be on a line of its own to be changed")
    lines[number] = f"{found[1]}{value}{found[3]}"
    return "".join(lines)


def _validated(document: Document) -> ModelRelease:
    try:
        return ModelRelease.model_validate(document.value)
    except ValidationError as error:

        def place(location: tuple[Any, ...]) -> str:
            return document.prefix(tuple(location))

        raise BadInput("; ".join(explain_each(error, ModelRelease, place=place))) from None

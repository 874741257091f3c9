"""The artifact as such: a kind, a place, a digest, and flat metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

Scalar = str | int | float
"""What artifact metadata may hold: ML Metadata and KFP carry nothing deeper."""


class Artifact:
    """Files under one path, with what is known about them.

    Args:
        path: Where the files are on this machine; a directory for every noun of ours.
        uri: The address that other tasks know it by; the path itself on a laptop.
        metadata: Flat facts, kept in lineage. `kind` and `digest` are set when the artifact is published.
    """

    kind: ClassVar[str]
    """The noun's name in metadata and lineage."""
    schema_title: ClassVar[str] = "system.Artifact"
    """The KFP type that the noun travels as."""
    summary: ClassVar[str] = ""
    """One line for tables."""
    main_file: ClassVar[str] = ""
    """The one file that its address names once it is published, for pages that show a single file; empty where the
    address is the folder's."""

    drawn_from_files: ClassVar[bool] = False
    """Whether what `for_kubeflow` adds to the metadata is read from the artifact's files."""

    def __init__(self, path: Path, uri: str = "", metadata: Mapping[str, Scalar] | None = None) -> None:
        self.path = path
        self.uri = uri or str(path)
        self.metadata: dict[str, Scalar] = dict(metadata or {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    @property
    def digest(self) -> str:
        """The content digest given at publication; empty before it."""
        return str(self.metadata.get("digest", ""))

    def for_kubeflow(self) -> dict[str, object]:
        """The metadata as Kubeflow's pages want it; more than ours where they draw from metadata and not from files.

        What is structured in it (a curve, a matrix) is in the artifact's files and not in the lineage.
        """
        return dict(self.metadata)

    def file(self, name: str) -> Path:
        """The path of a file inside the artifact, its folder made if need be."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_text(self, name: str, text: str) -> None:
        """Write one UTF-8 file inside the artifact."""
        self.file(name).write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: BaseModel | object) -> None:
        """Write one JSON file, keys sorted, so that equal values give equal bytes."""
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        self.write_text(name, json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    def read_text(self, name: str) -> str:
        """Read one UTF-8 file of the artifact.

        Raises:
            FileNotFoundError: The artifact lacks the file: it was not made by Penstock, or is damaged (operator).
        """
        return (self.path / name).read_text(encoding="utf-8")

    def read_json(self, name: str) -> object:
        """Read one JSON file of the artifact."""
        return json.loads(self.read_text(name))

"""Writing a release bundle into a folder, and telling whether one is intact."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from components.pusher.logic import FileEntry, place_of
from penstock.artifacts import InfraBlessing, Model, Schema, TransformGraph, digest_file
from penstock.artifacts.bundle import MANIFEST, RULES_FILE, bundle_digest
from penstock.storage import NothingThere, Place


def place(source: Path, target: Path) -> None:
    """Put one file of an artifact into the bundle: a hard link where the file system has them, else a copy.

    Artifacts are never changed once they are written, so both names may share the bytes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def files_of(folder: Path) -> list[Path]:
    """Every file under a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def list_files(folder: Path) -> list[FileEntry]:
    """Every file of a folder but the manifest, with its digest as it lies on the disk."""
    paths = [path for path in files_of(folder) if path != folder / MANIFEST]
    return [
        FileEntry(path.relative_to(folder).as_posix(), digest_file(path).removeprefix("sha256:"), path.stat().st_size)
        for path in paths
    ]


def write_files(folder: Path, model: Model, schema: Schema, graph: TransformGraph, infra: InfraBlessing) -> None:
    """Put the model, the schema, the transform graph and the rules that were proven into a bundle's folder."""
    for path in files_of(model.path):
        place(path, folder / place_of(path.relative_to(model.path).as_posix()))
    place(schema.path / Schema.file_name, folder / Schema.file_name)
    if (infra.path / RULES_FILE).is_file():
        place(infra.path / RULES_FILE, folder / RULES_FILE)
    for path in files_of(graph.path):
        place(path, folder / "transform_graph" / path.relative_to(graph.path))


def damage(release: Place) -> str:
    """Say what is wrong with a bundle, wherever it is; empty when it is whole and is what its manifest says."""
    try:
        document: Any = json.loads(release.read(MANIFEST))
        listed = {entry["path"]: entry["sha256"] for entry in document["files"]}
    except NothingThere:
        return f"it has no {MANIFEST}"
    except (ValueError, KeyError, TypeError):
        return f"its {MANIFEST} cannot be read"
    if document.get("digest") != bundle_digest(document):
        return f"its {MANIFEST} does not match its own digest"
    found = {path: digest for path, digest in release.digests().items() if path != MANIFEST}
    odd = [path for path in sorted(listed.keys() | found.keys()) if listed.get(path) != found.get(path)]
    if not odd:
        return ""
    if odd[0] not in found:
        return f"{odd[0]} is missing"
    return f"{odd[0]} is damaged" if odd[0] in listed else f"{odd[0]} does not belong to it"

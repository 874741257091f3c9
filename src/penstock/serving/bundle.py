"""A release bundle on this machine, checked whole before it is served."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.artifacts.bundle import MANIFEST, MODEL_FOLDER, bundle_digest
from penstock.artifacts.digest import digest_file
from penstock.sdk import BadInput


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte is what its manifest says."""

    path: Path
    digest: str
    """The digest over all of it."""
    name: str
    """What the release is called."""

    @property
    def model_folder(self) -> Path:
        """What a model server is pointed at."""
        return self.path / MODEL_FOLDER


def open_bundle(path: Path) -> Bundle:
    """Open a bundle and check every file of it.

    Raises:
        BadInput: It is not there, is no bundle, or is damaged (caller).
    """
    try:
        document: Any = json.loads((path / MANIFEST).read_bytes())
        listed = {str(entry["path"]): str(entry["sha256"]) for entry in document["files"]}
        digest, name = str(document["digest"]), str(document["name"])
    except FileNotFoundError:
        raise BadInput(f"{path} is no release bundle: it has no {MANIFEST}", "Name what a pusher wrote") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path / MANIFEST} cannot be read: {error}") from None
    if digest != bundle_digest(document):
        raise BadInput(f"{path} is damaged: its {MANIFEST} does not match its own digest")
    found = {p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file() and p != path / MANIFEST}
    for name_of_file in sorted(listed.keys() | found.keys()):
        if name_of_file not in found:
            raise BadInput(f"{path} is damaged: {name_of_file} is missing")
        if listed.get(name_of_file) != digest_file(found[name_of_file]).removeprefix("sha256:"):
            wrong = "is not what was pushed" if name_of_file in listed else "does not belong to it"
            raise BadInput(f"{path} is damaged: {name_of_file} {wrong}")
    return Bundle(path, digest, name)


def digest_of(model_folder: Path) -> str:
    """The digest that the bundle around a model's folder says of itself; empty where there is no bundle."""
    try:
        return str(json.loads((model_folder.parent / MANIFEST).read_bytes())["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""

"""Proposing a bundle to Git: the only way in which one becomes what is to serve."""

from __future__ import annotations

import difflib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.artifacts.digest import digest_json
from penstock.releasing.resource.document import read_release, with_bundle
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.entry import write_atomically

_GIT_SECONDS = 60


@dataclass(frozen=True)
class Proposal:
    """A file of a release, and how it would be."""

    path: Path
    before: str
    after: str
    digest: str

    @property
    def patch(self) -> str:
        """The difference, as `git apply` takes it; the path is as it was given."""
        name = self.path.as_posix().lstrip("/")
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
        )
        return "".join(lines)


def propose(path: Path, digest: str, storage_uri: str) -> Proposal:
    """Say how a release's file would be with another bundle.

    Raises:
        BadInput: The file is no ModelRelease, or the bundle makes it one that the API server would refuse (caller).
    """
    before = path.read_text(encoding="utf-8")
    after = with_bundle(path, before, digest, storage_uri)
    trial = path.with_name(f".{path.name}.proposed")
    try:
        trial.write_text(after, encoding="utf-8")
        read_release(trial)
    except BadInput as problem:
        raise BadInput(str(problem).replace(str(trial), str(path))) from None
    finally:
        trial.unlink(missing_ok=True)
    return Proposal(path, before, after, digest)


def digest_of_bundle(folder: Path) -> str:
    """The digest that a bundle's manifest carries, once it is seen to be over all its other fields.

    Raises:
        BadInput: There is no manifest, or it was changed (caller).
    """
    manifest = folder / "manifest.json"
    try:
        document: Mapping[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"{manifest} cannot be read", "Name a folder that the pusher wrote") from None
    digest = str(document.get("digest", "")) if isinstance(document, dict) else ""
    if not digest or digest != digest_json({key: value for key, value in document.items() if key != "digest"}):
        raise BadInput(f"{manifest}: its digest is not over what it says", "Push the model again")
    return digest


def commit(proposal: Proposal, message: str) -> str:
    """Write the file, and commit it alone.

    Returns:
        The commit.

    Raises:
        PenstockError: git refuses; the file is as it was.
    """
    write_atomically(proposal.path, proposal.after)
    folder, name = proposal.path.absolute().parent, proposal.path.name
    try:
        _git(folder, "add", "--", name)
        _git(folder, "commit", "--quiet", "--message", message, "--only", "--", name)
    except PenstockError:
        write_atomically(proposal.path, proposal.before)
        raise
    return _git(folder, "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PenstockError(f"git {arguments[0]}: {error}") from None
    if done.returncode:
        raise PenstockError(f"git {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout

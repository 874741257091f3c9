"""Releases in files: what is wanted, what was decided, the evidence, and every look, in one folder each.

A file is replaced whole or not at all, and the looks are appended line by line: whatever moment a process is killed at,
the next finds the last state that was written. Writers of one release take turns by a lock; who reads needs none.

    <folder>/<name>/release.json     the specification, and which generation of it
                    status.json      what the plan remembers
                    evidence.json    what the gates have seen
                    looks.jsonl      one line for each look at the gates, and for each change
                    lock, loop.lock  who writes now; who carries the release out
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from penstock.releasing.base import Part
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.local.timeline import Timeline
from penstock.releasing.port import Conflict
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.entry import write_atomically
from penstock.storage.locks import try_lock

_TURN_SECONDS = 5.0
"""How long a writer waits for its turn; a turn takes milliseconds."""
_PROBE_SECONDS = 1.0
"""How long a loop tries to have a release: whoever asks if there is one holds it for a moment."""


class StoredSpec(Part):
    """What is wanted, as it is kept."""

    generation: int
    """Counts the changes."""
    spec: ModelReleaseSpec
    """The specification."""


class StoredStatus(Part):
    """What was decided, as it is kept."""

    serial: int = 0
    """Counts the writes."""
    status: ModelReleaseStatus = ModelReleaseStatus()
    """The status."""


class StoredEvidence(Part):
    """What the gates have seen, as it is kept."""

    trial: int
    """In which attempt: that of another is worth nothing."""
    evidence: Evidence
    """The evidence."""


@dataclass(frozen=True)
class Stored:
    """A release as it is kept."""

    name: str
    generation: int
    spec: ModelReleaseSpec
    serial: int
    status: ModelReleaseStatus


Kept = TypeVar("Kept", bound=BaseModel)


class ReleaseStore:
    """The releases below one folder.

    Args:
        folder: The folder; it is made when the first release is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """The releases that there are."""
        return sorted(path.parent.name for path in self.folder.glob("*/release.json"))

    def find(self, name: str) -> Stored | None:
        """A release; None where there is none of that name.

        Raises:
            PenstockError: Its files are damaged (operator).
        """
        wanted = _read(self.folder / name / "release.json", StoredSpec)
        if wanted is None:
            return None
        kept = _read(self.folder / name / "status.json", StoredStatus) or StoredStatus()
        return Stored(name, wanted.generation, wanted.spec, kept.serial, kept.status)

    def get(self, name: str) -> Stored:
        """A release.

        Raises:
            BadInput: There is none of that name (caller).
        """
        found = self.find(name)
        if found is None:
            names = ", ".join(self.names())
            raise BadInput(
                f"there is no release {name!r}",
                f"There are: {names}" if names else "Apply one: penstock release apply -f release.yaml",
            )
        return found

    def generation(self, name: str) -> int:
        """Something that changes whenever the specification does: when its file was written [ns]; 0 for none."""
        try:
            return (self.folder / name / "release.json").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def timeline(self, name: str) -> Timeline:
        """What was seen of a release, look by look."""
        return Timeline(self.folder / name / "looks.jsonl")

    def apply(self, name: str, spec: ModelReleaseSpec) -> Stored:
        """Keep what is wanted; the same again changes nothing.

        Raises:
            BadInput: Another command is changing this release now (caller).
        """
        with self.turn(name):
            before = _read(self.folder / name / "release.json", StoredSpec)
            if before is None or before.spec != spec:
                generation = before.generation + 1 if before else 1
                self._write(name, "release.json", StoredSpec(generation=generation, spec=spec))
        return self.get(name)

    def save(self, name: str, generation: int, serial: int, status: ModelReleaseStatus) -> int:
        """Keep what was decided, unless what it was decided on is no longer so.

        Returns:
            The number of this write.

        Raises:
            Conflict: Specification or status were written since.
        """
        with self.turn(name):
            now = self.find(name)
            if now is None or (now.generation, now.serial) != (generation, serial):
                raise Conflict(f"{name} was changed meanwhile")
            self._write(name, "status.json", StoredStatus(serial=serial + 1, status=status))
        return serial + 1

    def evidence(self, name: str, trial: int) -> Evidence | None:
        """What the gates have seen in an attempt; None before the first look."""
        kept = _read(self.folder / name / "evidence.json", StoredEvidence)
        return kept.evidence if kept and kept.trial == trial else None

    def save_evidence(self, name: str, trial: int, evidence: Evidence) -> None:
        """Keep what the gates have seen. Only who carries the release out does that."""
        self._write(name, "evidence.json", StoredEvidence(trial=trial, evidence=evidence))

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Write alone.

        Raises:
            BadInput: Another command does not end its turn (caller).
        """
        with _locked(self.folder / name / "lock", _TURN_SECONDS) as mine:
            if not mine:
                raise BadInput(f"another command is changing release {name!r} right now", "Try again when it has ended")
            yield

    @contextmanager
    def carried_out(self, name: str) -> Iterator[None]:
        """Be the one who carries a release out.

        Raises:
            BadInput: Another process does (caller).
        """
        with _locked(self.folder / name / "loop.lock", _PROBE_SECONDS) as mine:
            if not mine:
                raise BadInput(f"release {name!r} is carried out by another process", "End that first")
            yield

    def is_carried_out(self, name: str) -> bool:
        """Whether some process carries a release out now."""
        if not (self.folder / name).is_dir():
            return False
        with _locked(self.folder / name / "loop.lock", 0.0) as free:
            return not free

    def _write(self, name: str, file: str, kept: BaseModel) -> None:
        write_atomically(self.folder / name / file, kept.model_dump_json(by_alias=True, indent=1) + "\n")


def _read(path: Path, kind: type[Kept]) -> Kept | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, json.JSONDecodeError) as error:
        first = " ".join(str(error).split())[:200]
        raise PenstockError(f"{path} is damaged: {first}", "Move the folder away and apply the release again") from None


@contextmanager
def _locked(path: Path, patience_seconds: float) -> Iterator[bool]:
    """Hold a lock that ends with the process, however that ends; whether it could be had in time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + patience_seconds
        while not (mine := try_lock(descriptor)) and time.monotonic() < end:
            time.sleep(0.02)
        yield mine
    finally:
        os.close(descriptor)

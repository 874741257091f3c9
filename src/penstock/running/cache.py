"""Finished work, found again by its key.

An entry only points: the outputs stay in the folder of the run that made them. It is taken only while every output is
there and its content is still what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from penstock.artifacts import Decision
from penstock.lineage.records import ArtifactRecord
from penstock.provenance.artifacts import damage
from penstock.sdk.entry import write_atomically


class CacheEntry(BaseModel):
    """What a finished execution put out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    run_id: str
    """The run that did the work."""
    execution: int | None
    """Its number in the lineage."""
    outputs: tuple[ArtifactRecord, ...]
    parameters: dict[str, Any] = {}
    """Output parameters."""
    decision: Decision | None = None
    rows: int | None = None
    seconds: float
    """How long the work took [s]."""


class Cache:
    """Entries by key, one file each.

    Args:
        folder: Where the entries are.
        pool: Threads for hashing; hashing lets other threads run.
    """

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._pool = pool

    def find(self, key: str, note: Callable[[str], None]) -> CacheEntry | None:
        """Find an entry whose outputs are all intact.

        Args:
            key: The work's key.
            note: Told in half a sentence why an entry that is there cannot be used.
        """
        path = self._path(key)
        try:
            entry = CacheEntry.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValidationError, OSError):
            note("its cache entry cannot be read")
            return None
        found = next(filter(None, self._pool.map(damage, entry.outputs)), None)
        if found or entry.key != key:
            note(found or "its cache entry is of other work")
            return None
        return entry

    def put(self, entry: CacheEntry) -> None:
        """Keep an entry; an earlier one of the same key is replaced."""
        write_atomically(self._path(entry.key), entry.model_dump_json())

    def _path(self, key: str) -> Path:
        return self._folder / f"{key.rpartition(':')[2]}.json"


def entries_by_run(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of the entries that can be read, by the run in whose folder their outputs are."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(folder.glob("*.json")):
        with suppress(ValidationError, OSError):
            run_id = CacheEntry.model_validate_json(path.read_bytes()).run_id
            found[run_id] = (*found.get(run_id, ()), path)
    return found

"""Making room: the files of runs that nobody needs any more. What they did stays in the lineage.

The cache points into the folders of the runs that did the work. So a run goes only when no cache entry points into it,
or together with those entries: the next run then does that work again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from penstock.lineage.errors import UnknownRun
from penstock.lineage.port import LineageStore
from penstock.running.cache import entries_by_run
from penstock.running.home import Home
from penstock.sdk import BadInput

_STARTED = re.compile(r"-(\d{8}T\d{6})-[0-9a-f]+$")


@dataclass(frozen=True)
class OldRun:
    """A run's folder, and who still needs it."""

    run_id: str
    path: Path
    size_bytes: int
    entries: tuple[Path, ...]
    """Cache entries that point into it."""
    alive: bool
    users: tuple[str, ...] = ()
    """Newer runs that took outputs of it."""

    @property
    def why_kept(self) -> str:
        """Why it stays unless forced; empty when nobody needs it."""
        if self.alive:
            return "it is alive"
        if self.users:
            return f"{self.users[0]} uses its outputs"
        return "the cache uses its outputs" if self.entries else ""


def old_runs(home: Home, store: LineageStore, run_ids: Sequence[str]) -> list[OldRun]:
    """Look at what runs have left, and at who needs it.

    Args:
        home: The state folder.
        store: Its lineage.
        run_ids: Whole ids.

    Raises:
        BadInput: A run has no folder here (caller).
    """
    folders = {path.name for path in home.runs.iterdir()}  # `..` is none of them
    entries = entries_by_run(home.cache)
    users = _users(home, store)
    found = []
    for run_id in dict.fromkeys(run_ids):
        path = home.runs / run_id
        if run_id not in folders:
            known = store.run(run_id).run_id  # names the nearest when there is no such run
            if known != run_id:  # `latest` is soon another one
                raise BadInput(f"{run_id!r} is not the whole id of a run", f"Is it {known}?")
            raise BadInput(f"{run_id}: its files are gone already")
        size = sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
        alive = home.is_alive(run_id)
        found.append(OldRun(run_id, path, size, entries.get(run_id, ()), alive, users.get(run_id, ())))
    return found


def started_before(home: Home, days: int, now: datetime) -> list[str]:
    """The runs with a folder here that started so many days before now or earlier, to the second, oldest first."""
    limit = f"{now - timedelta(days=days):%Y%m%dT%H%M%S}"
    return sorted((p.name for p in home.runs.iterdir() if "" < _start(p.name) <= limit), key=_start)


def remove_runs(home: Home, runs: Sequence[OldRun]) -> None:
    """Remove the files of runs and the cache entries that point to them.

    Raises:
        BadInput: A run is alive: one of these, or another that may be taking their outputs just now; nothing was
            removed (caller).
    """
    with home.alone() as alive:
        busy = [run_id for run_id in alive if any(run.entries or run.run_id == run_id for run in runs)]
        if busy:
            raise BadInput(f"run {busy[0]} is alive", "Wait until it has ended")
        for run in runs:
            for entry in run.entries:  # first: what is gone must not be pointed to
                entry.unlink(missing_ok=True)
            shutil.rmtree(run.path)


def _users(home: Home, store: LineageStore) -> Mapping[str, tuple[str, ...]]:
    """The runs that still have files and took outputs from the folder of another, by that other's id, newest first."""
    users: dict[str, tuple[str, ...]] = {}
    kept = {path.name for path in home.runs.iterdir()}
    for run_id in sorted(kept, key=_start, reverse=True):
        with suppress(UnknownRun):  # the lineage was begun anew
            executions = store.run(run_id).executions
            uris = [Path(output.uri) for execution in executions for output in execution.outputs]
            owners = {uri.relative_to(home.runs).parts[0] for uri in uris if uri.is_relative_to(home.runs)}
            for owner in owners - {run_id}:
                users[owner] = (*users.get(owner, ()), run_id)
    return users


def _start(run_id: str) -> str:
    match = _STARTED.search(run_id)
    return match[1] if match else ""

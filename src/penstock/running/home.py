"""The state folder: runs, cache, scratch and lineage of one user, shared by any number of runs at once.

A run is alive while somebody holds its lock: the runner, and every process that it started. What dead runs left
half done is removed when the next run begins; what they finished stays.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from penstock.lineage.address import sqlite_url
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.entry import PARTIAL
from penstock.storage.locks import try_lock
from penstock.storage.place import remove

_LINEAGE = "lineage.sqlite"
_LEAST_BYTES = 1_000_000
"""What an empty lineage takes, about [bytes]."""
_DYING_SECONDS = 10.0
"""How long to wait for the processes of a run whose runner was killed [s]: the kernel is killing them."""


@dataclass(frozen=True)
class WorkFolder:
    """One task of one run: its inputs as KFP writes them, its outputs, its log."""

    path: Path

    @property
    def outputs(self) -> Path:
        """The folder with one entry per output artifact."""
        return self.path / "outputs"

    @property
    def parameters(self) -> Path:
        """The folder with one file per output parameter."""
        return self.path / "parameters"

    @property
    def executor_input(self) -> Path:
        """What the task was given."""
        return self.path / "executor_input.json"

    @property
    def executor_output(self) -> Path:
        """What the task said it made; written last, so a folder with it is finished."""
        return self.path / "executor_output.json"

    @property
    def log(self) -> Path:
        """Standard output and error of the task, all attempts."""
        return self.path / "log.txt"

    @property
    def temporary(self) -> Path:
        """The task's own folder for temporary files, gone when it has ended."""
        return self.path / "tmp"

    def prepare(self) -> None:
        """Make the folder ready for an attempt: nothing of an earlier one but its log."""
        self.discard()
        for folder in (self.outputs, self.parameters, self.temporary):
            folder.mkdir(parents=True)

    def tidy(self) -> None:
        """Remove what only the running task needed."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    def discard(self) -> None:
        """Remove everything but the log and the input: the attempt failed."""
        self.executor_output.unlink(missing_ok=True)
        for folder in (self.outputs, self.parameters, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        for leftover in self.path.glob(f".*{PARTIAL}*"):
            leftover.unlink(missing_ok=True)


@dataclass(frozen=True)
class RunFolder:
    """One run's folder, and the lock that says it is alive."""

    run_id: str
    path: Path
    lock: int
    """An open file descriptor: whoever inherits it keeps the run alive."""

    def work(self, work_id: str) -> WorkFolder:
        """The folder of one piece of work.

        Raises:
            PenstockError: The id would lead out of the run's folder (author of the pipeline).
        """
        parts = work_id.split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise PenstockError(f"task id {work_id!r} cannot be a folder's name")
        return WorkFolder(self.path.joinpath(*parts))


@dataclass(frozen=True)
class Scratch:
    """A task's scratch folder, locked while it is in use."""

    path: Path
    _lock: int | None

    def release(self, *, done: bool) -> None:
        """Let go of it; once the task is done nobody needs it any more."""
        if done:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


class Home:
    """The state folder.

    Args:
        root: Its place; made when missing.

    Raises:
        BadInput: It cannot be made or written (caller).
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.runs = self.root / "runs"
        self.cache = self.root / "cache"
        self.scratch = self.root / "scratch"
        self._alive = self.root / "alive"
        self._lineage = self.root / _LINEAGE
        try:
            _check_room(self.root)
            for folder in (self.runs, self.cache, self.scratch, self._alive):
                folder.mkdir(parents=True, exist_ok=True)
            with self._exclusive():
                pass
        except OSError as error:
            hint = "Choose a folder that you may write to with --home, and see that its disk has space"
            raise BadInput(f"the state folder {self.root} cannot be used: {error.strerror}", hint) from None

    @staticmethod
    def is_at(root: Path) -> bool:
        """Whether anything has run in a folder; looking makes nothing."""
        return (root / _LINEAGE).exists()

    def lineage(self) -> LineageStore:
        """Open the lineage of all runs in this folder.

        Raises:
            PenstockError: It cannot be opened (operator).
        """
        return open_store(sqlite_url(self._lineage))

    @contextmanager
    def begin(self, pipeline: str, now: datetime) -> Iterator[RunFolder]:
        """Open a new run; it is alive until the block ends.

        Args:
            pipeline: The pipeline's name.
            now: The time, UTC, that goes into the run's id.
        """
        name = re.sub(r"[^a-z0-9-]+", "-", pipeline.lower()).strip("-") or "pipeline"
        run_id = f"{name}-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        with self._exclusive():
            self._remove_leftovers()
            lock_path = self._alive / run_id
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.write(lock, str(os.getpid()).encode())
            path = self.runs / run_id
            path.mkdir()
        try:
            yield RunFolder(run_id, path, lock)
        except BaseException:
            if not any(child.is_dir() for child in path.iterdir()):  # it broke before its first task
                shutil.rmtree(path, ignore_errors=True)
            raise
        finally:
            _remove_partial(path)
            with suppress(OSError):
                lock_path.unlink()
            os.close(lock)

    def is_alive(self, run_id: str) -> bool:
        """Whether some process of the run still lives."""
        try:
            lock = os.open(self._alive / run_id, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not try_lock(lock)
        finally:
            os.close(lock)

    @contextmanager
    def alone(self) -> Iterator[list[str]]:
        """Keep new runs from beginning until the block ends; yields the runs that are alive."""
        with self._exclusive():
            yield [marker.name for marker in self._alive.iterdir() if self.is_alive(marker.name)]

    def remove_scratch(self, before: float) -> None:
        """Remove scratch folders that no task is using and that were made before a time [s since 1970]."""
        for path in self.scratch.iterdir():
            lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if path.stat().st_mtime < before and try_lock(lock):
                shutil.rmtree(path, ignore_errors=True)
            os.close(lock)

    def scratch_for(self, key: str, otherwise: Path) -> Scratch:
        """A folder that the same work finds again after a crash.

        Args:
            key: The work's cache key; empty for work that is not to find anything.
            otherwise: A folder to use without a key, and when another run is at the same work right now.
        """
        if not key:
            return Scratch(otherwise, None)
        path = self.scratch / key.rpartition(":")[2]
        try:
            path.mkdir(exist_ok=True)
            lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # another run has just finished the work and removed it
            return Scratch(otherwise, None)
        if try_lock(lock) and _is_at(lock, path):
            return Scratch(path, lock)
        os.close(lock)
        return Scratch(otherwise, None)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep other runs from beginning meanwhile."""
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _remove_leftovers(self) -> None:
        """Remove what runs that died left half done."""
        for marker in self._alive.iterdir():
            if self._has_died(marker):
                _remove_partial(self.runs / marker.name)
                marker.unlink(missing_ok=True)
        for partial in (*self.cache.glob(f".*{PARTIAL}*"), *self.root.glob(f".*{PARTIAL}*")):
            if not _process_exists(partial.name.rpartition(PARTIAL)[2].partition("-")[0]):
                remove(partial)

    def _has_died(self, marker: Path) -> bool:
        deadline = time.monotonic() + _DYING_SECONDS
        while self.is_alive(marker.name):
            with suppress(FileNotFoundError):
                if _process_exists(marker.read_text()) or time.monotonic() > deadline:
                    return False
            time.sleep(0.01)
        return True


def _check_room(root: Path) -> None:
    """Refuse a disk that has no room for an empty state folder, before anything is made there."""
    there = next(parent for parent in (root, *root.parents) if parent.exists())
    if shutil.disk_usage(there).free < _LEAST_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _remove_partial(run: Path) -> None:
    for folder, subfolders, files in os.walk(run):
        work = WorkFolder(Path(folder))
        if work.executor_output.name in files:
            work.tidy()
            for leftover in [*work.path.glob(f".*{PARTIAL}*"), *work.outputs.glob(f".*{PARTIAL}*")]:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        elif work.outputs.name in subfolders or work.executor_input.name in files:
            work.discard()
        else:
            continue
        subfolders.clear()


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open folder is still the one that has the name."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _process_exists(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True

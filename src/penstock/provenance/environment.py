"""The digest of an environment: which packages, in which versions, a task would find installed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import penstock
from penstock.artifacts.digest import digest_json

_NO_PART = ("penstock", "pip")
"""Penstock's code counts by itself, file by file; what installs is there in one place and not in another."""
_BESIDE = ("dev", "demo")
"""The locks of what is installed beside: what checks and tests need, and data, which counts as a source's content."""


@cache
def environment_digest(prefix: Path) -> str:
    """Digest of the names and versions of the installed packages.

    What only the checks, the tests and the demonstration need does not count, so that a laptop and an image that were
    made from the same lock have the same digest.

    Args:
        prefix: The folder of the environment, as `sys.prefix` says it inside.
    """
    folders = sorted(p for name in ("site-packages", "dist-packages") for p in prefix.glob(f"lib*/python3*/{name}"))
    ignored = _only_for_development()
    names = {
        f"{folder.parent.name}/{entry.name}"
        for folder in folders
        for entry in os.scandir(folder)
        if entry.name.endswith(".dist-info") and _normal(entry.name.rpartition("-")[0].partition("-")[0]) not in ignored
    }
    return digest_json(sorted(names))


@cache
def _only_for_development() -> frozenset[str]:
    """Packages that a lock of what is installed beside names and that of the runtime does not."""
    locks = Path(penstock.__path__[0]) / "locks"
    beside = {package for name in _BESIDE for package in _locked(locks / name)}
    return frozenset(beside - set(_locked(locks / "runtime")) | set(_NO_PART))


def _locked(folder: Path) -> Iterator[str]:
    lock = folder / "requirements.lock"
    for line in lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else ():
        if pinned := re.match(r"([A-Za-z0-9._-]+)(\[[^]]*\])?==", line):
            yield _normal(pinned[1])


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()

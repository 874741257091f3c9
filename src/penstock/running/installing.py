"""Filling the environments of an installed Penstock from the locks that came with it.

A working copy does this with `make setup`. Both install the same files: every package by its hash, nothing resolved.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import penstock
from penstock.profiles.local import environment_folder
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.standard import is_installed

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_WHOLE = ("runtime", "serving")
"""The environments of a laptop; `runtime` is the one that Penstock itself is in."""


def pinned(lock: str) -> dict[str, str]:
    """Versions by package, from the text of a lock; names as the index writes them.

    Example:
        >>> pinned("numpy==1.26.4 --hash=sha256:00")
        {'numpy': '1.26.4'}
    """
    return {_normal(name): version for name, version in _PIN.findall(lock)}


def missing(lock: str, folder: Path) -> list[str]:
    """What a lock asks for and an environment lacks, as `name==version`, sorted.

    Args:
        lock: The lock's text.
        folder: The environment's folder.
    """
    there = {
        (_normal(name), version)
        for found in folder.glob("lib*/python3*/site-packages/*.dist-info")
        for name, _, version in [found.name.removesuffix(".dist-info").partition("-")]
    }
    return sorted(f"{name}=={version}" for name, version in pinned(lock).items() if (name, version) not in there)


def fill_environments(tell: Callable[[str], None]) -> Iterator[tuple[str, int]]:
    """Install what is missing.

    Args:
        tell: Told what is being done, in one line each.

    Yields:
        Each environment when it is complete, and how many packages were installed for it.

    Raises:
        BadInput: This is a working copy, or another Python than the locks are for (caller).
        PenstockError: The packages could not be had (operator: is the index reachable?).
    """
    if not is_installed():
        raise BadInput("this is a working copy of Penstock", "Run: make setup")
    if sys.version_info[:2] != (3, 11):
        raise BadInput(f"this is Python {sys.version.split()[0]}; the packages are locked for 3.11", "Use Python 3.11")
    for name in _WHOLE:
        lock = Path(penstock.__path__[0]) / "locks" / name / "requirements.lock"
        folder = Path(sys.prefix) if name == "runtime" else environment_folder(name)
        lacking = missing(lock.read_text(encoding="utf-8"), folder)
        if lacking:
            tell(f"{name}: installing {len(lacking)} packages into {folder}")
            if not (folder / "bin" / "python").exists():
                _run(name, [sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
            _run(name, [*pip, "--quiet", "--require-hashes", "--no-deps", "--requirement", str(lock)])
        yield name, len(lacking)


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in reversed(said) if "ERROR" in line), said[-1] if said else "no reason given")
        raise PenstockError(
            f"environment {name!r} could not be filled: {reason.strip()}",
            "Is the package index reachable, and is there room? A mirror is taken from pip's own configuration",
        )


def _normal(name: str) -> str:
    """A package's name as the index compares it: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()

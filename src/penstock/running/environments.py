"""Which interpreter stands for which image on this machine."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock.profiles.local import LocalProfile
from penstock.provenance.environment import environment_digest
from penstock.sdk import BadInput


class Environment(Protocol):
    """What stands for an image."""

    @property
    def digest(self) -> str:
        """Digest of the installed packages: a part of the cache key."""

    @property
    def identity(self) -> str:
        """Exactly what the task runs in, for the lineage."""


@dataclass(frozen=True)
class Interpreter:
    """An interpreter with the packages installed beside it."""

    name: str
    python: Path

    @property
    def digest(self) -> str:
        """Digest of the names and versions of the installed packages."""
        inside = self.python == Path(sys.executable)
        return environment_digest(Path(sys.prefix) if inside else self.python.parent.parent)

    @property
    def identity(self) -> str:
        """The same: an interpreter is known by what is installed."""
        return self.digest


def environment_for(image: str, profile: LocalProfile) -> Interpreter:
    """Find the environment that stands for an image.

    Raises:
        BadInput: No environment is named in the image, or it is not installed (caller).
    """
    name = environment_name(image, profile.environments)
    if name:
        return Interpreter(name, profile.interpreter(name))
    known = ", ".join(sorted(profile.environments))
    raise BadInput(f"image {image!r} has no environment on this machine; there are: {known}")


def environment_name(image: str, known: Iterable[str]) -> str:
    """The environment that an image's name holds; empty for none.

    Example:
        >>> environment_name("example.com/penstock/runtime:1.0", ["runtime", "serving"])
        'runtime'
    """
    base = re.split(r"[:@]", image.rpartition("/")[2])[0]
    return next((name for name in known if name in base), "")

"""Which interpreter stands for which image on this machine."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from penstock.profiles.local import LocalProfile
from penstock.provenance.environment import environment_digest
from penstock.sdk import BadInput


@dataclass(frozen=True)
class Environment:
    """An interpreter with the packages installed beside it."""

    name: str
    python: Path

    @property
    def digest(self) -> str:
        """Digest of the names and versions of the installed packages."""
        inside = self.python == Path(sys.executable)
        return environment_digest(Path(sys.prefix) if inside else self.python.parent.parent)


def environment_for(image: str, profile: LocalProfile) -> Environment:
    """Find the environment that stands for an image.

    Raises:
        BadInput: No environment is named in the image, or it is not installed (caller).
    """
    base = re.split(r"[:@]", image.rpartition("/")[2])[0]
    for name in profile.environments:
        if name in base:
            return Environment(name, profile.interpreter(name))
    known = ", ".join(sorted(profile.environments))
    raise BadInput(f"image {image!r} has no environment on this machine; there are: {known}")

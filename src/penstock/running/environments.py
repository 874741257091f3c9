"""Which interpreter stands for which image on this machine: the `local` profile."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveInt

from penstock.artifacts.digest import digest_json
from penstock.sdk import BadInput
from penstock.sdk.standard import is_installed, setup_command


def environment_folder(name: str) -> Path:
    """Where an environment is by default: in the one that Penstock is installed in, or beside a working copy's."""
    if is_installed():
        return Path(sys.prefix) / "environments" / name
    return Path(sys.prefix).parent / f".venv-{name}"


def _default_environments() -> dict[str, Path]:
    return {"runtime": Path(sys.executable), "serving": environment_folder("serving") / "bin" / "python"}


class LocalProfile(BaseModel):
    """How this machine plays the cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    environments: dict[str, Path] = _default_environments()
    """Interpreter by environment. An image whose name holds the environment's name runs in it:
    `example.com/penstock/runtime:1.0` in `runtime`."""
    cores: PositiveInt | None = None
    """Cores that tasks may take together; None takes all that this process may use."""
    memory_bytes: PositiveInt | None = None
    """Memory that tasks with a memory limit may take together [bytes]; None takes what is free at the start."""

    def interpreter(self, name: str) -> Path:
        """The Python of an environment.

        Raises:
            BadInput: There is no such environment, or it is not installed (caller).
        """
        python = self.environments.get(name)
        if python is None:
            raise BadInput(f"there is no environment {name!r}; there are: {', '.join(sorted(self.environments))}")
        if not os.access(python, os.X_OK):
            raise BadInput(f"environment {name!r} is not installed: {python} is missing", f"Run: {setup_command()}")
        return python


@dataclass(frozen=True)
class Environment:
    """An interpreter with the packages installed beside it."""

    name: str
    python: Path

    @property
    def digest(self) -> str:
        """Digest of the names and versions of the installed packages."""
        return _installed(self.python)


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


@cache
def _installed(python: Path) -> str:
    prefix = Path(sys.prefix) if python == Path(sys.executable) else python.parent.parent
    folders = sorted(p for name in ("site-packages", "dist-packages") for p in prefix.glob(f"lib*/python3*/{name}"))
    names = {
        f"{folder.parent.name}/{entry.name}"
        for folder in folders
        for entry in os.scandir(folder)
        if entry.name.endswith(".dist-info") and not entry.name.startswith("penstock-")
    }
    return digest_json(sorted(names))

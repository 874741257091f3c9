"""The profile `local`: processes on this machine, each in the interpreter that stands for its image."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

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

    kind: Literal["local"] = "local"
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

"""What is made once for all tests, by the first of their processes that wants it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name`, as `make` fills it; no test changes it.

    The processes of pytest-xdist have folders of their own in one of the whole run: there it lies, under a lock.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    made = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = factory.mktemp("unfinished") / name
            make(unfinished)
            unfinished.rename(made)
    return made


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of tests/unit/serving/small_model.py, made by TensorFlow in the training environment."""

    def make(folder: Path) -> None:
        command = [sys.executable, "tests/unit/serving/small_model.py", str(folder)]
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)

    return made_once(tmp_path_factory, "small-models", make)

"""The programs that `ci/tools` builds, and what is left out where they cannot be had.

Which servers a session needs is known once its tests are selected: only those are built, and only then.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock import __version__

ROOT = Path(__file__).resolve().parents[2]
BUILD_SECONDS = 3600
IMAGE = f"penstock/runtime:{__version__}"


class CannotBeHad(Exception):
    """Why the programs of some tests are not here, and what would bring them."""


@functools.cache
def tools(name: str) -> Path:
    """The folder with the programs of `ci/tools NAME`, built where that has not been done.

    Raises:
        CannotBeHad: There is no Go, or its modules cannot be fetched.
    """
    done = subprocess.run(
        [ROOT / "ci" / "tools", name], capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason was given"]
        raise CannotBeHad(next((line for line in lines if line.startswith("tools:")), lines[-1]))
    return Path(done.stdout.strip())


def docker_engine() -> None:
    """Ask the Docker Engine whether it is there, and has images that tasks run in; a test skips what it lacks of them.

    Raises:
        CannotBeHad: It does not answer, or no image has been built.
    """
    from penstock import __version__

    if _docker("info") is None:
        raise CannotBeHad("No engine answers: apt-get install docker.io, ci/build-images --start-engine")
    images = [f"penstock/{name}:{__version__}" for name in ("runtime", "serving", "control")]
    if not any(_docker("image", "inspect", image) for image in images):
        raise CannotBeHad(f"There is no {', '.join(images)}: ci/build-images")


def _docker(*arguments: str) -> str | None:
    """What docker says; None where it fails or is not installed."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


LEFT_OUT = "PENSTOCK_TESTS_LEFT_OUT"
"""The environment variable by which `ci/test` names markers whose tests it has already said to be left out."""

NEEDS: dict[str, tuple[str, Callable[[], object]]] = {
    "cluster": ("a real kube-apiserver", lambda: tools("kubernetes")),
    "store": ("a real S3 server", lambda: tools("s3")),
    "docker": ("a Docker Engine and the images", docker_engine),
}
"""What the tests of a marker need, and what makes sure that it is there."""


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Where several processes run the tests, find out once, before they start, what all of them leave out."""
    config = session.config
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        return
    for marker, (what, ensure) in NEEDS.items():
        try:
            ensure()
        except CannotBeHad as reason:
            os.environ[LEFT_OUT] = f"{os.environ.get(LEFT_OUT, '')} {marker}"
            line = f"LEFT OUT: the tests marked {marker}, which need {what}. {reason}"
            config.stash.setdefault(_LINES, []).append(line)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the selected tests whose servers cannot be had, and say so; a missing program fails nothing."""
    if config.option.collectonly:
        return
    told = os.environ.get(LEFT_OUT, "").split()
    items[:] = [item for item in items if not any(map(item.get_closest_marker, told))]
    for marker, (what, ensure) in NEEDS.items():
        needing = [item for item in items if item.get_closest_marker(marker)]
        if not needing:
            continue
        try:
            ensure()
        except CannotBeHad as reason:
            items[:] = [item for item in items if item not in needing]
            config.hook.pytest_deselected(items=needing)
            config.stash.setdefault(_LINES, []).append(
                f"LEFT OUT: {len(needing)} tests marked {marker}, which need {what}. {reason}"
            )


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """What was left out, where the number of selected tests is told."""
    return config.stash.get(_LINES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The same again at the end, where it is read."""
    for line in config.stash.get(_LINES, []):
        terminalreporter.write_line(line)


_LINES = pytest.StashKey[list[str]]()

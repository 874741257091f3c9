"""Tests whose servers cannot be had are left out, and it is said; they fail nothing, and nobody waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.manifests import ROOT

MODULE = """
import pytest

@pytest.mark.{marker}
def test_that_wants_a_server():
    raise AssertionError("it must not run")

def test_that_wants_none():
    pass
"""


def _pytest(folder: Path, marker: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    module = folder / "test_it.py"
    module.write_text(MODULE.format(marker=marker))
    # No Go, no docker, and a cache in which nothing has been built.
    (folder / "bin").mkdir()
    for program in ("bash", "cat", "sha256sum", "cut", "dirname"):
        (folder / "bin" / program).symlink_to(f"/usr/bin/{program}")
    plain = {"PATH": str(folder / "bin"), "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **environment}
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", f"--rootdir={ROOT}", module]
    plugins = ["-p", "tests.servers.tools", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        [*command, *plugins], cwd=ROOT, env=plain, capture_output=True, text=True, timeout=120, check=False
    )


def test_without_go_the_cluster_is_left_out(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "cluster")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 deselected" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.startswith("LEFT OUT"))
    assert line.startswith(
        "LEFT OUT: 1 tests marked cluster, which need a real kube-apiserver. tools: kubernetes is built"
    )


def test_without_docker_its_tests_are_left_out(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "docker")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 deselected" in done.stdout
    assert "No engine answers" in done.stdout


def test_what_ci_test_has_said_to_be_left_out_is(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "browser", PENSTOCK_TESTS_LEFT_OUT="server browser")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_several_processes_say_it_once(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "docker", "--numprocesses=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert [line for line in done.stdout.splitlines() if "marked docker" in line and "No engine answers" in line]

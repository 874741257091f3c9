"""`ci/generate --check` notices what is not up to date, and `ci/generate` mends it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("ci", "components", "pipelines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "images", "bench"))
    for name in ("README.md", "CLI.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    assert generate(tmp_path).returncode == 0
    return tmp_path


def generate(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ci/generate", *options], cwd=project, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_project_is_up_to_date() -> None:
    checked = generate(ROOT, "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_change_is_noticed_and_mended(project: Path) -> None:
    values = project / "pipelines" / "flights" / "pipeline.yaml"
    values.write_text(values.read_text().replace("  - train.epochs\n", ""))
    readme = project / "components" / "pusher" / "README.md"
    readme.write_text(readme.read_text().replace("**required**", "optional").replace("pushed_model", "model"))

    checked = generate(project, "--check")
    assert checked.returncode == 1
    assert "-      train_epochs:" in checked.stdout
    assert "+| `pushed_model` | pushed_model |" in checked.stdout
    assert "3 generated files are not up to date; run ci/generate" in checked.stderr

    made = generate(project)
    assert made.returncode == 0
    assert made.stdout.splitlines() == [
        "wrote components/pusher/README.md",
        "wrote pipelines/flights/compiled.yaml",
        "wrote pipelines/flights/README.md",
    ]
    assert generate(project, "--check").returncode == 0


def test_a_mistake_is_one_line(project: Path) -> None:
    values = project / "pipelines" / "flights" / "pipeline.yaml"
    values.write_text(values.read_text().replace("  - train.epochs\n", "  - train.epoch\n"))
    made = generate(project)
    assert made.returncode == 2
    assert made.stderr.count("\n") == 1
    assert "pipeline.yaml:" in made.stderr
    assert "did you mean 'epochs'?" in made.stderr

"""A new component is whole from its first minute: made for real, in a copy of the project, and held to the contract."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from penstock.artifacts import Examples

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("project")
    for name in ("ci", "components", "pipelines", "tests/contract"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "images", "bench"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for environment in (".venv", ".venv-serving"):
        (copy / environment).symlink_to(ROOT / environment)
    return copy


def call(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_a_new_component_passes_its_test_the_contract_and_the_linter(project: Path) -> None:
    made = call(project, "ci/new-component", "outlier_detector")
    assert made.returncode == 0, made.stderr
    assert "wrote components/outlier_detector/spec.py" in made.stdout
    assert [line[:2] for line in made.stdout.split("Next:\n")[1].splitlines() if line[0] != " "] == ["1.", "2.", "3."]

    python = str(project / ".venv" / "bin" / "python")
    own = call(project, python, "-m", "pytest", "-q", "tests/components/outlier_detector")
    assert own.returncode == 0, own.stdout
    assert "2 passed" in own.stdout
    contract = call(
        project, python, "-m", "pytest", "-q", "tests/contract/test_components.py", "-k", "outlier_detector"
    )
    assert contract.returncode == 0, contract.stdout
    assert " passed" in contract.stdout
    doctest = call(project, python, "-m", "doctest", "components/outlier_detector/logic.py")
    assert doctest.returncode == 0, doctest.stdout

    folders = ("components/outlier_detector", "tests/components/outlier_detector")
    for check in (("check",), ("format", "--check")):
        ruff = call(project, str(project / ".venv" / "bin" / "ruff"), *check, *folders)
        assert ruff.returncode == 0, ruff.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ingest", "components/ingest is there already"),
        ("Outlier", "'Outlier' is not a name: use lower-case letters"),
        ("out-lier", "is not a name"),
        ("../outside", "is not a name"),
        ("lambda", "'lambda' is a word of Python"),
    ],
)
def test_a_bad_or_taken_name_is_refused_and_nothing_written(project: Path, name: str, reason: str) -> None:
    before = sorted(project.rglob("*.py"))
    refused = call(project, "ci/new-component", name)
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert sorted(project.rglob("*.py")) == before


WIRING = """
from components.ingest.spec import SPEC as INGEST
from components.split_filter.spec import SPEC as SPLIT_FILTER
from penstock.authoring import Pipeline

def build(p: Pipeline) -> None:
    data = p.task("ingest", INGEST)
    p.task("keep", SPLIT_FILTER, examples=data["examples"])
"""
VALUES = """
name: tiny
description: Four rows in two splits.
run_may_set: [keep.min_rows]
tasks:
  ingest:
    sources: {table: {uri: rows.csv}}
    features: [x]
    split: {by: column, column: part, values: {train: [a], eval: [b]}}
  keep: {min_rows: 2}
"""


@pytest.mark.slow
def test_a_new_component_runs_in_a_pipeline_at_once(project: Path) -> None:
    assert call(project, "ci/new-component", "split_filter").returncode == 0
    (project / "rows.csv").write_text("x,part\n1,a\n2,a\n3,a\n4,b\n")
    folder = project / "pipelines" / "tiny"
    folder.mkdir()
    (folder / "pipeline.py").write_text(WIRING)
    (folder / "pipeline.yaml").write_text(VALUES)

    penstock = str(project / ".venv" / "bin" / "penstock")
    compiled = call(project, penstock, "compile", "tiny")
    assert compiled.returncode == 0, compiled.stderr
    ran = call(project, penstock, "run", "tiny", "--json")
    assert ran.returncode == 0, ran.stderr
    kept = [out for task in json.loads(ran.stdout)["tasks"] for out in task["outputs"] if out["name"] == "kept"]
    assert Examples(Path(kept[0]["uri"])).splits() == ["train"]

    refused = call(project, penstock, "run", "tiny", "--set", "keep.min_rows=9")
    assert refused.returncode == 1
    assert "no split has 9 rows" in refused.stdout + refused.stderr

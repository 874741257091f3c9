"""`ci/promote` on a copy of the repository's files: what it writes is what is rendered, and nothing else changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.manifests import ROOT
from tests.servers.kubernetes import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

IMAGES = {
    "control": "registry.example.com/ml/penstock/control@sha256:" + "a" * 64,
    "runtime": "registry.example.com/ml/penstock/runtime@sha256:" + "b" * 64,
    "serving": "registry.example.com/ml/penstock/serving@sha256:" + "c" * 64,
    "lineage": "gcr.io/tfx-oss-public/ml_metadata_store_server@sha256:" + "d" * 64,
}
GIVEN = [f"--image={name}={image}" for name, image in IMAGES.items()]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository, with an environment of its own to write to."""
    for name in ("ci", "components", "kustomize", "manifests", "pipelines", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return tmp_path


def _promote(copy: Path, cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBEBUILDER_ASSETS": str(cluster.programs), "PYTHONPATH": f"{copy}/src:{copy}"}
    command = [sys.executable, "-m", "ci.promoting", *arguments]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=300, check=False)


def _images(folder: Path) -> set[str]:
    paths = [path for path in sorted(folder.rglob("*.yaml")) if not path.name.startswith("configmap-")]
    lines = [line.strip() for path in paths for line in path.read_text().splitlines()]
    return {line.partition("image: ")[2] for line in lines if line.startswith(("image: ", "- image: "))}


def test_what_staging_runs_goes_to_production_and_nothing_else(copy: Path, cluster: Cluster) -> None:
    before = {path: path.read_bytes() for path in (copy / "manifests" / "dev").rglob("*.yaml")}
    early = _promote(copy, cluster, "production", "--from", "staging")
    assert early.returncode == 2
    assert "was never promoted there" in early.stderr

    first = _promote(copy, cluster, "staging", *GIVEN)
    assert first.returncode == 0, first.stderr
    assert _promote(copy, cluster, "staging", *GIVEN).stdout == "staging: nothing to change\n"
    assert _images(copy / "manifests" / "staging" / "platform") == {IMAGES["control"], IMAGES["lineage"]}
    assert len(list((copy / "manifests" / "staging" / "versions").iterdir())) == 2, "the earlier version is kept"
    profile = yaml.safe_load((copy / "kustomize/overlays/staging/profile.yaml").read_text())
    assert profile["images"] == {name: IMAGES[name] for name in ("runtime", "serving", "control")}

    done = _promote(copy, cluster, "production", "--from", "staging")
    assert done.returncode == 0, done.stderr
    assert _images(copy / "manifests" / "production" / "platform") == {IMAGES["control"], IMAGES["lineage"]}
    versions = [path.read_text() for path in (copy / "manifests" / "production" / "versions").iterdir()]
    assert any(IMAGES["runtime"] in text for text in versions)
    assert {path: path.read_bytes() for path in (copy / "manifests" / "dev").rglob("*.yaml")} == before


def test_sources_that_staging_does_not_run_are_refused(copy: Path, cluster: Cluster) -> None:
    assert _promote(copy, cluster, "staging", *GIVEN).returncode == 0
    values = copy / "pipelines" / "flights" / "pipeline.yaml"
    values.write_text(values.read_text().replace("description: ", "description: Another. ", 1))
    before = {path: path.read_bytes() for path in (copy / "manifests" / "production").rglob("*.yaml")}
    refused = _promote(copy, cluster, "production", "--from", "staging")
    assert refused.returncode == 2
    assert "what is compiled here is not what staging runs" in refused.stderr
    assert {path: path.read_bytes() for path in (copy / "manifests" / "production").rglob("*.yaml")} == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "there is no environment 'nowhere'"),
        (["staging", "--image=control=registry.example.com/control:1.0"], "is not named by digest"),
        (["staging", "--image=tower=registry.example.com/a@sha256:" + "a" * 64], "there is no image 'tower'"),
        (["staging", "--pipeline=nothing"], "there is no pipeline 'nothing'"),
    ],
)
def test_bad_input_is_one_line(copy: Path, cluster: Cluster, arguments: list[str], complaint: str) -> None:
    refused = _promote(copy, cluster, *arguments)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1

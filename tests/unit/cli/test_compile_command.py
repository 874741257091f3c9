"""`penstock compile` for clusters: what it writes where, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.commands import penstock
from tests.unit.authoring.clusters import profile

PIPELINE = '''
from penstock.authoring import Pipeline
from penstock.sdk import ComponentSpec, Params

class NoParams(Params):
    """None."""

SPEC = ComponentSpec(name="fit", stage="train", image="runtime", summary="Fit.", params=NoParams)

def build(p: Pipeline) -> None:
    p.task("train", SPEC)
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines" / "small"
    folder.mkdir(parents=True)
    (folder / "pipeline.py").write_text(PIPELINE)
    (folder / "pipeline.yaml").write_text("name: small\ndescription: Small.\nversion: '1.0'\n")
    overlay = tmp_path / "kustomize" / "overlays" / "staging"
    overlay.mkdir(parents=True)
    profile(overlay)
    return tmp_path


def test_for_a_cluster_it_goes_to_standard_output(project: Path) -> None:
    done = penstock("compile", "small", "--profile", "staging", "--target", "kubernetes", cwd=project)
    assert done.returncode == 0, done.stderr
    kinds = [document["kind"] for document in yaml.safe_load_all(done.stdout)]
    assert kinds == ["Pipeline", "PipelineVersion"]
    assert not (project / "pipelines" / "small" / "compiled.yaml").exists()


def test_it_is_written_and_checked_where_it_was_told(project: Path) -> None:
    there = ["compile", "small", "--profile", "staging", "--output", "staging.yaml"]
    assert penstock(*there, cwd=project).stdout == "staging.yaml: written\n"
    assert penstock(*there, "--check", cwd=project).stdout == "staging.yaml: up to date\n"
    before = (project / "staging.yaml").read_text()
    (project / "staging.yaml").write_text(before.replace("penstock.launching", "elsewhere"))
    stale = penstock(*there, "--check", cwd=project)
    assert stale.returncode == 1
    assert "+        - name: PENSTOCK_LAUNCHER" not in stale.stdout
    assert "+          value: penstock.launching" in stale.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "stagign"], "there is no profile 'stagign'. There are: local, containers, staging"),
        (["--profile", "local"], "the profile 'local' is no cluster's"),
        (
            ["--profile", "staging", "--output", "nowhere/x.yaml"],
            "nowhere/x.yaml: the folder nowhere is missing",
        ),
        (["--profile", "staging", "--check"], "--check wants the file to look at"),
        (["--target", "argo"], "'argo' is not one of 'kfp', 'kubernetes'"),
    ],
)
def test_what_cannot_be_is_one_line(project: Path, arguments: list[str], message: str) -> None:
    done = penstock("compile", "small", *arguments, cwd=project)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""

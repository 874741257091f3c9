"""A pipeline with many mistakes, all told at once."""

from pathlib import Path
from typing import Any

import pytest

from penstock.authoring import checking
from penstock.authoring.checking import Finding, check_pipeline
from penstock.authoring.compiling import write_compiled
from tests.unit.authoring.clusters import SERVING, profile
from tests.unit.authoring.conftest import BUILD, VALUES


def said(folder: Path, **options: Any) -> list[str]:
    return [str(finding).removeprefix(f"{folder}/") for finding in check_pipeline(folder, **options).findings]


def test_nothing_is_wrong(write_pipeline: Any) -> None:
    folder = write_pipeline()
    write_compiled(folder)
    checked = check_pipeline(folder)
    assert (checked.pipeline, checked.findings, checked.facts) == ("small", (), ())


def test_everything_that_is_wrong_is_told_and_nothing_is_written(write_pipeline: Any) -> None:
    values = VALUES.replace("rate:", "rat:").replace("0.6", "high").replace("train.limit", "trian.limit")
    folder = write_pipeline(values=f"{values.replace('retries: 2', 'retries: 2')}  jugde: {{retries: 1}}\n")
    before = sorted(path.name for path in folder.iterdir())
    assert said(folder) == [
        "pipeline.yaml:10: tasks.train.rat: unknown key; did you mean 'rate'?",
        "pipeline.yaml:12: tasks.judge.min_auc: input should be a valid number, unable to parse string as a number "
        "(got 'high')",
        "pipeline.yaml:15: execution.jugde: there is no such task; did you mean 'judge'?",
        "pipeline.yaml:6: run_may_set.1: 'trian.limit' names no task; did you mean 'train'?",
    ]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_file_that_is_no_configuration_is_told_alone(write_pipeline: Any) -> None:
    assert said(write_pipeline(values="name: [small")) == [
        "pipeline.yaml:1: not YAML: expected ',' or ']', but got '<stream end>'"
    ]
    assert said(write_pipeline(values="name: other\ndescription: x\nnmae: y\n")) == [
        "pipeline.yaml:3: nmae: unknown key; did you mean 'name'?"
    ]


def test_wiring_is_told_with_its_line(write_pipeline: Any) -> None:
    folder = write_pipeline(build=BUILD.replace('trained["model"])\n    with', 'trained["modle"])\n    with'))
    (finding,) = check_pipeline(folder).findings
    line = next(n for n, text in enumerate((folder / "pipeline.py").read_text().splitlines(), 1) if "modle" in text)
    assert (Path(finding.file).name, finding.line) == ("pipeline.py", line)
    assert "did you mean 'model'?" in finding.text


def test_what_was_not_compiled_is_told_last(write_pipeline: Any) -> None:
    folder = write_pipeline()
    assert said(folder) == ["compiled.yaml: is missing; make it: penstock compile small"]
    write_compiled(folder)
    write_pipeline(values=VALUES.replace("epochs: 7", "epochs: 8"))
    assert said(folder) == ["compiled.yaml: is not what would be compiled now; make it: penstock compile small"]
    write_pipeline(values=VALUES.replace("epochs: 7", "epoch: 8"))
    assert said(folder) == ["pipeline.yaml:11: tasks.train.epoch: unknown key; did you mean 'epochs'?"]


def test_a_finding_is_one_line() -> None:
    assert str(Finding("a.yaml", 3, "key: wrong")) == "a.yaml:3: key: wrong"
    assert str(Finding("a.yaml", 0, "wrong")) == "a.yaml: wrong"


def test_a_check_that_breaks_is_a_finding(write_pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(at: Any) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(checking, "load_check", lambda spec: check if spec.name == "judge" else None)
    assert said(write_pipeline()) == [
        "pipeline.yaml:12: tasks.judge: the check of judge fails: ZeroDivisionError: by nought"
    ]


LOOP = """
from penstock.authoring.control import ParallelFor

def build(p: Pipeline) -> None:
    data = p.task("read", READ)
    with ParallelFor(items=[1, 2]) as item:
        trained = p.task("train", FIT, examples=data["examples"], values={"epochs": item})
        p.task("judge", JUDGE, model=trained["model"])
"""


def test_values_that_are_known_only_while_it_runs_are_no_problem(write_pipeline: Any, monkeypatch: Any) -> None:
    looked_at = []
    monkeypatch.setattr(checking, "load_check", lambda spec: lambda at: looked_at.append((spec.name, dict(at.inputs))))
    values = VALUES.replace("  - train.epochs\n", "").replace("    epochs: 7\n", "")
    folder = write_pipeline(build=LOOP, values=values.replace("train: {retries", "read: {retries"))
    assert said(folder) == ["compiled.yaml: is missing; make it: penstock compile small"]
    assert looked_at == [("reader", {}), ("judge", {})]


def test_what_a_cluster_does_not_have_is_told_task_by_task(write_pipeline: Any, tmp_path: Path) -> None:
    lines = "  judge: {node_pool: gpus}\n  read: {accelerator_count: 2, node_pool: cpu}\n"
    folder = write_pipeline(values=VALUES + lines)
    write_compiled(folder)
    assert said(folder) == []
    cluster = profile(tmp_path, images={"serving": SERVING})
    assert said(folder, profile=cluster) == [
        f"{tmp_path}/profile.yaml:3: images.runtime: is missing, and task 'read' runs in it. Name it by digest: "
        "`runtime: registry.example.com/penstock/runtime@sha256:...`",
        f"{tmp_path}/profile.yaml:3: images.runtime: is missing, and task 'train' runs in it. Name it by digest: "
        "`runtime: registry.example.com/penstock/runtime@sha256:...`",
        f"pipeline.yaml:15: execution.judge.node_pool: {tmp_path}/profile.yaml has no node pool 'gpus'; "
        "known: cpu, discovered, eks-a10g, gke-l4, karpenter, mig",
        f"{tmp_path}/profile.yaml:3: images.runtime: is missing, and task 'train_again' runs in it. Name it by digest: "
        "`runtime: registry.example.com/penstock/runtime@sha256:...`",
    ]
    assert said(folder, profile=profile(tmp_path)) == [
        "pipeline.yaml:16: execution.read.accelerator_count: the node pool 'cpu' has no accelerators. Name a pool that "
        "has some, or leave this out",
        f"pipeline.yaml:15: execution.judge.node_pool: {tmp_path}/profile.yaml has no node pool 'gpus'; "
        "known: cpu, discovered, eks-a10g, gke-l4, karpenter, mig",
    ]

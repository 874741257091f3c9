"""A pipeline in a folder of its own, with components declared in its own file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SPECS = '''
from typing import Literal
from penstock.artifacts import Examples, Model, ModelBlessing
from penstock.authoring import Pipeline
from penstock.sdk import ComponentSpec, In, Out, Params

class ReadParams(Params):
    uri: str = "here"
    """Where the rows are."""

class FitParams(Params):
    """How to fit."""
    epochs: int = 3
    """Passes over the data: more is slower."""
    rate: float = 0.001
    """Learning rate."""
    units: list[int] = [64, 32]
    """Width of each layer."""
    limit: int | None = None
    """Most steps; none: all."""
    kind: Literal["linear", "deep"] = "deep"
    """Which model."""
    notes: str = ""

class JudgeParams(Params):
    min_auc: float
    """Smallest area that is blessed."""

READ = ComponentSpec(name="reader", stage="ingest", image="runtime", summary="Read.", params=ReadParams,
                     outputs={"examples": Out(Examples)})
FIT = ComponentSpec(name="fitter", stage="train", image="runtime", summary="Fit.", params=FitParams,
                    inputs={"examples": In(Examples), "start": In(Model, optional=True)}, outputs={"model": Out(Model)})
JUDGE = ComponentSpec(name="judge", stage="analyse", image="serving", summary="Judge.", params=JudgeParams,
                      inputs={"model": In(Model)}, outputs={"blessing": Out(ModelBlessing)}, gate=True)
'''

BUILD = """
def build(p: Pipeline) -> None:
    data = p.task("read", READ)
    trained = p.task("train", FIT, examples=data["examples"])
    judged = p.task("judge", JUDGE, model=trained["model"])
    with p.when_open(judged):
        p.task("train_again", FIT, examples=data["examples"], start=trained["model"])
"""

VALUES = """
name: small
description: A small pipeline.
run_may_set:
  - train.epochs
  - train.limit
  - train.units
tasks:
  train:
    rate: 1e-2
    epochs: 7
  judge: {min_auc: 0.6}
execution:
  train: {retries: 2, cpu_limit: 2, memory_limit: 4Gi, caching: false}
"""

WritePipeline = Callable[..., Path]


@pytest.fixture
def write_pipeline(tmp_path: Path) -> Iterator[WritePipeline]:
    """Write the small pipeline, or one with another `build` or other values; returns its folder."""
    path = list(sys.path)

    def write(build: str = BUILD, values: str = VALUES) -> Path:
        folder = tmp_path / "pipelines" / "small"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pipeline.py").write_text(SPECS + build)
        (folder / "pipeline.yaml").write_text(values)
        return folder

    yield write
    sys.path[:] = path

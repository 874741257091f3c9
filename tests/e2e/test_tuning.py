"""A small pipeline with a tuner, through the runner: searched, cached, and begun where the last study ended."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]

WIRING = """\
from components.data_validator.spec import SPEC as DATA_VALIDATOR
from components.ingest.spec import SPEC as INGEST
from components.trainer.spec import SPEC as TRAINER
from components.transform.spec import SPEC as TRANSFORM
from components.tuner.spec import SPEC as TUNER


def build(p):
    data = p.task("ingest", INGEST)
    checked = p.task("validate", DATA_VALIDATOR, examples=data["examples"])
    with p.when_open(checked):
        features = p.task("transform", TRANSFORM, examples=checked["accepted"], schema=checked["schema"])
        tuned = p.task(
            "tune",
            TUNER,
            transformed_examples=features["transformed_examples"],
            transform_graph=features["transform_graph"],
        )
        p.task(
            "train",
            TRAINER,
            examples=checked["accepted"],
            transformed_examples=features["transformed_examples"],
            transform_graph=features["transform_graph"],
            schema=checked["schema"],
            tuning=tuned["tuning"],
        )
"""

VALUES = """\
name: tuned
description: Is the point on this side of the line?
run_may_set: [tune.trials]
tasks:
  ingest:
    sources: {points: {uri: points.csv}}
    features: [x, z]
    label: y
    split: {by: hash, group: [id]}
  transform:
    label: y
    features: {x: {kind: z_score}, z: {kind: z_score}}
  tune:
    base: {epochs: 2, batch_size: 64, hidden_units: [8]}
    space:
      learning_rate: {kind: float, low: 0.001, high: 0.03, log: true}
      dropout: {kind: float, low: 0, high: 0.3}
    trials: 3
    pruner: none
  train: {epochs: 2, batch_size: 64, hidden_units: [8], dropout: 0.2}
"""

pytestmark = pytest.mark.slow


def write_points(path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, 1500))
    y = (x - z + random.logistic(scale=0.5, size=1500) > 0).astype(int)
    rows = [f"{n},{a:.4f},{b:.4f},{c}" for n, (a, b, c) in enumerate(zip(x, z, y, strict=True))]
    path.write_text("id,x,z,y\n" + "\n".join(rows) + "\n")


def penstock(project: Path, *arguments: str) -> Any:
    program = "from penstock.cli.main import main; main()"
    words = [sys.executable, "-c", program, "--home", str(project / "home"), *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}/src"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=project, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout


def output(document: Any, task: str, name: str) -> Any:
    found = next(each for each in document["tasks"] if each["task"] == task)
    return next(each for each in found["outputs"] if each["name"] == name)


def study(document: Any) -> Any:
    return json.loads((Path(output(document, "tune", "tuning")["uri"]) / "study.json").read_text())


def states(document: Any) -> dict[str, str]:
    return {task["task"]: task["state"] for task in document["tasks"] if task["task"] in ("tune", "train")}


def test_a_search_is_cached_and_the_next_one_begins_where_it_ended(tmp_path: Path) -> None:
    (tmp_path / "components").symlink_to(REPOSITORY / "components")
    folder = tmp_path / "pipelines" / "tuned"
    folder.mkdir(parents=True)
    (folder / "pipeline.py").write_text(WIRING)
    (folder / "pipeline.yaml").write_text(VALUES)
    write_points(tmp_path / "points.csv", seed=1)
    penstock(tmp_path, "compile", "tuned")

    first = penstock(tmp_path, "run", "tuned", "--json")
    assert states(first) == {"tune": "complete", "train": "complete"}
    found = study(first)
    assert [trial["earlier"] for trial in found["trials"]] == [False] * 3
    assert found["trials"][0]["parameters"] == {"learning_rate": 0.001, "dropout": 0.0}
    model = penstock(tmp_path, "runs", "show", first["run_id"], "--json")
    made = next(o for e in model["executions"] for o in e["outputs"] if o["kind"] == "model")
    best = found["best_parameters"]
    assert made["metadata"]["tuned"] == ", ".join(f"{name}={json.dumps(best[name])}" for name in sorted(best))
    assert made["metadata"]["tuning_digest"] == output(first, "tune", "tuning")["digest"]

    # Nothing changed: its own study is not the one to begin with, so the key is the same.
    again = penstock(tmp_path, "run", "tuned", "--json")
    assert states(again) == {"tune": "cached", "train": "cached"}

    # Other data: the last study is where the next begins, and it is one of the task's inputs.
    write_points(tmp_path / "points.csv", seed=2)
    other = penstock(tmp_path, "run", "tuned", "--json")
    assert states(other) == {"tune": "complete", "train": "complete"}
    warm = study(other)
    assert [trial["earlier"] for trial in warm["trials"]] == [True] * 3 + [False] * 3
    assert [t["parameters"] for t in warm["trials"][:3]] == [t["parameters"] for t in found["trials"]]
    assert warm["trials"][4]["parameters"] == found["best_parameters"] or warm["trials"][3]["parameters"] == best
    shown = penstock(tmp_path, "runs", "show", other["run_id"], "--json")
    inputs = [i for e in shown["executions"] if e["task"] == "tune" for i in e["inputs"]]
    assert output(first, "tune", "tuning")["digest"] in [i["digest"] for i in inputs if i["kind"] == "tuning"]

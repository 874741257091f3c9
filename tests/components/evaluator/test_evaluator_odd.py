"""Whatever labels and scores look like, there is a decision, a document that JSON can hold, and no warning."""

import json
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator.engines import Job, vectorised
from components.evaluator.importance import permutation_importance
from components.evaluator.logic import decide
from components.evaluator.measurement import Role
from components.evaluator.metrics import METRICS, labels_of
from components.evaluator.plan import full_plan, read_eval_config
from components.evaluator.plots import draw
from components.evaluator.report import summary
from components.evaluator.spec import EvaluatorParams
from components.evaluator.statistics import Rows
from penstock.artifacts import Verdict
from penstock.artifacts.plots import EvaluationPlots
from penstock.artifacts.task import Task

SKILL = {"class_name": "Skill", "threshold": {"value_threshold": {"lower_bound": 0}}}
ALL = {
    labels: [{"class_name": name} for name in METRICS if labels_of(METRICS[name]) == labels]
    for labels in ("any", "number", "binary", "class")
}
for same_name in ALL["binary"]:
    if same_name["class_name"] == "BinaryCrossEntropy":
        same_name["config"] = '{"name": "unclipped"}'


def config_of(task: Task, random: np.random.Generator) -> dict[str, Any]:
    """Every metric that suits the task, overall and by a slice."""
    if task.kind == "regression":
        specs: list[dict[str, Any]] = [{"metrics": [SKILL, *ALL["any"], *ALL["number"]]}]
    elif task.kind == "binary":
        specs = [{"metrics": [SKILL, *ALL["any"], *ALL["number"], *ALL["binary"]]}]
    else:
        average = {f"{random.choice(['macro', 'micro', 'weighted_macro'])}_average": True}
        classes = {"class_ids": {"values": [0, task.outputs - 1]}}
        specs = [{"metrics": [SKILL, *ALL["any"], *ALL["class"]]}]
        specs += [{"metrics": [*ALL["number"], *ALL["binary"]], "aggregate": average, "binarize": classes}]
    return {"slicing_specs": [{}, {"feature_keys": ["group"]}], "metrics_specs": specs}


def labels(task: Task, n_rows: int, random: np.random.Generator) -> np.ndarray:
    """Few classes of many, none but one, numbers of any size, all equal."""
    if task.kind == "binary":
        return (random.random(n_rows) < random.choice([0, 0.1, 0.5, 1])).astype(float)
    if task.kind == "multiclass":
        return random.integers(0, random.integers(1, task.outputs + 1), n_rows).astype(float)
    return random.choice([0, 1, 1e9, -1e-9], n_rows) + random.normal(size=n_rows) * random.choice([0, 1, 1e6])


def answers(task: Task, label: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Good ones, constant ones, certain ones; now and then one that is no number."""
    n_rows, kind = len(label), random.integers(3)
    if task.kind == "multiclass":
        sure = random.dirichlet(np.full(task.outputs, random.choice([0.01, 1, 100])), n_rows)
        score = (sure, np.tile(sure[0], (n_rows, 1)), np.round(sure))[kind]
    elif task.kind == "binary":
        score = (random.random(n_rows), np.full(n_rows, 0.5), np.round(random.random(n_rows)))[kind]
    else:
        score = (label + random.normal(size=n_rows), np.zeros(n_rows), label.copy())[kind]
    if random.random() < 0.15:
        score[random.integers(n_rows)] = random.choice([np.nan, np.inf])
    return score


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_no_table_is_too_odd(kind: Any) -> None:
    warnings.simplefilter("error")
    for seed in range(30):
        random = np.random.default_rng(seed)
        names = tuple(f"c{i}" for i in range(random.integers(2, 6)))
        task = Task(kind=kind, classes=names if kind == "multiclass" else ())
        label = labels(task, int(random.choice([1, 2, 3, 5, 20, 100])), random)
        roles = (Role.CANDIDATE, Role.BASELINE)[: random.integers(1, 3)]
        scores = {role: answers(task, label, random) for role in roles}
        config = config_of(task, random)
        fairness = [{"feature": "group", "metric": "skill"}]
        params = EvaluatorParams.parse({"eval_config": config, "fairness": fairness}, "test")
        plan = full_plan(read_eval_config(config), params, label="y", task=task)
        table = pa.table({"group": random.integers(0, 3, len(label))})
        job = Job("eval", len(label), table, label, {}, scores, plan, None, 50, 0, None, task)  # type: ignore[arg-type]
        measured = vectorised(job)
        decision = decide(measured, plan, params)
        fit = all(np.isfinite(score).all() for score in scores.values())
        assert (decision.verdict is Verdict.ERROR) == (not fit)
        json.dumps(summary([measured], plan, decision, params, task), allow_nan=False)
        plots = draw(label, scores, task, split="eval", confidence=0.95)
        assert EvaluationPlots.model_validate_json(plots.model_dump_json()) == plots
        if fit and len(label) > 1:
            importance_of(task, label, scores[Role.CANDIDATE])


def importance_of(task: Task, label: np.ndarray, score: np.ndarray) -> None:
    columns = {"row": np.arange(len(label)), "same": np.ones(len(label))}
    for metric in ("auc", "accuracy", "skill", "loss") if task.kind == "binary" else ("skill", "loss"):
        found = permutation_importance(
            lambda given: score[given["row"]],
            columns,
            Rows(label, score),
            task,
            metric=metric,  # type: ignore[arg-type]
            repeats=2,
            confidence=0.95,
            seed=0,
        )
        assert all(one.lower <= one.drop <= one.upper for one in found)

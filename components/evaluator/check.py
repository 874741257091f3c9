"""What can be wrong with `evaluator` before it runs: metrics, thresholds, slices, and the columns that they look at."""

from __future__ import annotations

from components.evaluator.plan import Plan, full_plan, read_eval_config
from components.evaluator.spec import EvaluatorParams
from penstock.sdk.checking import Check


def check(at: Check[EvaluatorParams]) -> None:
    """Plan the evaluation, and look for every column and split that it takes."""
    params, examples, model = at.params, at.input("examples"), at.input("model")
    for number, split in enumerate(params.splits):
        at.member("splits", number, name=split, of=examples.splits, where="the splits")
    plan: Plan | None = None
    with at.noting():
        plan = full_plan(read_eval_config(params.eval_config), params, label=model.label, task=model.task)
    if plan is None:
        return
    if plan.label:
        at.member("eval_config", name=plan.label, of=examples.columns, where="the examples")
    for column in dict.fromkeys(column for slicing in plan.slicings for column in slicing.columns):
        at.member("eval_config", "slicing_specs", name=column, of=examples.columns, where="the examples")

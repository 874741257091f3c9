"""What can be wrong with `trainer` before it runs: the splits, the label, the author's own network."""

from __future__ import annotations

from components.trainer.spec import TrainerParams
from penstock.sdk.checking import Check, Known


def check(at: Check[TrainerParams]) -> None:
    """Look for the splits and at the label's type."""
    params, rows = at.params, at.input("transformed_examples")
    for key in ("train_split", "eval_split"):
        at.member(key, name=getattr(params, key), of=rows.splits, where="the splits")
    if (rows.columns or {}).get(rows.label) == "string":
        hint = "make a number of it in ingest: `derive`, `op: position_in`"
        at.problem("task", text=f"the label {rows.label!r} is text; {hint}")
    at.source("model_fn", text=params.model_fn)
    features = at.input("transform_graph")
    at.outputs["model"] = Known(features.columns, exact=features.exact, label=features.label, task=params.answers())

"""What can be wrong with `tuner` before it runs: the split that it searches on, the author's own network."""

from __future__ import annotations

from components.tuner.spec import TunerParams
from penstock.sdk.checking import Check


def check(at: Check[TunerParams]) -> None:
    """Look for the training split, and at the author's own network."""
    rows = at.input("transformed_examples")
    at.source("model_fn", text=at.params.model_fn)
    at.member("base", "train_split", name=at.params.base.train_split, of=rows.splits, where="the splits")

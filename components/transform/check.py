"""What can be wrong with `transform` before it runs: the columns and types of features, the author's own function."""

from __future__ import annotations

from components.transform import kinds
from components.transform.spec import TransformParams
from penstock.sdk.checking import Check, Known

_OF_NUMBERS = (
    kinds.ZScore,
    kinds.Robust,
    kinds.MinMax,
    kinds.Log,
    kinds.AsIs,
    kinds.Cyclic,
    kinds.Piecewise,
    kinds.Buckets,
)
_OF_TEXTS = (kinds.Text, kinds.Time)


def check(at: Check[TransformParams]) -> None:
    """Look for the label, the splits and every feature's columns."""
    params, examples, schema = at.params, at.input("examples"), at.input("schema")
    used: dict[str, None] = {}
    at.member("label", name=params.label, of=examples.columns, where="the examples")
    at.member("analyze_split", name=params.analyze_split, of=examples.splits, where="the splits")
    for name, feature in params.features.items():
        for column in feature.inputs(name):
            used[column] = None
            before = len(at.problems)
            at.member("features", name, name=column, of=examples.columns, where="the examples")
            if len(at.problems) == before:
                at.member("features", name, name=column, of=schema.columns, where="the schema")
            if column == params.label:
                at.problem("features", name, text=f"is made from the label {column!r}")
            seen = (examples.columns or {}).get(column)
            if isinstance(feature, _OF_NUMBERS) and seen == "string":
                at.problem("features", name, text=f"{feature.kind} is for numbers, and {column!r} is text")
            elif isinstance(feature, _OF_TEXTS) and examples.exact and seen in ("int", "float"):
                at.problem("features", name, text=f"{feature.kind} is for texts, and {column!r} has numbers")
    at.source("preprocessing_fn", text=params.preprocessing_fn)
    columns = examples.columns
    raw = {name: (columns or {}).get(name) for name in used} if params.features else None
    at.outputs["transform_graph"] = Known(raw, exact=examples.exact, label=params.label)
    splits = None if examples.splits is None else tuple(s for s in examples.splits if s not in params.leave_out)
    label = (examples.columns or {}).get(params.label)
    at.outputs["transformed_examples"] = Known({params.label: label}, splits=splits, label=params.label)

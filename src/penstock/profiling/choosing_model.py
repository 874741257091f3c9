"""Which features are made from the columns, and how the model is trained: the choices that its quality hangs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.profiling.choices import Because
from penstock.profiling.columns_used import Use
from penstock.profiling.profile import ColumnProfile, Profile

_LONG_TAIL = 2.0
"""Skewness from which a number that is never negative is taken by its logarithm."""
_SMALL, _LARGE = 5_000, 100_000
"""Rows below which, and from which on, a table counts as small and large [rows]."""


def choose_features(profile: Profile, uses: Mapping[str, Use]) -> dict[str, Any]:
    """Choose a feature for each column that is used, by its role."""
    return {
        column.name: _feature(profile, column)
        for column in profile.columns
        if column.name in uses and uses[column.name].feature
    }


def _feature(profile: Profile, column: ColumnProfile) -> dict[str, Any] | Because:
    match column.role:
        case "boolean":
            return {"kind": "vocabulary"}
        case "category":
            return {"kind": "vocabulary"}
        case "high_cardinality":
            why = f"{column.distinct:,} different values: those that hardly come up count as unknown together."
            return Because({"kind": "vocabulary", "frequency_threshold": _seldom(profile), "top_k": 10_000}, why)
        case "text":
            words = 16 if column.mean_words <= 8 else 32 if column.mean_words <= 20 else 64
            why = f"Texts of {column.mean_words:.0f} words on average."
            return Because({"kind": "text", "max_tokens": words, "frequency_threshold": _seldom(profile)}, why)
        case "moment":
            return _moment(profile, column)
    return _number(column)


def _seldom(profile: Profile) -> int:
    return 2 if profile.rows < _SMALL else 5 if profile.rows < _LARGE else 20


def _moment(profile: Profile, column: ColumnProfile) -> dict[str, Any] | Because:
    parts = ["weekday", "day_of_year"] if column.type == "date" else ["hour", "weekday", "day_of_year"]
    if column.name == profile.time_column:
        why = "What comes round again; the time itself lies beyond all that was learnt from."
        return Because({"kind": "time", "parts": parts}, why)
    return Because({"kind": "time", "parts": parts, "trend": True}, "Years count too: this is not the time of the row.")


def _number(column: ColumnProfile) -> dict[str, Any] | Because:
    indicator = {"indicator": True} if column.missing else {}
    least = column.least
    if isinstance(least, int | float) and least >= 0 and (column.skewness or 0) > _LONG_TAIL:
        return Because({"kind": "log", **indicator}, f"A long tail (skewness {column.skewness:.1f}).")
    return {"kind": "z_score", **indicator}


def choose_training(profile: Profile) -> dict[str, Any]:
    """Choose the model and how it is trained, by the task and the number of rows."""
    label, rows = profile.label, profile.rows
    chosen: dict[str, Any] = {"task": Because(label.task, f"The label {label.column}: {label.reason}.")}
    if label.encoded or label.task == "multiclass":
        chosen["classes"] = [str(value) for value in label.classes]
    size = "few" if rows < _SMALL else "many" if rows >= _LARGE else "some"
    units = {"few": [32, 16], "some": [64, 32], "many": [128, 64]}[size]
    batch = {"few": 32, "some": 256, "many": 1024}[size]
    return {
        **chosen,
        "hidden_units": Because(units, f"{rows:,} rows."),
        "batch_size": batch,
        "epochs": Because(100 if size == "few" else 30 if size == "some" else 10, "At most: it stops early."),
        "patience": 10 if size == "few" else 3,
        "holdout_fraction": Because(
            0.15, "Early stopping looks at rows held out of training, so that the evaluation stays untouched."
        ),
        "learning_rate": 0.003 if size == "few" else 0.001,
        "seed": 1,
    }

"""Which features are made from the columns, and how the model is trained: the choices that its quality hangs on.

The figures were found by comparing with boosted trees on public tables: see ci/bench/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.profiling.choices import Because
from penstock.profiling.columns_used import Use
from penstock.profiling.profile import ColumnProfile, Profile

_LONG_TAIL = 2.0
"""Skewness from which a number that is never negative is taken by its logarithm."""
_SMALL, _LARGE = 5_000, 100_000
"""Rows below which, and from which on, a table counts as small and large [rows]."""
_FEW_LEVELS = 64
"""Different whole numbers up to which each gets a weight of its own."""
_ROWS_A_BIN = 40
_MOST_BINS, _FEWEST_BINS = 48, 8
_MOST_NUMBERS = 64_000_000
"""How many numbers all bins of all rows may have: four bytes each in memory."""


def choose_features(profile: Profile, uses: Mapping[str, Use]) -> Because:
    """Choose features for each column that is used, by its role."""
    used = [column for column in profile.columns if column.name in uses and uses[column.name].feature]
    bins = _bins(profile.rows, sum(column.role == "number" for column in used))
    names = {column.name for column in profile.columns}
    features: dict[str, Any] = {}
    for column in used:
        if column.role == "number":
            for suffix, feature in _number(column, bins):
                features[_free(column.name + suffix, names) if suffix else column.name] = feature
        else:
            features[column.name] = _feature(profile, column)
    reason = "Each feature is made from the column of its name, where it names no other."
    if bins:
        reason += (
            "\nNumbers come scaled, and as bins between quantiles so that the model can follow any curve;"
            "\nwhole numbers of few values also as names, so that each value may stand for itself."
        )
    return Because(features, reason)


def _free(name: str, taken: set[str]) -> str:
    """A name that no column has, and no feature yet."""
    while name in taken or f"{name}_missing" in taken:
        name += "_"
    taken.add(name)
    return name


def _feature(profile: Profile, column: ColumnProfile) -> dict[str, Any] | Because:
    match column.role:
        case "high_cardinality":
            why = f"{column.distinct:,} different values: those that hardly come up count as unknown together."
            return Because({"kind": "vocabulary", "frequency_threshold": _seldom(profile), "top_k": 10_000}, why)
        case "text":
            words = 16 if column.mean_words <= 8 else 32 if column.mean_words <= 20 else 64
            why = f"Texts of {column.mean_words:.0f} words on average."
            return Because({"kind": "text", "max_tokens": words, "frequency_threshold": _seldom(profile)}, why)
        case "moment":
            return _moment(profile, column)
    return {"kind": "vocabulary"}


def _seldom(profile: Profile) -> int:
    return 2 if profile.rows < _SMALL else 5 if profile.rows < _LARGE else 20


def _moment(profile: Profile, column: ColumnProfile) -> dict[str, Any] | Because:
    parts = ["weekday", "day_of_year"] if column.type == "date" else ["hour", "weekday", "day_of_year"]
    if column.name == profile.time_column:
        why = "What comes round again; the time itself lies beyond all that was learnt from."
        return Because({"kind": "time", "parts": parts}, why)
    return Because({"kind": "time", "parts": parts, "trend": True}, "Years count too: this is not the time of the row.")


def _bins(rows: int, numbers: int) -> int:
    """How many bins a number gets: enough rows in each, and not too much memory for all; 0 where they do not pay.

    Example:
        >>> _bins(500, 10), _bins(50_000, 10), _bins(1_000_000, 5), _bins(1_000_000, 50)
        (12, 48, 12, 0)
    """
    affordable = _MOST_NUMBERS // max(rows * numbers, 1)
    bins = min(max(rows // _ROWS_A_BIN, _FEWEST_BINS), _MOST_BINS, affordable)
    return bins if bins >= _FEWEST_BINS else 0


def _number(column: ColumnProfile, bins: int) -> Iterator[tuple[str, dict[str, Any] | Because]]:
    """The features of a number, each with what is added to the column's name."""
    curved = bins and column.distinct > 2
    indicator = {"indicator": True} if column.missing and not curved else {}
    least = column.least
    if isinstance(least, int | float) and least >= 0 and (column.skewness or 0) > _LONG_TAIL:
        yield "", Because({"kind": "log", **indicator}, f"A long tail (skewness {column.skewness:.1f}).")
    else:
        yield "", {"kind": "z_score", **indicator}
    if curved:
        width = max(2, min(bins, column.distinct))
        yield "_bins", {"kind": "piecewise", "column": column.name, "width": width, "indicator": column.missing > 0}
        if column.whole and column.distinct <= _FEW_LEVELS:
            yield "_level", {"kind": "vocabulary", "column": column.name}


def choose_training(profile: Profile) -> dict[str, Any]:
    """Choose the model and how it is trained, by the task and the number of rows."""
    label, rows = profile.label, profile.rows
    chosen: dict[str, Any] = {"task": Because(label.task, f"The label {label.column}: {label.reason}.")}
    if label.encoded or label.task == "multiclass":
        chosen["classes"] = [str(value) for value in label.classes]
    by_time = bool(profile.time_column) and profile.column(profile.time_column).rises
    return {
        **chosen,
        "architecture": "wide_and_deep",
        **_size(rows),
        "dropout": 0.1,
        "optimizer": "adamw",
        "weight_decay": 0.02,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "holdout_fraction": Because(
            0.125, "Early stopping and calibration look at rows held out of training: the evaluation stays untouched."
        ),
        "holdout": Because("last", "The rows are in the order of time.")
        if by_time
        else Because("random", "From everywhere, whatever the rows are sorted by; other ones for each member."),
        "calibration": "linear",
        "seed": 1,
    }


def _size(rows: int) -> dict[str, Any]:
    """How much is computed: many members and epochs for few rows, where both are cheap and noise is large."""
    if rows < _SMALL:
        members, units, batch, epochs, patience = 8, [64, 64], 32 if rows < 2_000 else 64, 60, 12
    elif rows < 20_000:
        members, units, batch, epochs, patience = 4, [128, 128], 128, 40, 8
    elif rows < _LARGE:
        members, units, batch, epochs, patience = 4, [64, 64], 256, 24, 5
    else:
        members, units, batch, epochs, patience = 1, [128, 64], 1024, 10, 3
    return {
        "members": Because(members, f"{rows:,} rows: so many networks are trained side by side; their mean counts."),
        "hidden_units": units,
        "batch_size": batch,
        "epochs": Because(epochs, "At most: it stops early."),
        "patience": patience,
    }

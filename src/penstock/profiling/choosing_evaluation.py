"""What a candidate must show before it is blessed: metrics by task, honest bounds, slices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from penstock.profiling.choices import Because
from penstock.profiling.columns_used import Use
from penstock.profiling.profile import ColumnProfile, Profile

_MOST_SLICED = 3
_SLICED_VALUES = range(2, 11)
"""How many values a column may have whose every value is looked at."""
_SLICED_SHARE = 0.02
"""Share of the rows that at least two of these values must have."""
_JUDGED_SHARE = 0.2
_FEW_JUDGED = 300
"""Below so many judged rows [rows] a good binary model often cannot show that its skill is surely above 0, while its
area under the curve is surely above chance: with 50 rows and an area of 0.77, in 43% against 93% of simulations."""
_NOTHING_KNOWN = {
    "AUC": (0.5, "Better than chance: what so few rows can tell soonest"),
    "Skill": (0, "Better than the best constant answer"),
}
"""By metric, what a model has that knows nothing, and how that is said."""
_WORSE = 0.05
"""How much worse than the last blessed model a candidate may be, at least."""
_WORSE_OF_ONE_ROW = {"AUC": 0.5, "Skill": 1.5}
"""The same over the root of the judged rows, where these are few: between models of two halves of one table, intervals
of the difference reached down to -0.16 of skill with 60 to 80 rows, and -0.04 of the area under the curve with 140."""
_METRICS = {
    "binary": ("AUC", "BinaryAccuracy", "Precision", "Recall", "BinaryCrossentropy", "Calibration"),
    "multiclass": ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
    "regression": ("RootMeanSquaredError", "MeanAbsoluteError", "MeanLabel", "MeanPrediction"),
}


def choose_evaluation(profile: Profile, uses: Mapping[str, Use]) -> dict[str, Any]:
    """Choose the parameters of `evaluator`."""
    slices = sliced_columns(profile, uses)
    judged = int(profile.rows * _JUDGED_SHARE)
    names = ["ExampleCount", "Skill", *_METRICS[profile.label.task]]
    decisive = "AUC" if profile.label.task == "binary" and judged < _FEW_JUDGED else "Skill"
    metrics = [{"class_name": name, **(_bounds(decisive, judged) if name == decisive else {})} for name in names]
    of_slices = [{"feature_keys": [name]} for name in slices]
    config = {"slicing_specs": [{}, *of_slices], "metrics_specs": [{"metrics": metrics}]}
    smallest = max(30, min(1000, judged // 10))
    return {
        "eval_config": Because(
            config,
            "The language is TFMA's. A threshold holds for the interval, not for the point; what has no threshold is "
            "reported and decides nothing.",
        ),
        "splits": Because(["train", "eval"], "The last one is judged."),
        "min_slice_rows": Because(smallest, "A smaller slice cannot close the gate."),
        "confidence": 0.95,
    }


def _bounds(metric: str, judged: int) -> dict[str, Any]:
    """Thresholds on all rows: better than knowing nothing, and not much worse than before."""
    nothing, why = _NOTHING_KNOWN[metric]
    worse = round(max(_WORSE, _WORSE_OF_ONE_ROW[metric] / math.sqrt(max(judged, 1))), 3)
    threshold = {
        "value_threshold": {"lower_bound": nothing},
        "change_threshold": {"direction": "HIGHER_IS_BETTER", "absolute": -worse},
    }
    text = f"{why}, and not much worse than the last blessed model."
    return {"per_slice_thresholds": [{"slicing_specs": [{}], "threshold": Because(threshold, text)}]}


def sliced_columns(profile: Profile, uses: Mapping[str, Use]) -> list[str]:
    """The columns whose values are looked at one by one: few values, none of them nearly all rows."""
    return [column.name for column in profile.columns if column.name in uses and _slices(column, uses)][:_MOST_SLICED]


def _slices(column: ColumnProfile, uses: Mapping[str, Use]) -> bool:
    if not uses[column.name].feature or column.role not in ("category", "boolean"):
        return False
    large = [count for count in column.top if count.rows >= _SLICED_SHARE * column.rows]
    return column.distinct in _SLICED_VALUES and len(large) >= 2

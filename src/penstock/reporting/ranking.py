"""Which metric leads, and which slice is worst. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.artifacts import Verdict
from penstock.reporting.views import GRAVITY, Estimate, EvaluationView, SliceView

_COUNTS = "example_count"
_LESS_IS_BETTER = ("loss", "error", "entropy", "cost", "rmse", "mse", "mae", "mape", "brier", "deviation", "fall_out",
                   "miss_rate", "false_positives", "false_negatives")  # fmt: skip


def leading_metric(view: EvaluationView) -> str:
    """The metric that the gate judges first; where it judges none, the first that is measured.

    Example:
        >>> leading_metric(EvaluationView(task="evaluate", metrics=("example_count", "auc")))
        'auc'
    """
    judged = [str(reason.evidence.get("metric", "")) for part in view.slices for reason in part.reasons]
    named = [metric for metric in (*judged, *view.metrics) if metric in view.metrics and metric != _COUNTS]
    return named[0] if named else ""


def badness(metric: str, value: float) -> float:
    """How bad a value is: the greater the worse. By the metric's name, since results carry no direction.

    Example:
        >>> badness("auc", 0.7), badness("binary_crossentropy", 0.5), badness("calibration", 0.75)
        (-0.7, 0.5, 0.25)
    """
    if metric.startswith("calibration"):  # of a class or an average, too
        return abs(value - 1.0)
    return value if any(part in metric for part in _LESS_IS_BETTER) else -value


def worst_first(slices: Iterable[SliceView], metric: str) -> list[SliceView]:
    """Put slices in order: the whole first, then what a rule objects to, gravest first, then what became worse.

    Where there is no baseline, by how bad they are. Slices in which the metric is not defined come last.
    """
    return sorted(slices, key=lambda part: _place(part, metric))


def _place(part: SliceView, metric: str) -> tuple[bool, bool, int, float, str]:
    roles = part.metrics.get(metric, {})
    candidate, baseline = _value(roles.get("candidate")), _value(roles.get("baseline"))
    verdict = _gravity(part, metric)
    if candidate is None:
        return part.name != "overall", True, verdict, 0.0, part.name
    bad = badness(metric, candidate)
    worse = bad - badness(metric, baseline) if baseline is not None else bad
    return part.name != "overall", False, verdict, -worse, part.name


def _gravity(part: SliceView, metric: str) -> int:
    """The gravest verdict about this metric in this slice; what no rule speaks of is as good as what passed."""
    reason = part.reason_for(metric)
    return GRAVITY.index(reason.verdict if reason else Verdict.SUCCESSFUL)


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None

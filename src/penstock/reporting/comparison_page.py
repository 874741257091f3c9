"""What the page of two runs is made of: what differs first, then curves and columns over each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from penstock.reporting import charts, figures
from penstock.reporting.drawing import Chart, Figure, Pen
from penstock.reporting.formats import number, words
from penstock.reporting.ranking import leading_metric, worst_first
from penstock.reporting.run_page import MOST_DRAWN
from penstock.reporting.views import (
    ComparisonView,
    Estimate,
    EvaluationView,
    FeatureView,
    RunView,
    SliceView,
    SplitStatistics,
    TrainingView,
)

FIRST, SECOND = "A", "B"
"""What the runs are called on the page."""
_MOST_SLICES = 20
_ORDER = ("verdict", "parameter", "code", "run", "metric", "data", "duration")
_TOLD_AT_ONCE = ("verdict", "parameter", "code", "run")
"""What is shown without being unfolded: the causes; digests and times follow from them."""
_TITLES = {
    "verdict": "Verdicts",
    "metric": "Metrics",
    "parameter": "Parameters",
    "code": "Code",
    "data": "Artifacts",
    "run": "Run",
    "duration": "Times",
}


def context(view: ComparisonView) -> dict[str, Any]:
    """Everything that the template of a comparison asks for."""
    pen = Pen()
    aspects = [(name, _TITLES.get(name, name), view.aspects[name]) for name in _ordered(view)]
    pairs = list(_evaluations(view.first, view.second))
    drawn = {
        "slices": pen.all(_slices(one, two) for one, two in pairs),
        "training": pen.all(_training(view.first, view.second)),
        "performance": pen.all(chart for one, two in pairs for chart in _performance(one, two)),
    }
    measured = [(one.task, list(_measured(one, two))) for one, two in pairs]
    columns = [part for part in _columns(pen, view.first, view.second) if part["all"]]
    sections = {
        "differences": True,
        "metrics": any(rows for _, rows in measured),
        **{name: bool(found) for name, found in drawn.items()},
        "data": bool(columns),
        "agreements": any(not row.differs for _, _, rows in aspects for row in rows),
    }
    return {
        "title": f"{FIRST} and {SECOND}" if view.first.pipeline != view.second.pipeline else view.first.pipeline,
        "runs": [(FIRST, view.first), (SECOND, view.second)],
        "aspects": aspects,
        "told_at_once": _TOLD_AT_ONCE,
        "differing": sum(row.differs for _, _, rows in aspects for row in rows),
        "agreeing": sum(not row.differs for _, _, rows in aspects for row in rows),
        "measured": measured,
        "drawn": drawn,
        "columns": columns,
        "sections": sections,
        "contents": [(name, name.capitalize()) for name, there in sections.items() if there],
        "problems": [
            f"{name}: {text}"
            for name, run in ((FIRST, view.first), (SECOND, view.second))
            for text in run.findings.problems
        ],
    }


def _ordered(view: ComparisonView) -> list[str]:
    return sorted(view.aspects, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))


def _evaluations(first: RunView, second: RunView) -> Iterator[tuple[EvaluationView, EvaluationView]]:
    """Evaluations of both runs that belong together: those of the same task."""
    others = {evaluation.task: evaluation for evaluation in second.findings.evaluations}
    for evaluation in first.findings.evaluations:
        if evaluation.task in others:
            yield evaluation, others[evaluation.task]


def _overall(view: EvaluationView) -> SliceView | None:
    return next((s for s in view.slices if s.name == "overall" and s.split == view.judged_split), None)


def _measured(one: EvaluationView, two: EvaluationView) -> Iterator[tuple[str, Estimate, Estimate, bool]]:
    """Each metric of both candidates, and whether their intervals lie apart."""
    first, second = _overall(one), _overall(two)
    for metric in one.metrics:
        a = first.metrics.get(metric, {}).get("candidate") if first else None
        b = second.metrics.get(metric, {}).get("candidate") if second else None
        if a and b:
            yield metric, a, b, apart(a, b)


def apart(a: Estimate, b: Estimate) -> bool:
    """Whether two intervals do not touch: a difference that chance hardly makes. Touching ones may still differ.

    Example:
        >>> apart(Estimate(value=1, lower=0, upper=2), Estimate(value=4, lower=3, upper=5))
        True
    """
    if None in (a.lower, a.upper, b.lower, b.upper):
        return False
    return a.upper < b.lower or b.upper < a.lower  # type: ignore[operator]


def _training(first: RunView, second: RunView) -> Iterator[Chart]:
    """The curves of both trainings, one chart a metric."""
    others = {training.task: training for training in second.findings.training}
    for one in first.findings.training:
        two = others.get(one.task)
        if two is None:
            continue
        curves: dict[str, dict[str, tuple[tuple[int, float], ...]]] = {}
        of_run: dict[str, int] = {}
        for place, (name, training) in enumerate(((FIRST, one), (SECOND, two))):
            for metric, splits in training.curves.items():
                for split, points in splits.items():
                    curves.setdefault(metric, {})[f"{name}, {split}"] = points
                    of_run[f"{name}, {split}"] = place
        yield from figures.training(TrainingView(task=one.task, curves=curves), of_run)


def _performance(one: EvaluationView, two: EvaluationView) -> Iterator[Chart]:
    if one.plots and two.plots and one.plots.task == two.plots.task:
        yield from figures.performance(one.plots, {FIRST: one.plots.candidate, SECOND: two.plots.candidate})


def _slices(one: EvaluationView, two: EvaluationView) -> Chart | None:
    """The leading metric in the slices of both, those first in which the second run is worse than the first."""
    metric = leading_metric(one)
    others = {s.name: s for s in two.slices if s.split == two.judged_split}
    paired = [
        replace(s, reasons=(), metrics={metric: {"candidate": b, "baseline": a}})
        for s in one.slices
        if s.split == one.judged_split and s.name in others
        for a in (s.metrics.get(metric, {}).get("candidate"),)
        for b in (others[s.name].metrics.get(metric, {}).get("candidate"),)
        if a and b and a.value is not None and b.value is not None
    ]
    rows = worst_first(paired, metric)[:_MOST_SLICES]
    if not rows:
        return None
    spans: dict[str, list[charts.Span]] = {FIRST: [], SECOND: []}
    for row in rows:
        for name, role in ((FIRST, "baseline"), (SECOND, "candidate")):
            e = row.metrics[metric][role]
            spans[name].append((row.name, e.value or 0.0, e.lower, e.upper))
    left_out = f" The worst {len(rows)} of {len(paired)}." if len(paired) > len(rows) else ""
    worst = rows[min(1, len(rows) - 1)]
    return Chart(
        spec=charts.intervals(spans, words(metric)),
        title=f"{words(metric)} by slice",
        says=f"{words(metric)} of both candidates by slice. Worst change: {worst.name},"
        f" {number(worst.metrics[metric]['baseline'].value)} to {number(worst.metrics[metric]['candidate'].value)}.",
        note=f"Below the whole, those stand first that became worst from {FIRST} to {SECOND}.{left_out}",
        columns=("run", "slice", metric, "lower", "upper"),
        rows=tuple((name, *row) for name, found in spans.items() for row in found),
    )


def _columns(pen: Pen, first: RunView, second: RunView) -> Iterator[dict[str, Any]]:
    """Columns whose statistics differ, split by split, both runs over each other."""
    others = {data.task: data for data in second.findings.data}
    for one in first.findings.data:
        two = others.get(one.task)
        if two is None:
            continue
        theirs = {feature.name: feature for feature in two.features}
        names = dict.fromkeys(f.name for f in (*one.features, *two.features))
        ours = {feature.name: feature for feature in one.features}
        changed = [name for name in names if _splits(ours.get(name)) != _splits(theirs.get(name))]
        splits = list(dict.fromkeys(split for split, _ in (*one.splits, *two.splits)))
        yield {
            "task": one.task,
            "splits": splits,
            "rows": [(name, _drawn(pen, ours.get(name), theirs.get(name), splits)) for name in changed[:MOST_DRAWN]],
            "only": {name: FIRST for name in changed if name not in theirs}
            | {name: SECOND for name in changed if name not in ours},
            "all": len(names),
            "changed": len(changed),
        }


def _splits(feature: FeatureView | None) -> tuple[SplitStatistics, ...]:
    return feature.splits if feature else ()


def _drawn(pen: Pen, one: FeatureView | None, two: FeatureView | None, splits: list[str]) -> list[Figure | None]:
    """For each split, the column's values in both runs over each other."""
    drawn: list[Figure | None] = []
    for split in splits:
        parts = [
            replace(found, split=name)
            for name, feature in ((FIRST, one), (SECOND, two))
            for found in _splits(feature)
            if found.split == split
        ]
        known = one or two
        chart = figures.feature(replace(known, splits=tuple(parts)), [FIRST, SECOND]) if known and parts else None
        drawn.append(pen.draw(chart) if chart else None)
    return drawn

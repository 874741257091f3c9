"""What the page of one run is made of: its charts, drawn; its tables, in the order in which people read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from penstock.artifacts import Verdict
from penstock.reporting import figures
from penstock.reporting.drawing import Figure, Pen
from penstock.reporting.formats import duration
from penstock.reporting.graph import Node, draw_graph, reduced
from penstock.reporting.page import gravity, known, mark, tone
from penstock.reporting.ranking import leading_metric, worst_first
from penstock.reporting.views import DataView, Estimate, EvaluationView, FeatureView, RunView, TaskView

MOST_DRAWN = 60
"""Columns of a table whose values are drawn; of the others only figures are shown."""
MOST_SLICES = 400
"""Slices of a metric that are listed."""


def context(view: RunView) -> dict[str, Any]:
    """Everything that the template of a run asks for."""
    pen, found = Pen(), view.findings
    sections = {
        "verdicts": bool(found.gates),
        "pipeline": bool(view.tasks),
        "data": bool(found.data),
        "training": bool(found.training),
        "performance": any(e.plots for e in found.evaluations),
        "slices": any(e.slices for e in found.evaluations),
        "importance": any(e.plots and e.plots.importance for e in found.evaluations),
        "fairness": any(e.gaps for e in found.evaluations),
        "tuning": bool(found.tuning),
        "parameters": bool(view.parameters or any(task.parameters for task in view.tasks)),
        "lineage": bool(view.tasks or view.sources or view.baselines),
    }
    return {
        "title": view.title,
        "run": view,
        "sections": sections,
        "contents": [(name, name.capitalize()) for name, there in sections.items() if there],
        "verdict": overall_verdict(view),
        "tiles": tiles(view),
        "gates": sorted(found.gates, key=lambda gate: gravity(gate[1].verdict)),
        "graphs": pipeline_graphs(view.tasks),
        "bars": time_bars(view),
        "data": [data_part(pen, part) for part in found.data],
        "training": [(part, pen.all(figures.training(part))) for part in found.training],
        "performance": [(part, pen.all(figures.performance(part.plots))) for part in found.evaluations if part.plots],
        "slices": [slices_part(part) for part in found.evaluations if part.slices],
        "importance": [(part, pen.all([figures.importance(part)])) for part in found.evaluations],
        "fairness": [(part, pen.all(figures.groups(part))) for part in found.evaluations if part.gaps],
        "tuning": [(part, pen.all(figures.tuning(part)), known(part.study.best_parameters)) for part in found.tuning],
        "parameters": known(view.parameters),
        "task_parameters": [(task.name, known(task.parameters)) for task in view.tasks if task.parameters],
    }


def overall_verdict(view: RunView) -> Verdict | None:
    """The gravest verdict of all gates; None where no gate has spoken."""
    from penstock.reporting.views import GRAVITY

    said = {decision.verdict for _, decision in view.findings.gates}
    return next((verdict for verdict in GRAVITY if verdict in said), None)


def tiles(view: RunView) -> list[dict[str, Any]]:
    """The few figures that come first: the leading metric, its change, the rows, the time."""
    found: list[dict[str, Any]] = []
    for evaluation in view.findings.evaluations:
        metric = leading_metric(evaluation)
        overall = next(
            (s for s in evaluation.slices if s.name == "overall" and s.split == evaluation.judged_split), None
        )
        if overall is None:
            continue
        for name in [metric, *(m for m in evaluation.metrics if m not in (metric, "example_count"))][:3]:
            roles = overall.metrics.get(name, {})
            if "candidate" in roles:
                found.append({"metric": name, "split": overall.split, **roles})
    return found


def pipeline_graphs(tasks: tuple[TaskView, ...]) -> list[str]:
    """The tasks with their states and times, to the right for wide windows and downwards for narrow ones."""
    if not tasks:
        return []
    nodes = [task_node(task) for task in tasks]
    edges = reduced((before, task.name) for task in tasks for before in task.after)
    says = "The tasks of the run in order, from left to right"
    return [
        draw_graph(nodes, edges, says=says, css_class="right"),
        draw_graph(nodes, edges, says=says.replace("left to right", "top to bottom"), down=True, css_class="down"),
    ]


def task_node(task: TaskView) -> Node:
    """A task as a box of the graph."""
    word = str(task.decision.verdict) if task.decision and task.state != "failed" else task.state
    time = f", {duration(task.seconds)}" if task.seconds is not None and task.state != "cached" else ""
    return Node(
        id=task.name,
        title=task.name,
        text=f"{task.state}{time}",
        tone=tone(word),
        mark=mark(word),
        href=f"#task-{task.name}",
        says=f"{task.name}: {task.state}{time}" + (f", {task.decision.verdict}" if task.decision else ""),
    )


def time_bars(view: RunView) -> dict[str, tuple[float, float]]:
    """Where each task's time lies in the run's: start and length [percent]."""
    ends = [(t.started_after or 0) + (t.seconds or 0) for t in view.tasks if t.started_after is not None]
    total = max([*ends, view.seconds or 0], default=0)
    if total <= 0:
        return {}
    return {
        t.name: (round(100 * t.started_after / total, 2), round(max(100 * t.seconds / total, 0.4), 2))
        for t in view.tasks
        if t.started_after is not None and t.seconds is not None and t.state != "cached"
    }


def data_part(pen: Pen, view: DataView) -> dict[str, Any]:
    """A table of columns with the splits over each other, and what is wrong with the rows."""
    splits = [name for name, _ in view.splits]

    def drawn(feature: FeatureView, place: int) -> Figure | None:
        chart = figures.feature(feature, splits) if place < MOST_DRAWN else None
        return pen.draw(chart) if chart else None

    return {
        "view": view,
        "splits": splits,
        "features": [(feature, drawn(feature, place)) for place, feature in enumerate(view.features)],
        "undrawn": max(0, len(view.features) - MOST_DRAWN),
        "examples": [example_table(finding.examples, finding.feature) for finding in view.findings],
        "drifted": sum(feature.drifted for feature in view.features),
        "measured": any(feature.distances for feature in view.features),
    }


def example_table(rows: Iterable[Any], feature: str) -> tuple[list[str], list[list[Any]]]:
    """Example rows as a table: the place in the split first, then the column at fault, then the others."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    first = [name for name in ("_row", feature) if name in names]
    columns = [*first, *(name for name in names if name not in first)]
    return columns, [[row.get(name) for name in columns] for row in rows]


def _reach(differences: Sequence[Estimate | None]) -> float:
    """How far the drawn intervals reach to either side of no difference: four of five are whole, long ones are cut."""
    bounds = [abs(b) for e in differences if e for b in (e.value, e.lower, e.upper) if b is not None]
    return sorted(bounds)[int(0.8 * (len(bounds) - 1))] if bounds else 0.0


def slices_part(view: EvaluationView) -> dict[str, Any]:
    """Every metric in every slice of the judged split, worst first; and overall in every split."""
    metric_names = [m for m in view.metrics if m != "example_count"]
    first = leading_metric(view)
    metric_names.sort(key=lambda m: m != first)
    tables = []
    for metric in metric_names:
        rows = worst_first([s for s in view.slices if s.split == view.judged_split and metric in s.metrics], metric)
        if not rows:
            continue
        tables.append(
            {
                "metric": metric,
                "rows": rows[:MOST_SLICES],
                "left_out": max(0, len(rows) - MOST_SLICES),
                "reach": _reach([row.metrics[metric].get("difference") for row in rows]),
                "judged": any(row.reason_for(metric) for row in rows),
            }
        )
    overall = [s for s in view.slices if s.name == "overall"]
    return {"view": view, "tables": tables, "overall": overall, "metrics": metric_names}

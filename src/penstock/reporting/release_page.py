"""The page of a release: who got how much, what each gate found, what was decided. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from penstock.artifacts import Verdict
from penstock.reporting import release_charts
from penstock.reporting.drawing import Chart, Figure, Pen
from penstock.reporting.formats import duration, signed
from penstock.reporting.page import gravity, template
from penstock.reporting.release_views import GateView, ReleaseView, TrialView

MOST_TRIALS = 6
"""Attempts that are drawn; older ones are in the history alone."""
MOST_GATES = 12
"""Gates and slices of an attempt that are drawn, those that found harm first."""
MOST_POINTS = 240
"""Points of a line: more, nobody sees."""
_UNITS = ((2 * 86400.0, 86400.0, "d"), (2 * 3600.0, 3600.0, "h"), (300.0, 60.0, "min"), (0.0, 1.0, "s"))

Item = TypeVar("Item")


def render_release(view: ReleaseView) -> str:
    """Write the page of a release.

    Returns:
        One HTML document: no address in it is ever asked. Whatever comes from the release is escaped.
    """
    return template("release.html.j2").render(context(view))


def context(view: ReleaseView) -> dict[str, Any]:
    """Everything that the template asks for."""
    pen = Pen()
    drawn = [_trial(pen, trial) for trial in view.trials[:MOST_TRIALS]]
    sections = {
        "attempts": bool(drawn),
        "ladder": True,
        "history": bool(view.history),
        "rejected": bool(view.rejected),
        "bundles": True,
    }
    return {
        "title": view.name,
        "view": view,
        "trials": drawn,
        "left_out": max(0, len(view.trials) - MOST_TRIALS),
        "sections": sections,
        "contents": [(name, name.capitalize()) for name, there in sections.items() if there],
    }


def unit_of(seconds: float) -> tuple[float, str]:
    """In what a span of time is told: seconds in it, and its name.

    Example:
        >>> unit_of(90), unit_of(1200), unit_of(86400)
        ((1.0, 's'), (60.0, 'min'), (3600.0, 'h'))
    """
    return next((size, name) for least, size, name in _UNITS if seconds >= least)


def thinned(items: Sequence[Item], most: int = MOST_POINTS) -> list[Item]:
    """At most so many of a sequence, evenly, the last included.

    Example:
        >>> thinned([1, 2, 3, 4, 5], most=3)
        [1, 3, 5]
    """
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _trial(pen: Pen, trial: TrialView) -> dict[str, Any]:
    size, unit = unit_of(trial.seconds)
    gates = sorted(trial.gates, key=lambda gate: (gravity(gate.verdict), gate.slice != "overall"))
    shown = [gate for gate in gates if gate.slice == "overall" or gate.verdict is Verdict.FAILED][:MOST_GATES]
    return {
        "view": trial,
        "shares": pen.draw(_shares(trial, size, unit)) if trial.shares else None,
        "gates": gates,
        "drawn": [figure for gate in shown for figure in _gate(pen, gate, size, unit)],
    }


def _shares(trial: TrialView, size: float, unit: str) -> Chart:
    end = trial.seconds / size
    steps = thinned(trial.shares)
    candidate = [(share.seconds / size, float(share.weight_percent)) for share in steps]
    copies = [(share.seconds / size, float(share.mirror_percent)) for share in steps]
    most = max(share.weight_percent for share in trial.shares)
    return Chart(
        spec=release_charts.shares([*candidate, (end, candidate[-1][1])], [*copies, (end, copies[-1][1])], unit),
        title="Traffic",
        says=f"The candidate's share of the traffic over {duration(trial.seconds)}; at most {most}%.",
        columns=(f"time [{unit}]", "step", "answers [%]", "copies [%]"),
        rows=tuple(
            (round(share.seconds / size, 2), share.step, share.weight_percent, share.mirror_percent) for share in steps
        ),
        wide=True,
    )


def _gate(pen: Pen, gate: GateView, size: float, unit: str) -> list[Figure]:
    """Its evidence against what is needed, and its difference against the margin."""
    moments = thinned([moment for moment in gate.moments if moment.estimate is not None])
    if not moments:
        return []
    points = [(moment.seconds / size, _log(moment.e_value)) for moment in moments if moment.e_value is not None]
    line = [(moment.seconds / size, moment.estimate) for moment in moments if moment.estimate is not None]
    band = [
        (moment.seconds / size, moment.lower, moment.upper)
        for moment in moments
        if moment.lower is not None and moment.upper is not None
    ]
    rows = tuple(
        (round(m.seconds / size, 2), m.samples, m.estimate, m.lower, m.upper, m.e_value) for m in thinned(moments, 60)
    )
    columns = (f"time [{unit}]", "samples", "difference", "lower", "upper", "e-value")
    needed = math.log10(gate.e_value_needed)
    found = [
        Chart(
            spec=release_charts.evidence(points, needed, unit),
            title=f"{gate.name}: evidence of harm",
            says=f"Evidence of harm of {gate.name}: at last 10^{points[-1][1]:.1f}, needed 10^{needed:.1f}.",
            note="Rolled back where the line reaches the dashed one.",
            columns=columns,
            rows=rows,
        )
    ] if points else []  # fmt: skip
    found.append(
        Chart(
            spec=release_charts.difference(line, band, gate.margin, unit),
            title=f"{gate.name}: {gate.metric}",
            says=f"Candidate minus stable: at last {signed(line[-1][1])}.",
            note="Above zero is worse. The band holds at every look; the dashed line is the margin.",
        )
    )
    return pen.all(found)


def _log(e_value: float) -> float:
    """Common logarithm; evidence against harm is as good as none below a thousandth."""
    return max(-3.0, math.log10(e_value)) if e_value > 0 else -3.0

"""Charts of a release: shares over time, and what a gate found over time. Pure: numbers in, Vega-Lite out."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.reporting.chart_style import HEIGHT, PLAIN, QUIET, SERIES, WIDTH, Spec, chart, rounded

BAD = "var(--bad)"
_WIDE = 720
Moment = tuple[float, float | None]
Band = tuple[float, float, float]


def shares(candidate: Sequence[tuple[float, float]], copies: Sequence[tuple[float, float]], unit: str) -> Spec:
    """The candidate's share of the traffic, and of copies, as steps.

    Args:
        candidate: Time and percent, from each time on.
        copies: The same of copies.
        unit: Of the times.
    """
    values = [
        {"s": name, "x": rounded(x), "y": y, "i": i, "t": f"after {x:.4g} {unit}: {name} {y:g}%"}
        for name, line in (("answers", candidate), ("copies", copies))
        for i, (x, y) in enumerate(line)
    ]
    x = {"field": "x", "type": "quantitative", "title": f"time [{unit}]", "axis": {"grid": False, "format": PLAIN}}
    scale = {"domain": [0, 100], "nice": False}
    y = {"field": "y", "type": "quantitative", "title": "share [%]", "scale": scale, "axis": {"tickCount": 5}}
    color = {
        "field": "s",
        "type": "nominal",
        "scale": {"domain": ["answers", "copies"], "range": [SERIES[0], SERIES[1]]},
    }
    base = {"x": x, "y": y, "color": color}
    line: Spec = {"type": "line", "interpolate": "step-after", "strokeWidth": 2.5}
    layers: list[Spec] = [
        {"mark": line, "encoding": {**base, "order": {"field": "i", "type": "quantitative"}}},
        {"mark": {"type": "point", "filled": True, "size": 30, "opacity": 1}, "encoding": _told(base)},
    ]
    return chart({"data": {"values": values}, "layer": layers}, width=_WIDE, height=150)


def evidence(line: Sequence[tuple[float, float]], needed: float, unit: str) -> Spec:
    """Evidence of harm over time, in powers of ten, and what is needed to roll back.

    Args:
        line: Time and common logarithm of the e-value.
        needed: Common logarithm of the e-value at which the gate fails.
        unit: Of the times.
    """
    values = [{"x": rounded(x), "y": rounded(y), "t": f"after {x:.4g} {unit}: 10^{y:.2f}"} for x, y in line]
    place: Spec = {
        "x": _time(unit),
        "y": {
            "field": "y",
            "type": "quantitative",
            "title": "evidence of harm [powers of ten]",
            "scale": {"zero": False},
            "axis": {"tickCount": 5, "format": PLAIN},
        },
    }
    threshold = {**place, "y": {**place["y"], "field": None, "datum": rounded(needed)}}
    threshold["y"].pop("field")
    layers: list[Spec] = [
        {"mark": {"type": "rule", "strokeDash": [5, 3], "color": BAD, "strokeWidth": 1.5}, "encoding": threshold},
        {"mark": {"type": "line", "strokeWidth": 2, "color": SERIES[0]}, "encoding": place},
        {"mark": {"type": "point", "filled": True, "opacity": 0, "size": 60}, "encoding": _told(place)},
    ]
    threshold.pop("x")
    return chart({"data": {"values": values}, "layer": layers}, width=WIDTH, height=HEIGHT)


def difference(line: Sequence[tuple[float, float]], band: Sequence[Band], margin: float | None, unit: str) -> Spec:
    """A difference with its interval over time; no difference, and the margin, as lines across.

    Args:
        line: Time and estimate.
        band: Time, lower and upper end.
        margin: What is tolerated; None for nothing in particular.
        unit: Of the times.
    """
    values = [{"x": rounded(x), "y": rounded(y), "t": f"after {x:.4g} {unit}: {y:+.4g}"} for x, y in line]
    spans = [{"x": rounded(x), "l": rounded(low), "h": rounded(high)} for x, low, high in band]
    axis: Spec = {
        "type": "quantitative",
        "title": "candidate minus stable",
        "scale": {"zero": True},
        "axis": {"tickCount": 5, "format": PLAIN},
    }
    y: Spec = {"field": "y", **axis}
    layers: list[Spec] = [
        {
            "data": {"values": spans},
            "mark": {"type": "area", "opacity": 0.2, "color": SERIES[0]},
            "encoding": {"x": _time(unit), "y": {"field": "l", **axis}, "y2": {"field": "h"}},
        },
        {"mark": {"type": "rule", "color": QUIET, "strokeWidth": 1}, "encoding": {"y": {"datum": 0, **axis}}},
        {"mark": {"type": "line", "strokeWidth": 2, "color": SERIES[0]}, "encoding": {"x": _time(unit), "y": y}},
        {
            "mark": {"type": "point", "filled": True, "opacity": 0, "size": 60},
            "encoding": _told({"x": _time(unit), "y": y}),
        },
    ]
    if margin is not None:
        rule = {"type": "rule", "strokeDash": [5, 3], "color": BAD, "strokeWidth": 1.5}
        layers.insert(1, {"mark": rule, "encoding": {"y": {"datum": rounded(margin), **axis}}})
    return chart({"data": {"values": values}, "layer": layers}, width=WIDTH, height=HEIGHT)


def _time(unit: str) -> Spec:
    axis = {"grid": False, "format": PLAIN, "tickCount": 6}
    return {"field": "x", "type": "quantitative", "title": f"time [{unit}]", "axis": axis}


def _told(encoding: Spec) -> Spec:
    return {**encoding, "description": {"field": "t"}}

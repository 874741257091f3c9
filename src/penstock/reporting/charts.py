"""Charts of how one number goes with another: lines, dots, intervals, matrices.

Pure: numbers in, a Vega-Lite specification out. Nothing here knows what the numbers mean; `figures` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.reporting.chart_style import HEIGHT, PLAIN, QUIET, SERIES, WIDTH, Spec, chart, colors_of, rounded

Points = Sequence[tuple[float, float]]
Span = tuple[str, float, float | None, float | None]
"""A name, a value, and the bounds of its interval."""

_MOST_TICKS = 12
_DARKEST = 0.55
"""Opacity of a full cell: figures in the page's ink keep their contrast on it, in light and in dark."""


def lines(
    series: Mapping[str, Points],
    x: str,
    y: str,
    *,
    diagonal: bool = False,
    unit_square: bool = False,
    whole_x: bool = False,
    points: bool = False,
    colors: Sequence[str] = SERIES,
    dashed: Sequence[str] = (),
) -> Spec:
    """Lines through points, one a series.

    Args:
        series: Points by name, in the order in which they are joined.
        x: Title of the axis.
        y: Title of the axis.
        diagonal: Whether the line from (0, 0) to (1, 1) is shown: chance, or perfect calibration.
        unit_square: Whether both axes go from 0 to 1, at equal lengths.
        whole_x: Whether only whole numbers are ticks.
        points: Whether the points are marked too.
        colors: One a series.
        dashed: Names of series that are drawn dashed.
    """
    values = [
        {"s": name, "x": rounded(px), "y": rounded(py), "i": i, "t": f"{name}: {x} {px:.4g}, {y} {py:.4g}"}
        for name, line in series.items()
        for i, (px, py) in enumerate(line)
    ]
    span: Spec = {"scale": {"domain": [0, 1], "nice": False}} if unit_square else {"scale": {"zero": False}}
    longest = max((len(line) for line in series.values()), default=0)
    places = sorted({px for line in series.values() for px, _ in line})
    few: Spec = {"values": places} if len(places) <= _MOST_TICKS else {"tickMinStep": 1}
    ticks: Spec = {**few, "format": "d"} if whole_x else {}
    base = {
        "x": {
            "field": "x",
            "type": "quantitative",
            "title": x,
            **span,
            "axis": {"format": PLAIN, **ticks, "grid": False},
        },
        "y": {"field": "y", "type": "quantitative", "title": y, **span, "axis": {"tickCount": 5, "format": PLAIN}},
        "color": colors_of(list(series), colors),
    }
    line = {**base, "order": {"field": "i", "type": "quantitative"}}
    if dashed:
        line["strokeDash"] = {"condition": {"test": _among("s", dashed), "value": [5, 3]}, "value": [1, 0]}
    layers: list[Spec] = [{"mark": {"type": "line", "strokeWidth": 2}, "encoding": line}]
    shown: Spec = {"type": "point", "filled": True, "size": 40 if points else 60, "opacity": 1 if points else 0}
    every = max(1, longest // 24)
    layers.append(
        {
            "transform": [{"filter": f"datum.i % {every} === 0"}],
            "mark": shown,
            "encoding": {**base, "description": {"field": "t"}},
        }
    )
    if diagonal:
        layers.insert(0, _diagonal())
    width = HEIGHT if unit_square else WIDTH
    return chart({"data": {"values": values}, "layer": layers}, width=width + (40 if unit_square else 0), height=HEIGHT)


def intervals(
    series: Mapping[str, Sequence[Span]],
    x: str,
    *,
    colors: Sequence[str] = SERIES,
    zero: bool = False,
    reference: float | None = None,
    width: int = WIDTH,
) -> Spec:
    """Dots with the lines of their intervals, a row a name: a forest plot.

    Args:
        series: Rows by series, in the order in which they stand.
        x: Title of the axis.
        colors: One a series.
        zero: Whether the axis begins at zero.
        reference: Where a line is drawn across all rows (no difference, a threshold).
        width: Of the plot [px].
    """
    names = list(dict.fromkeys(span[0] for spans in series.values() for span in spans))
    values = []
    for name, spans in series.items():
        for row, value, lower, upper in spans:
            low, high = (value if bound is None else bound for bound in (lower, upper))
            about = "" if lower is None or upper is None else f" [{lower:.4g}, {upper:.4g}]"
            text = f"{row}, {name}: {value:.4g}{about}" if len(series) > 1 else f"{row}: {value:.4g}{about}"
            values.append({"s": name, "r": row, "x": rounded(value), "l": rounded(low), "h": rounded(high), "t": text})
    y = {
        "field": "r",
        "type": "nominal",
        "sort": names,
        "title": None,
        "axis": {"ticks": False, "domain": False, "grid": True, "gridDash": [1, 3]},
    }
    offset = {"yOffset": {"field": "s", "sort": list(series), "scale": {"padding": 0.6}}} if len(series) > 1 else {}
    axis = {"title": x, "tickCount": 5, "grid": False, "format": PLAIN}
    color = colors_of(list(series), colors, legend=len(series) > 1)
    common = {"y": y, **offset, "color": color}
    horizontal = {"type": "quantitative", "scale": {"zero": zero}, "axis": axis}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.55},
            "encoding": {**common, "x": {"field": "l", **horizontal}, "x2": {"field": "h"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
            "encoding": {**common, "x": {"field": "x", **horizontal}, "description": {"field": "t"}},
        },
    ]
    if reference is not None:
        mark = {"type": "rule", "strokeDash": [4, 3], "color": QUIET}
        layers.insert(0, {"data": {"values": [{}]}, "mark": mark, "encoding": {"x": {"datum": reference}}})
    step = 15 * len(series) + 9
    return chart({"data": {"values": values}, "layer": layers}, width=width, height=max(1, len(names)) * step)


def matrix(labels: Sequence[str], counts: Sequence[Sequence[int]], totals: Sequence[int] | None = None) -> Spec:
    """A confusion matrix: rows are labels, columns answers, shade and figure the share of the row.

    Args:
        labels: Names of the classes.
        counts: Rows of the table by label, then by answer, shape (n_classes, n_classes).
        totals: All rows of each label, shape (n_classes,); None where `counts` has every answer.
    """
    values = []
    for label, row, all_rows in zip(labels, counts, totals or [sum(row) for row in counts], strict=True):
        total = all_rows or 1
        for answer, count in zip(labels, row, strict=True):
            text = f"label {label}, answer {answer}: {count:,} rows, {count / total:.1%} of the label's"
            share = rounded(count / total)
            values.append(
                {
                    "l": label,
                    "a": answer,
                    "n": f"{count:,}",
                    "p": share,
                    "q": f"{count / total:.0%}" if count else "",
                    "t": text,
                }
            )
    side = 46 if len(labels) > 4 else 84
    axis: Spec = {"ticks": False, "domain": False, "labelLimit": 90}
    x: Spec = {"field": "a", "type": "nominal", "sort": list(labels), "title": "answer"}
    y = {"field": "l", "type": "nominal", "sort": list(labels), "title": "label", "axis": axis}
    x["axis"] = {**axis, "orient": "top", "labelAngle": 0 if len(labels) <= 4 else -40}
    ink = {"value": "var(--ink)"}
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "color": SERIES[0], "stroke": "var(--line)"},
            "encoding": {
                "fillOpacity": {
                    "field": "p",
                    "type": "quantitative",
                    "scale": {"domain": [0, 1], "range": [0.04, _DARKEST]},
                    "legend": None,
                },
                "description": {"field": "t"},
            },
        },
        {
            "mark": {"type": "text", "fontSize": 13, "dy": -6 if side > 50 else 0},
            "encoding": {"text": {"field": "q"}, "color": ink},
        },
    ]
    if side > 50:
        layers.append(
            {"mark": {"type": "text", "fontSize": 11, "dy": 11}, "encoding": {"text": {"field": "n"}, "color": ink}}
        )
    spec = {"data": {"values": values}, "encoding": {"x": x, "y": y}, "layer": layers}
    return chart(spec, width=side * len(labels), height=min(side, 64) * len(labels))


def calibration(series: Mapping[str, Sequence[tuple[float, float, float, float]]], x: str, y: str) -> Spec:
    """Means against means with intervals, and the diagonal where they would agree.

    Args:
        series: By name: mean score, mean label, and the bounds of the latter.
        x: Title of the axis.
        y: Title of the axis.
    """
    values = [
        {
            "s": name,
            **{key: rounded(v) for key, v in zip("xylh", point, strict=True)},
            "t": f"{name}: {x} {point[0]:.4g}, {y} {point[1]:.4g} [{point[2]:.4g}, {point[3]:.4g}]",
        }
        for name, points in series.items()
        for point in points
    ]
    edges = [v for points in series.values() for point in points for v in point]
    low, high = (min(edges), max(edges)) if edges else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low = 0.0
    scale = {"domain": [rounded(low), rounded(high)], "nice": True, "zero": False}
    horizontal = {
        "field": "x",
        "type": "quantitative",
        "title": x,
        "scale": scale,
        "axis": {"grid": False, "format": PLAIN, "tickCount": 5},
    }
    vertical = {
        "field": "y",
        "type": "quantitative",
        "title": y,
        "scale": scale,
        "axis": {"tickCount": 5, "format": PLAIN},
    }
    color = colors_of(list(series), SERIES)
    layers: list[Spec] = [
        _diagonal(low, high),
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45},
            "encoding": {"x": horizontal, "y": {**vertical, "field": "l"}, "y2": {"field": "h"}, "color": color},
        },
        {"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": {"x": horizontal, "y": vertical, "color": color}},
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {"x": horizontal, "y": vertical, "color": color, "description": {"field": "t"}},
        },
    ]
    return chart({"data": {"values": values}, "layer": layers}, width=HEIGHT + 40, height=HEIGHT)


def trials(points: Points, best: Points, x: str, y: str) -> Spec:
    """Dots of single tries, and the line of the best so far.

    Args:
        points: Number of the try and its value.
        best: The same with the best value up to there.
        x: Title of the axis.
        y: Title of the axis.
    """
    horizontal = {"field": "x", "type": "quantitative", "title": x, "axis": {"grid": False, "tickMinStep": 1}}
    vertical = {
        "field": "y",
        "type": "quantitative",
        "title": y,
        "scale": {"zero": False},
        "axis": {"tickCount": 5, "format": PLAIN},
    }
    place = {"x": horizontal, "y": vertical}
    dots = [{"x": px, "y": rounded(py), "t": f"{x} {px:g}: {py:.5g}"} for px, py in points]
    line = [{"x": px, "y": rounded(py)} for px, py in best]
    step = {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "color": SERIES[0]}
    dot = {"type": "point", "filled": True, "size": 45, "color": SERIES[1], "opacity": 1}
    layers: list[Spec] = [
        {"data": {"values": line}, "mark": step, "encoding": place},
        {"data": {"values": dots}, "mark": dot, "encoding": {**place, "description": {"field": "t"}}},
    ]
    return chart({"layer": layers}, width=WIDTH, height=HEIGHT)


def bundle(series: Mapping[str, Points], x: str, y: str, colors: Sequence[str], foremost: str) -> Spec:
    """Many lines of which one stands out.

    Args:
        series: Points by name.
        x: Title of the axis.
        y: Title of the axis.
        colors: One a series.
        foremost: The name of the one.
    """
    order = sorted(series, key=lambda name: name == foremost)
    spec = lines({name: series[name] for name in order}, x, y, whole_x=True, colors=[*colors])
    chosen = [colors[list(series).index(name)] for name in order]
    line = spec["layer"][0]["encoding"]
    line["color"] = colors_of(order, chosen, legend=False)
    line["opacity"] = {"condition": {"test": _among("s", [foremost]), "value": 1}, "value": 0.35}
    spec["layer"][1]["encoding"]["color"] = line["color"]
    return spec


def _diagonal(low: float = 0.0, high: float = 1.0) -> Spec:
    return {
        "data": {"values": [{"x": rounded(low), "y": rounded(low)}, {"x": rounded(high), "y": rounded(high)}]},
        "mark": {"type": "line", "strokeDash": [4, 3], "strokeWidth": 1, "color": QUIET},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def _among(name: str, values: Sequence[str]) -> Spec:
    return {"field": name, "oneOf": list(values)}

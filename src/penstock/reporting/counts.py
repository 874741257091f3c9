"""Charts of how often something is: histograms and bars. Pure: numbers in, a Vega-Lite specification out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.artifacts.plots import Histogram
from penstock.reporting.chart_style import HEIGHT, PLAIN, SERIES, SHORT, WIDTH, Spec, chart, colors_of, rounded

_THOUSANDS = 10_000


def histograms(
    series: Mapping[str, Histogram],
    x: str = "",
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    colors: Sequence[str] = SERIES,
    small: bool = False,
) -> Spec:
    """Histograms over each other, all of the same area, so that unequal totals and unequal bins compare.

    The height of a bin is the share of its rows in a width that is the same everywhere: that of the first series'
    average bin.

    Args:
        series: Counts between edges, by name; edges may differ among them.
        x: Title of the axis.
        width: Of the plot [px].
        height: Of the plot [px].
        colors: One a series.
        small: Whether it stands in a table: few ticks, no legend.
    """
    values, outline = [], []
    first = next(iter(series.values()))
    unit = (first.edges[-1] - first.edges[0]) / len(first.counts)
    for name, found in series.items():
        total = sum(found.counts) or 1
        outline.append({"s": name, "x": rounded(found.edges[0]), "y": 0.0, "i": -1})
        for i, (low, high, count) in enumerate(zip(found.edges[:-1], found.edges[1:], found.counts, strict=True)):
            tall = count / total * unit / (high - low) if high > low else 0.0
            text = f"{name}: {low:.4g} to {high:.4g}: {count:,} rows ({count / total:.2%})"
            values.append({"s": name, "a": rounded(low), "b": rounded(high), "y": rounded(tall), "t": text})
            outline += [
                {"s": name, "x": rounded(edge), "y": rounded(tall), "i": 2 * i + j}
                for j, edge in enumerate((low, high))
            ]
        outline.append({"s": name, "x": rounded(found.edges[-1]), "y": 0.0, "i": 2 * len(found.counts)})
    color = colors_of(list(series), colors, legend=not small)
    farthest = max((abs(edge) for found in series.values() for edge in (found.edges[0], found.edges[-1])), default=0.0)
    shown = SHORT if farthest >= _THOUSANDS else PLAIN
    x_axis: Spec = {"title": x or None, "grid": False, "format": shown, "tickCount": 3 if small else 6}
    y_axis: Spec | None = None if small else {"title": "share of rows", "tickCount": 4}
    horizontal = {"type": "quantitative", "scale": {"zero": False, "nice": False}, "axis": x_axis}
    vertical = {"field": "y", "type": "quantitative", "axis": y_axis}
    return chart(
        {
            "layer": [
                {
                    "data": {"values": values},
                    "mark": {"type": "rect", "opacity": 0.22},
                    "encoding": {
                        "x": {"field": "a", **horizontal},
                        "x2": {"field": "b"},
                        "y": vertical,
                        "y2": {"datum": 0},
                        "color": color,
                        "description": {"field": "t"},
                    },
                },
                {
                    "data": {"values": outline},
                    "mark": {"type": "line", "strokeWidth": 1.5},
                    "encoding": {
                        "x": {"field": "x", **horizontal},
                        "y": vertical,
                        "color": color,
                        "order": {"field": "i", "type": "quantitative"},
                    },
                },
            ]
        },
        width=width,
        height=height,
    )


def bars(
    series: Mapping[str, Sequence[tuple[str, float, str]]],
    *,
    width: int = WIDTH,
    row: int = 12,
    colors: Sequence[str] = SERIES,
    legend: bool = False,
) -> Spec:
    """Lying bars, one group a category and one bar a series.

    Args:
        series: By name: category, length, and what to tell of it.
        width: Of the plot [px].
        row: Height of one bar [px].
        colors: One a series.
        legend: Whether the series are named.
    """
    categories = list(dict.fromkeys(category for found in series.values() for category, _, _ in found))
    values = [
        {"s": name, "c": category, "x": rounded(length), "t": f"{name}: {category}: {text}"}
        for name, found in series.items()
        for category, length, text in found
    ]
    return chart(
        {
            "data": {"values": values},
            "mark": {"type": "bar", "cornerRadiusEnd": 1.5},
            "encoding": {
                "y": {
                    "field": "c",
                    "type": "nominal",
                    "sort": categories,
                    "title": None,
                    "axis": {"ticks": False, "domain": False, "labelLimit": 110},
                    "scale": {"paddingInner": 0.25},
                },
                "yOffset": {"field": "s", "sort": list(series)},
                "x": {
                    "field": "x",
                    "type": "quantitative",
                    "axis": None if not legend else {"title": None, "grid": True, "tickCount": 4},
                },
                "color": colors_of(list(series), colors, legend=legend),
                "description": {"field": "t"},
            },
        },
        width=width,
        height=max(1, len(categories)) * row * max(1, len(series)),
    )

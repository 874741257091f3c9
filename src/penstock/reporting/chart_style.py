"""How every chart looks: colours, sizes, fonts and axes. Pure; `charts` and `counts` draw with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""

SERIES = tuple(f"var(--series-{number})" for number in range(1, 9))
"""Colours of series, in the order in which they are given out."""
QUIET = "var(--quiet)"
WIDTH = 290
HEIGHT = 200
"""Of a plot, without its axes [px]."""
PLAIN, SHORT = ",.4~r", "~s"
"""How d3 writes numbers at an axis: with up to four digits, or thousands as `k`."""

_SHORT_NAME = 12
"""Four names of so many characters stand beside each other above a plot."""
_TINY, _HUGE = 1e-30, 1e30
"""Beyond these magnitudes numbers are drawn as nothing, or at the bound."""
_CONFIG = {
    "background": "transparent",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--ink-2)",
        "titleColor": "var(--ink-2)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line-2)",
        "tickColor": "var(--line-2)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelLimit": 150,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--ink-2)",
        "orient": "top",
        "title": None,
        "labelFontSize": 12,
        "symbolType": "circle",
        "symbolStrokeWidth": 0,
        "symbolOpacity": 1,
        "columns": 4,
        "offset": 6,
    },
    "rule": {"color": "var(--line-2)"},
    "text": {"fontSize": 11},
}


def chart(spec: Spec, *, width: int, height: int) -> Spec:
    """A whole specification: the look, and a plot of this size [px]."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "config": _CONFIG,
        "width": width,
        "height": height,
        **spec,
    }


def colors_of(names: Sequence[str], colors: Sequence[str], *, legend: bool = True) -> Spec:
    """The colour by the field `s`, a series each, named in a legend where there are several."""
    chosen = [colors[i % len(colors)] for i in range(len(names))]
    long: Spec = {"legend": {"columns": 2, "labelLimit": 130}} if any(len(name) > _SHORT_NAME for name in names) else {}
    shown: Spec = long if legend and len(names) > 1 else {"legend": None}
    return {"field": "s", "type": "nominal", "scale": {"domain": list(names), "range": chosen}, **shown}


def rounded(value: float) -> float:
    """Six digits: more than a picture shows, and half the bytes. Vega's ticks end the process beyond the bounds.

    Example:
        >>> rounded(0.123456789), rounded(-5e-204), rounded(1e300)
        (0.123457, 0.0, 1e+30)
    """
    if abs(value) < _TINY:
        return 0.0
    return float(f"{max(-_HUGE, min(value, _HUGE)):.6g}")

"""The statistics as one page for people: every feature of every split side by side.

Self-contained: no script, no style sheet and no font from elsewhere, so that it opens behind any wall. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    StatisticsList = statistics_pb2.DatasetFeatureStatisticsList

_STYLE = (
    "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
    "th,td{padding:.3em .8em;border-bottom:1px solid #ccc;text-align:right}"
    "th:first-child,td:first-child,td:last-child{text-align:left}"
)
_HEAD = ("feature", "split", "rows", "missing", "distinct", "least", "mean", "median", "greatest", "most frequent")


def statistics_page(statistics: Mapping[str, StatisticsList]) -> str:
    """Write the page.

    Args:
        statistics: Statistics by split.

    Returns:
        HTML; equal statistics give equal text. Whatever comes from the data is escaped.
    """
    rows: dict[str, list[Sequence[str]]] = {}
    for split, value in sorted(statistics.items()):
        dataset = value.datasets[0]
        for feature in sorted(dataset.features, key=lambda f: f.path.step[0]):
            name = feature.path.step[0]
            rows.setdefault(name, []).append((name, split, *_cells(feature, dataset.num_examples)))
    table = "".join(_row(cells) for name in sorted(rows) for cells in rows[name])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Statistics</title><style>{_STYLE}</style>'
        f"<h1>Statistics</h1><table>{_row(_HEAD, 'th')}{table}</table></html>\n"
    )


def _cells(feature: statistics_pb2.FeatureNameStatistics, rows: int) -> Sequence[str]:
    number = feature.HasField("num_stats")
    common = feature.num_stats.common_stats if number else feature.string_stats.common_stats
    missing = f"{1 - common.num_non_missing / rows:.2%}" if rows else ""
    if number:
        values = feature.num_stats
        shown = (f"{value:.6g}" for value in (values.min, values.mean, values.median, values.max))
        return (f"{rows:,}", missing, "", *shown, "")
    words = feature.string_stats
    top = ", ".join(f"{top.value} ({top.frequency:,.0f})" for top in words.top_values[:5])
    return (f"{rows:,}", missing, f"{words.unique:,}", "", "", "", "", top)


def _row(cells: Sequence[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

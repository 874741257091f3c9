"""Two runs of the lineage as one view: what the lineage says differs, and what their artifacts say."""

from __future__ import annotations

from penstock.lineage.port import LineageStore
from penstock.lineage.questions import compare
from penstock.lineage.records import RunRecord
from penstock.reporting.views import ComparisonView, Row
from penstock.viewing.run_view import run_view


def comparison_page(store: LineageStore, first: RunRecord, second: RunRecord) -> str:
    """Write the page of two runs: one HTML document that needs nothing else."""
    from penstock.reporting.page import render_comparison

    return render_comparison(comparison_view(store, first, second))


def comparison_view(store: LineageStore, first: RunRecord, second: RunRecord) -> ComparisonView:
    """Lay two runs side by side, with everything that is known of either."""
    aspects: dict[str, list[Row]] = {}
    for row in compare([first, second]).rows:
        a, b = row.values
        aspects.setdefault(str(row.aspect), []).append(Row(name=row.name, values=(a, b), differs=row.differs))
    return ComparisonView(
        first=run_view(first, store),
        second=run_view(second, store),
        aspects={name: tuple(rows) for name, rows in aspects.items()},
    )

"""A run, and runs side by side. Pure: records in, HTML out."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.lineage.questions import compare
from penstock.lineage.records import RunRecord, State
from penstock.viewing.pages import render

MOST_COMPARED = 8
_REFRESH_SECONDS = 2


def run_page(run: RunRecord, *, has_report: bool) -> str:
    """The page of one run: how it stands, its tasks, verdicts, parameters and artifacts.

    Args:
        run: With its executions.
        has_report: Whether there is a report to link to.
    """
    alive = run.state is State.RUNNING
    contents = [("tasks", "Tasks"), ("verdicts", "Verdicts"), ("parameters", "Parameters"), ("artifacts", "Artifacts")]
    if not any(execution.decision for execution in run.executions):
        contents.remove(("verdicts", "Verdicts"))
    return render(
        "run.html.j2",
        title=run.run_id,
        contents=contents,
        run=run,
        has_report=has_report,
        refresh=_REFRESH_SECONDS if alive else 0,
    )


def compare_page(runs: Sequence[RunRecord], *, every: bool) -> str:
    """The page that lays runs side by side.

    Args:
        runs: Two or more, with their executions.
        every: Whether what agrees is shown, too.
    """
    comparison = compare(runs)
    rows = comparison.rows if every else comparison.differences
    return render(
        "compare.html.j2",
        title=f"{len(runs)} runs side by side",
        contents=(),
        runs=runs,
        rows=rows,
        every=every,
        differ=len(comparison.differences),
        same=len(comparison.rows) - len(comparison.differences),
        refresh=0,
    )

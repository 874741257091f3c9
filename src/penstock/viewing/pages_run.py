"""A run, and runs side by side. Pure: records in, HTML out."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.lineage.questions import compare
from penstock.lineage.records import RunRecord, State
from penstock.viewing.pages import render

MOST_COMPARED = 8
_REFRESH_SECONDS = 2


def run_page(run: RunRecord) -> str:
    """The page of one run: how it stands, its tasks, verdicts, parameters and artifacts.

    Args:
        run: With its executions.
    """
    alive = run.state is State.RUNNING
    judged = any(execution.decision for execution in run.executions)
    sections = ["tasks", *(["verdicts"] if judged else []), "parameters", "artifacts"]
    return render(
        "local_run.html.j2",
        title=run.run_id,
        contents=[(name, name.capitalize()) for name in sections],
        run=run,
        judged=judged,
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
        "local_compare.html.j2",
        title=f"{len(runs)} runs side by side",
        runs=runs,
        rows=rows,
        every=every,
        differ=len(comparison.differences),
        same=len(comparison.rows) - len(comparison.differences),
    )

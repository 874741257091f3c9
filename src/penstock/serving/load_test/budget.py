"""Whether a load test kept its budget: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.artifacts.verdict import Verdict
from penstock.serving.load_test.open_loop import OpenReport

_OWN_SHARE = 0.25
"""Of the budget, so much may be this program's own lateness: beyond it, the figures say nothing of the server."""


@dataclass(frozen=True)
class Budget:
    """What a server must keep."""

    max_p99_ms: float | None = None
    """The largest 99th percentile of the latency [ms]; None asks for none."""
    max_error_percent: float = 0.0
    """The largest share of requests that fail [%]."""


def judge(report: OpenReport, budget: Budget) -> tuple[Verdict, str]:
    """Say whether a report keeps a budget, and why.

    Returns:
        `Inconclusive` where the budget is broken, but this program was itself too late to tell; `Error` where nothing
        was sent. The sentence holds the figures.
    """
    if not report.sent:
        return Verdict.ERROR, "nothing was sent"
    error_percent = 100.0 * report.errors / report.sent
    if error_percent > budget.max_error_percent:
        worst = next(iter(report.error_kinds), "")
        text = f"{report.errors:,} of {report.sent:,} requests failed ({error_percent:.2g} %), first of all: {worst}"
        return Verdict.FAILED, text
    if budget.max_p99_ms is None:
        return Verdict.SUCCESSFUL, f"{report.answered:,} requests answered, none asked to be quick"
    figures = (
        f"the 99th percentile is {report.p99_ms:g} ms at {report.rate:g}/s; asked: at most {budget.max_p99_ms:g} ms"
    )
    if report.p99_ms <= budget.max_p99_ms:
        return Verdict.SUCCESSFUL, figures
    if report.late_p99_ms > _OWN_SHARE * budget.max_p99_ms:
        text = f"{figures}; but this machine sent up to {report.late_p99_ms:g} ms late itself, so it cannot tell"
        return Verdict.INCONCLUSIVE, text
    return Verdict.FAILED, figures


def judged(report: OpenReport, budget: Budget) -> dict[str, Any]:
    """A report as JSON has it, with `verdict` and `why` before all else."""
    verdict, why = judge(report, budget)
    return {"verdict": str(verdict), "why": why, **report.model_dump(mode="json")}

"""What the artifacts of a run say in short, as Markdown: verdicts first, then the figures behind them. Pure.

Kubeflow's page of a task shows Markdown as it lies; the whole story is the HTML report beside it. Names come from
somebody's data and are only ever text here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from penstock.artifacts import Decision, Verdict
from penstock.reporting import formats
from penstock.reporting.ranking import leading_metric, worst_first
from penstock.reporting.views import GRAVITY, DataView, Estimate, EvaluationView, Findings, FindingView, SliceView

_MARKS = {Verdict.SUCCESSFUL: "✔", Verdict.FAILED: "✘", Verdict.INCONCLUSIVE: "?", Verdict.ERROR: "!"}
_MOST_REASONS = 10
_MOST_MET = 5
"""Rules that were met, above which they are counted and not listed."""
_MOST_SLICES = 5
_MOST_FEATURES = 5
_SPECIAL = re.compile(r"[\\`*_{}\[\]#|~$]|:(?=//)")


def summarize(title: str, findings: Findings) -> str:
    """Write the summary of a run.

    Args:
        title: Its heading.
        findings: What the run's artifacts say.

    Returns:
        GitHub-flavoured Markdown, at most some hundred lines whatever the run holds.
    """
    sections = [
        [f"# {text(title)}"],
        _verdicts(findings.gates),
        *(_reasons(task, decision) for task, decision in findings.gates),
        *(_evaluation(evaluation) for evaluation in findings.evaluations),
        *(_data(data) for data in findings.data),
        [f"- could not be read: {text(problem)}" for problem in findings.problems],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def text(words: str) -> str:
    r"""Any words as plain text of one line, whatever Markdown or HTML is in them.

    Example:
        >>> text("carrier_id=*|<b>")
        'carrier\\_id=\\*\\|&lt;b&gt;'
    """
    line = " ".join(words.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda found: "\\" + found[0], line)


def _verdicts(gates: Sequence[tuple[str, Decision]]) -> list[str]:
    rows = [(text(task), f"{_MARKS[d.verdict]} **{d.verdict}**", str(d.consequence)) for task, d in gates]
    return ["## Verdicts", "", *_table(("gate", "verdict", "what follows"), rows)] if rows else []


def _reasons(task: str, decision: Decision) -> list[str]:
    """What kept a gate from opening, or was only noted; what went well is counted."""
    said = sorted(decision.reasons, key=lambda reason: GRAVITY.index(reason.verdict))
    fine = sum(reason.verdict is Verdict.SUCCESSFUL for reason in said)
    against = len(said) - fine
    told = said[:_MOST_REASONS] if fine <= _MOST_MET else said[: min(against, _MOST_REASONS)]
    lines = [f"- {_MARKS[reason.verdict]} {text(reason.text)}" for reason in told]
    if against > _MOST_REASONS:
        lines.append(f"- and {against - _MOST_REASONS} more")
    if fine > _MOST_MET:
        lines.append(f"- {_MARKS[Verdict.SUCCESSFUL]} {fine} rules met")
    return [f"### {text(task)}", "", *lines] if lines else []


def _evaluation(view: EvaluationView) -> list[str]:
    judged = [part for part in view.slices if part.split == view.judged_split]
    whole = next((part for part in judged if part.name == "overall"), None)
    if whole is None:
        return []
    heads = ["metric", "candidate", *(["baseline", "difference"] if view.has_baseline else [])]
    rows = []
    for metric in view.metrics:
        roles = whole.metrics.get(metric, {})
        row = [text(formats.words(metric)), _estimate(roles.get("candidate"))]
        if view.has_baseline:
            row += [_estimate(roles.get("baseline")), _difference(roles.get("difference"))]
        rows.append(row)
    lines = [f"## Metrics on {_rows(view.judged_split, whole.rows)}", "", *_table(heads, rows)]
    if metric := leading_metric(view):
        lines += _worst(judged, metric)
    if view.plots and view.plots.importance:
        names = [f"{text(i.feature)} ({formats.signed(i.drop)})" for i in view.plots.importance[:_MOST_FEATURES]]
        lines += ["", f"Most important features: {', '.join(names)}."]
    return lines


def _worst(judged: Sequence[SliceView], metric: str) -> list[str]:
    ranked = [part for part in worst_first(judged, metric) if part.name != "overall"]
    rows = [
        (text(part.name), formats.number(part.rows), _estimate(part.metrics.get(metric, {}).get("candidate")))
        for part in ranked[:_MOST_SLICES]
    ]
    heads = ("slice to look at", "rows", text(formats.words(metric)))
    return ["", *_table(heads, rows)] if rows else []


def _data(view: DataView) -> list[str]:
    splits = ", ".join(_rows(name, rows) for name, rows in view.splits)
    drifted = [text(feature.name) for feature in view.features if feature.drifted]
    lines = [f"- {splits}"] if splits else []
    lines += [f"- {_finding(finding)}" for finding in view.findings[:_MOST_REASONS]]
    if len(view.findings) > _MOST_REASONS:
        lines.append(f"- and {len(view.findings) - _MOST_REASONS} findings more")
    if drifted:
        more = f" and {len(drifted) - _MOST_FEATURES} more" if len(drifted) > _MOST_FEATURES else ""
        lines.append(f"- values that moved: {', '.join(drifted[:_MOST_FEATURES])}{more}")
    return ["## Data", "", *lines] if lines else []


def _finding(found: FindingView) -> str:
    of = _rows(found.split, found.rows) if found.rows is not None else text(found.split)
    return f"{text(found.feature)}{': ' if found.feature else ''}{text(found.text)} ({of})"


def _rows(split: str, rows: int) -> str:
    return f"{formats.number(rows)} rows of {text(split)}"


def _estimate(found: Estimate | None) -> str:
    if found is None or found.value is None:
        return formats.DASH
    if found.lower is None or found.lower == found.value == found.upper:
        return formats.number(found.value)
    return f"{formats.number(found.value)} ({formats.number(found.lower, 3)} to {formats.number(found.upper, 3)})"


def _difference(found: Estimate | None) -> str:
    return formats.signed(found.value) if found else formats.DASH


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _line(heads)
    yield "|" + "---|" * len(heads)
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

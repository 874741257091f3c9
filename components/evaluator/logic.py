"""The decision: what intervals say about bounds. Pure.

A bound is held against the interval, never the point. *Successful*: the whole interval keeps it. *Failed*: the whole
interval breaks it. *Inconclusive*: the interval holds both. A change threshold of -0.02 is thus a test of
non-inferiority with the margin 0.02: a model that is equally good passes as soon as the interval of the difference
is narrower than the margin.

The overall slice must be Successful in every threshold on it. No correction is due there: all must pass, so more
thresholds only make a blessing harder. Any other slice can only close the gate, and there are many of them; so their
intervals hold together, at the confidence asked for (Bonferroni over all thresholds on large slices), and a model
that breaks no bound is refused over a slice at most that rarely. A slice that is too small, or Inconclusive, is
reported as Inconclusive: neither passed in silence nor fatal.

Source:
    Bonferroni's inequality as in Dunn, "Multiple comparisons among means", JASA 56 (1961). Non-inferiority by a
    confidence interval: ICH E9 (1998), section 3.3.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from components.evaluator.fairness import Gap, gaps
from components.evaluator.measurement import Interval, Measurement, Role, simultaneous
from components.evaluator.plan import Plan, Threshold
from components.evaluator.slices import slice_name
from components.evaluator.spec import EvaluatorParams
from penstock.artifacts import Consequence, Decision, Reason, Verdict

_FEWEST_ROWS = 20
"""Below it a bootstrap interval means nothing, even overall [rows]."""
_WORST_FIRST = (Verdict.ERROR, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.SUCCESSFUL)


@dataclass(frozen=True)
class _Finding:
    reason: Reason
    decisive: bool
    """Whether anything but Successful (overall) or a Failed (elsewhere) closes the gate."""
    slack: float = 0.0
    """How far the estimate is inside its bound; negative outside."""


def decide(measured: Measurement, plan: Plan, params: EvaluatorParams, not_comparable: str = "") -> Decision:
    """Judge the candidate on the split that counts.

    Args:
        measured: Metrics of that split.
        plan: The thresholds.
        params: Confidence, smallest slice, fairness.
        not_comparable: Why the last blessed model is no baseline; empty where it is, or where there is none.

    Returns:
        The decision, with one reason per threshold and slice: what failed, then the overall slice, then the others,
        worst first.
    """
    unfit = [_not_finite(role, rows, measured) for role, rows in measured.unfit.items() if rows]
    if unfit:
        return Decision(verdict=Verdict.ERROR, consequence=Consequence.STOP, reasons=tuple(unfit))
    findings = [*_threshold_findings(measured, plan, params, not_comparable), *_fairness_findings(measured, params)]
    verdict = _verdict(findings)
    findings.sort(key=_order)
    consequence = Consequence.PROCEED if verdict is Verdict.SUCCESSFUL else Consequence.STOP
    return Decision(verdict=verdict, consequence=consequence, reasons=tuple(f.reason for f in findings))


def judge(found: Interval, lower: float | None, upper: float | None) -> Verdict:
    """Hold an interval against a bound.

    Args:
        found: The interval; NaN where undefined.
        lower: Least value that is right; None asks for none.
        upper: Greatest value that is right; None asks for none.

    Example:
        >>> str(judge(Interval(0.60, 0.57, 0.63), 0.58, None)), str(judge(Interval(0.55, 0.53, 0.57), 0.58, None))
        ('Inconclusive', 'Failed')
    """
    if not all(math.isfinite(number) for number in (found.value, found.lower, found.upper)):
        return Verdict.INCONCLUSIVE
    if (lower is not None and found.upper < lower) or (upper is not None and found.lower > upper):
        return Verdict.FAILED
    if (lower is None or found.lower >= lower) and (upper is None or found.upper <= upper):
        return Verdict.SUCCESSFUL
    return Verdict.INCONCLUSIVE


def _order(finding: _Finding) -> tuple[bool, bool, int, bool, float, str]:
    """What decided comes first: many slices that are too small must not hide how the model did as a whole."""
    reason = finding.reason
    failed, overall = reason.verdict is Verdict.FAILED, finding.decisive and reason.subject == "overall"
    worst = _WORST_FIRST.index(reason.verdict)
    return (not failed, not overall, worst, not finding.decisive, finding.slack, reason.subject)


def _verdict(findings: Sequence[_Finding]) -> Verdict:
    overall = [f.reason.verdict for f in findings if f.decisive and f.reason.subject == "overall"]
    elsewhere = [f.reason.verdict for f in findings if f.decisive and f.reason.subject != "overall"]
    if Verdict.FAILED in overall or Verdict.FAILED in elsewhere:
        return Verdict.FAILED
    passed = overall and all(verdict is Verdict.SUCCESSFUL for verdict in overall)
    return Verdict.SUCCESSFUL if passed else Verdict.INCONCLUSIVE


def _not_finite(role: Role, rows: int, measured: Measurement) -> Reason:
    text = f"the {role} gave {rows:,} of {measured.rows:,} rows a score that is not a finite number"
    return Reason(
        rule="finite_scores",
        subject=role,
        verdict=Verdict.ERROR,
        text=text,
        evidence={"rows": rows, "of": measured.rows},
    )


def _threshold_findings(
    measured: Measurement, plan: Plan, params: EvaluatorParams, not_comparable: str
) -> Iterator[_Finding]:
    compared = Role.BASELINE in measured.values
    applied = [threshold for threshold in plan.thresholds if compared or threshold.kind == "value"]
    pairs = [(t, i) for t in applied for i, key in enumerate(measured.slices) if t.applies_to(key)]
    large = sum(i > 0 and measured.slice_rows[i] >= params.min_slice_rows for _, i in pairs)
    for threshold, index in pairs:
        confidence = params.confidence if index == 0 else simultaneous(params.confidence, large)
        yield _check(measured, threshold, index, confidence, params.min_slice_rows)
    for threshold in applied:
        if not any(threshold.applies_to(key) for key in measured.slices):
            yield _no_such_slice(threshold)
    if len(applied) < len(plan.thresholds) or not_comparable:
        absolute = [threshold for threshold in applied if threshold.applies_to(())]
        yield _no_baseline(len(plan.thresholds) - len(applied), absolute, not_comparable)


def _check(measured: Measurement, threshold: Threshold, index: int, confidence: float, min_rows: int) -> _Finding:
    role = Role.DIFFERENCE if threshold.kind == "change" else Role.CANDIDATE
    found = measured.interval(role, index, threshold.metric, confidence)
    lower, upper = threshold.lower, threshold.upper
    baseline = None
    if Role.BASELINE in measured.values:
        baseline = float(measured.values[Role.BASELINE][index, measured.metrics.index(threshold.metric)])
    if threshold.relative:
        lower, upper = (None if bound is None else bound * abs(baseline or math.nan) for bound in (lower, upper))
    rows = int(measured.slice_rows[index])
    verdict = judge(found, lower, upper)
    too_small = rows < (_FEWEST_ROWS if index == 0 else min_rows)
    if too_small or any(bound is not None and math.isnan(bound) for bound in (lower, upper)):
        verdict = Verdict.INCONCLUSIVE
    subject = slice_name(measured.slices[index])
    evidence = {
        "metric": threshold.metric,
        "rows": rows,
        **_numbers(estimate=found.value, lower=found.lower, upper=found.upper, confidence=confidence),
        **_numbers(least=lower, most=upper, baseline=baseline),
    }
    text = _sentence(threshold, subject, found, (lower, upper), f"{confidence:.4g} confidence, {rows:,} rows")
    if too_small:
        text += f"; too few rows to judge (fewer than {_FEWEST_ROWS if index == 0 else min_rows:,})"
    elif math.isnan(found.value):
        text += "; undefined there (a class is missing, or nothing was predicted positive)"
    elif math.isnan(found.lower):
        text += "; without an interval (a class is too rare there), so nothing can be said"
    reason = Reason(
        rule=f"{threshold.metric}.{threshold.kind}_threshold",
        subject=subject,
        verdict=verdict,
        text=text,
        evidence=evidence,
    )
    return _Finding(reason, decisive=index == 0 or not too_small, slack=_slack(found.value, lower, upper))


def _sentence(
    threshold: Threshold,
    subject: str,
    found: Interval,
    bounds: tuple[float | None, float | None],
    on: str,
) -> str:
    what = f"{threshold.metric} of {subject}"
    what += " changed by" if threshold.kind == "change" else " is"
    asked = [
        f"{word} {bound:.4g}" for word, bound in zip(("at least", "at most"), bounds, strict=True) if bound is not None
    ]
    sign = "+" if threshold.kind == "change" else ""
    estimate = f"{found.value:{sign}.4f}"
    if math.isfinite(found.lower):
        estimate += f" [{found.lower:{sign}.4f}, {found.upper:{sign}.4f}]"
    return f"{what} {estimate} ({on}); asked: {' and '.join(asked) or 'nothing'}"


def _slack(value: float, lower: float | None, upper: float | None) -> float:
    sides = [value - lower] if lower is not None else []
    sides += [upper - value] if upper is not None else []
    slack = min(sides, default=0.0)
    return slack if math.isfinite(slack) else 0.0


def _numbers(**values: float | None) -> dict[str, Any]:
    """Figures for machines: what is absent or undefined is left out, since JSON has no NaN."""
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}


def _no_such_slice(threshold: Threshold) -> _Finding:
    reason = Reason(
        rule=f"{threshold.metric}.{threshold.kind}_threshold",
        subject=str(threshold.slicing),
        verdict=Verdict.INCONCLUSIVE,
        text=f"{threshold.metric} of {threshold.slicing} could not be judged: no row is in that slice",
        evidence={"metric": threshold.metric, "rows": 0},
    )
    return _Finding(reason, decisive=False)


def _no_baseline(left_out: int, absolute: Sequence[Threshold], not_comparable: str) -> _Finding:
    why = f"no comparison with the last blessed model: {not_comparable}" if not_comparable else "no baseline"
    text = f"{why}: judged on absolute thresholds only; {left_out} change thresholds were not applied"
    text += " (rubber-stamped, as TFX says)" if absolute else ", and there is no absolute one on the overall slice"
    reason = Reason(
        rule="baseline",
        subject="overall",
        verdict=Verdict.INCONCLUSIVE,
        text=text,
        evidence={"rubber_stamped": bool(absolute), "not_applied": left_out},
    )
    return _Finding(reason, decisive=False)


def _fairness_findings(measured: Measurement, params: EvaluatorParams) -> Iterator[_Finding]:
    for gap in gaps(measured, params):
        if gap.max_gap is not None:
            yield _fairness(gap, gap.max_gap, params.min_slice_rows)


def _fairness(gap: Gap, most: float, min_rows: int) -> _Finding:
    subject, rule = gap.feature, f"{gap.metric}.fairness_gap"
    if gap.found is None:
        text = f"{gap.metric} across {gap.feature}: fewer than two slices have {min_rows:,} rows"
        reason = Reason(
            rule=rule, subject=subject, verdict=Verdict.INCONCLUSIVE, text=text, evidence={"slices": gap.slices}
        )
        return _Finding(reason, decisive=False)
    (best, high), (worst, low), found = gap.highest, gap.lowest, gap.found
    text = (
        f"{gap.metric} is {high:.4f} at {best} and {low:.4f} at {worst}: a gap of {found.value:.4f} "
        f"[{max(found.lower, 0):.4f}, {found.upper:.4f}]; asked: at most {most:g}"
    )
    evidence = {
        "metric": gap.metric,
        "highest": best,
        "lowest": worst,
        "slices": gap.slices,
        **_numbers(estimate=found.value, lower=found.lower, upper=found.upper, confidence=gap.confidence, most=most),
    }
    reason = Reason(rule=rule, subject=subject, verdict=judge(found, None, most), text=text, evidence=evidence)
    return _Finding(reason, decisive=True, slack=most - found.value)

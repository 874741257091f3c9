"""One sentence about one gate at one look, for a person."""

from __future__ import annotations

import math

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.assessing import Assessment
from penstock.releasing.gates.spec import Gate, Metric


def sentence(gate: Gate, assessed: Assessment, verdict: Verdict, log_needed: float) -> str:
    """Say what was seen, how sure it is and what is missing.

    Example:
        >>> seen = Assessment(1000, 1000, 5.0, 1.0, -2.0, -2.0, 0.031, 0.012, 0.05)
        >>> print(sentence(Gate(name="errors", metric="errorRate"), seen, Verdict.FAILED, 4.6))
        worse: error rate +3.1 points (+1.2 to +5.0) over 1,000 requests; evidence 148, needed 99.5
    """
    if assessed.estimate is None:
        return f"nothing to compare yet: {assessed.candidate_samples:,} observations of the candidate"
    what = f"{_name(gate)} {_interval(gate, assessed)} over {assessed.candidate_samples:,} requests"
    margin = _amount(gate, gate.tolerated, signed=False)
    if verdict is Verdict.FAILED:
        return f"worse: {what}; evidence {_number(assessed.log_harm)}, needed {_number(log_needed)}"
    if verdict is Verdict.SUCCESSFUL:
        return f"no worse than {margin}: {what}"
    if assessed.candidate_samples < gate.minimum_samples:
        return f"not enough yet: {what}, {gate.minimum_samples:,} wanted"
    return f"not known yet whether worse than {margin}: {what}"


def _name(gate: Gate) -> str:
    """What the gate's metric is called."""
    return {
        Metric.ERROR_RATE: "error rate",
        Metric.LATENCY_QUANTILE: f"p{100 * gate.quantile:g} latency",
        Metric.QUALITY: gate.source.loss.value,
        Metric.BUSINESS: gate.name,
        Metric.PREDICTIONS: "distribution of predictions",
    }[gate.metric]


def _interval(gate: Gate, assessed: Assessment) -> str:
    lower = "?" if assessed.lower is None else _amount(gate, assessed.lower)
    upper = "?" if assessed.upper is None else _amount(gate, assessed.upper)
    estimate = _amount(gate, assessed.estimate or 0.0)
    return f"{estimate} ({lower.removesuffix(' points')} to {upper.removesuffix(' points')})"


def _amount(gate: Gate, value: float, *, signed: bool = True) -> str:
    """A difference in the metric's unit."""
    sign = "+" if signed else ""
    if gate.metric in (Metric.ERROR_RATE, Metric.PREDICTIONS):
        return f"{100 * value:{sign}.1f} points"
    if gate.metric is Metric.LATENCY_QUANTILE:
        return f"{100 * value:{sign}.0f}%"
    return f"{value:{sign}.4g}"


def _number(logarithm: float) -> str:
    """An e-value, which may be astronomical."""
    return f"{math.exp(logarithm):,.3g}" if logarithm < 13 else f"10^{logarithm / math.log(10):.0f}"

"""What `infra_validator` asks of a server and what it concludes from the answers: pure, no process and no clock.

A blessing's files must not change from one measurement to the next, or the release behind it would get another digest
each time. So the figures of a budget that was kept stay out of them (they go into the artifact's metadata, and so into
the lineage): the evidence is the budget itself. A broken budget gives its figures; nothing is built on a blessing that
failed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.infra_validator.spec import InfraValidatorParams
from penstock.artifacts import Consequence, Decision, Reason, Verdict

Row = dict[str, Any]
"""Raw feature to value, None where it is missing."""
Score = tuple[float, ...]
"""What a model says of a row: one number, or one a class."""

SINGLE_ROWS = 32
"""How many golden rows are also sent one at a time, per protocol."""
BATCH_ROWS = 1000
"""Rows in one request when they are sent together."""
ROUNDS = 3
"""How often the load test is tried before a budget counts as broken: a busy machine is not a slow model."""

_WORST_FIRST = {Verdict.FAILED: 0, Verdict.ERROR: 1, Verdict.INCONCLUSIVE: 2, Verdict.SUCCESSFUL: 3}


@dataclass(frozen=True)
class Golden:
    """Raw rows with the scores that the trainer's own model gave them."""

    rows: Sequence[Row]
    scores: Sequence[Score]


@dataclass(frozen=True)
class Measured:
    """What the server took."""

    p50_ms: float
    """Median latency of one-row requests, from the time that they were due [ms]."""
    p99_ms: float
    """99th percentile of the same [ms]."""
    qps: float
    """One-row requests answered per second."""
    errors: int
    """Requests of the load test that were not answered with a prediction."""
    verdict: Verdict
    """Whether the budget was kept; Inconclusive where the machine was too busy to tell."""
    why: str
    """Why, with the figures."""


def read_golden(document: object) -> Golden:
    """Read the content of `golden.json`.

    Raises:
        ValueError: It is not `{"rows": [{...}], "scores": [...]}` of equal lengths, each score a finite number or,
            for several classes, a list of as many in each row (whoever trained).
    """
    rows = document.get("rows") if isinstance(document, dict) else None
    scores = document.get("scores") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not isinstance(scores, list) or len(rows) != len(scores):
        raise ValueError('it must be {"rows": [...], "scores": [...]}, both of the same length')
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("each row must be an object {feature: value or null}")
    read = [score_of(score) for score in scores]
    if not all(math.isfinite(value) for score in read for value in score):
        raise ValueError("each score must be finite")
    if len({len(score) for score in read}) > 1:
        raise ValueError("each score must be of the same length")
    return Golden(rows, read)


def score_of(value: object) -> Score:
    """Read a score from JSON: a number, or a list of them.

    Raises:
        ValueError: It is neither.

    Example:
        >>> score_of(0.25), score_of([0.5, 0.25, 0.25])
        ((0.25,), (0.5, 0.25, 0.25))
    """
    values = value if isinstance(value, list) else [value]
    if not values or not all(type(number) in (int, float) for number in values):
        raise ValueError("each score must be a number, or a list of numbers")
    return tuple(map(float, values))


def v1_body(rows: Sequence[Row]) -> dict[str, Any]:
    """A V1 request for some rows."""
    return {"instances": list(rows)}


def v2_body(rows: Sequence[Row], inputs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A V2 request for some rows.

    Args:
        rows: The rows.
        inputs: The inputs as the server's model metadata lists them: name and datatype.

    Example:
        >>> v2_body([{"hour": 7}, {"hour": None}], [{"name": "hour", "datatype": "INT64"}])["inputs"][0]["data"]
        [7, None]
    """
    tensors = [
        {
            "name": tensor["name"],
            "datatype": tensor["datatype"],
            "shape": [len(rows)],
            "data": [row.get(tensor["name"]) for row in rows],
        }
        for tensor in inputs
    ]
    return {"inputs": tensors}


def compare(subject: str, expected: Sequence[Score], answered: Sequence[Score], tolerance: float) -> Reason:
    """Hold served scores against the trainer's.

    Args:
        subject: How they were asked for.
        expected: The trainer's scores, shape (n_rows, k).
        answered: The server's scores, in the same order.
        tolerance: Largest difference; relative for expected scores beyond 1 in size.

    Returns:
        Failed with the row that differs most, or Successful.
    """
    rule = "same_answers"
    if len(expected) != len(answered):
        text = f"{subject}: {len(answered)} scores came back for {len(expected)} rows"
        return Reason(rule=rule, subject=subject, verdict=Verdict.FAILED, text=text)
    pairs = list(zip(expected, answered, strict=True))
    odd = next((row for row, (wanted, given) in enumerate(pairs) if len(wanted) != len(given)), None)
    if odd is not None:
        text = f"{subject}: golden row {odd} is scored with {len(answered[odd])} numbers, not {len(expected[odd])}"
        return Reason(rule=rule, subject=subject, verdict=Verdict.FAILED, text=text)
    off = [_most_off(*pair) for pair in pairs]
    differing = [row for row, (share, _) in enumerate(off) if share > tolerance]
    if not differing:
        text = f"{len(expected)} rows are scored as by the trainer, within {tolerance:g}"
        evidence = {"rows": len(expected), "tolerance": tolerance}
        return Reason(rule=rule, subject=subject, verdict=Verdict.SUCCESSFUL, text=text, evidence=evidence)
    worst = max(differing, key=lambda row: off[row][0])
    place = off[worst][1]
    wanted, given = expected[worst][place], answered[worst][place]
    several = len(expected[worst]) > 1
    text = (
        f"{subject}: {len(differing)} of {len(expected)} rows are scored otherwise than by the trainer; most of all "
        f"golden row {worst}{f', class {place}' if several else ''}: {given:.6g}, not {wanted:.6g} "
        f"(tolerance {tolerance:g})"
    )
    evidence = {"row": worst, "expected": wanted, "answered": given, "differing": len(differing)}
    if several:
        evidence["class"] = place
    return Reason(rule=rule, subject=subject, verdict=Verdict.FAILED, text=text, evidence=evidence)


def _most_off(expected: Score, answered: Score) -> tuple[float, int]:
    """How far the number that is furthest off lies from the expected one, and which it is.

    In shares of the expected number where that is beyond 1 in size; endlessly where the answer is no number.
    """
    shares = [abs(given - wanted) / max(1.0, abs(wanted)) for wanted, given in zip(expected, answered, strict=True)]
    known = [math.inf if math.isnan(share) else share for share in shares]
    return max(known), known.index(max(known))


def rules_reasons(wrong: Sequence[str]) -> list[Reason]:
    """What the check of the rules says.

    Args:
        wrong: What does not fit or does not come out as it says, in one line each.
    """
    if not wrong:
        text = "they fit the model, and every example comes out as it says"
        return [Reason(rule="rules", subject="rules.yaml", verdict=Verdict.SUCCESSFUL, text=text)]
    return [failed("rules", "rules.yaml", line) for line in wrong]


def loads_in_time(timeout_seconds: float) -> Reason:
    """The server was ready in time."""
    return _kept("timeout_seconds", "start", f"loads and predicts within {timeout_seconds:g} s", timeout_seconds)


def load_reason(best: Measured, params: InfraValidatorParams) -> Reason:
    """What the best round of the load test says."""
    rule, subject = "no_errors" if best.errors else "max_p99_ms", "load test"
    if best.verdict is not Verdict.SUCCESSFUL:
        return Reason(rule=rule, subject=subject, verdict=best.verdict, text=best.why)
    budget = {"max_p99_ms": params.max_p99_ms, "min_qps": params.min_qps}
    text = f"99th percentile of the latency within {params.max_p99_ms:g} ms at {params.min_qps:g} requests a second"
    return Reason(rule=rule, subject=subject, verdict=best.verdict, text=text, evidence=budget)


def memory_reason(peak_bytes: int, params: InfraValidatorParams) -> Reason:
    """What the server's peak memory says."""
    what, mib = "peak memory", 1024**2
    if peak_bytes > params.max_memory_bytes:
        text = f"{what}: {_two_digits(peak_bytes / mib)} MiB, over {params.max_memory_bytes / mib:g} MiB"
        return failed("max_memory_bytes", "server", text)
    text = f"{what} within {params.max_memory_bytes / mib:g} MiB"
    return _kept("max_memory_bytes", "server", text, params.max_memory_bytes)


def failed(rule: str, subject: str, text: str) -> Reason:
    """A reason to refuse."""
    return Reason(rule=rule, subject=subject, verdict=Verdict.FAILED, text=text)


def no_golden_rows() -> Reason:
    """Nothing to compare with: absence of evidence opens no gate."""
    text = "the model brings no golden rows, so nothing shows that serving answers as the trainer does"
    return Reason(rule="same_answers", subject="golden.json", verdict=Verdict.INCONCLUSIVE, text=text)


def decide(reasons: Sequence[Reason]) -> Decision:
    """Bless when every finding is good, and there is at least one."""
    ordered = tuple(sorted(reasons, key=lambda reason: _WORST_FIRST[reason.verdict]))
    verdict = ordered[0].verdict if ordered else Verdict.INCONCLUSIVE
    good = verdict is Verdict.SUCCESSFUL
    return Decision(verdict=verdict, consequence=Consequence.PROCEED if good else Consequence.STOP, reasons=ordered)


def _kept(rule: str, subject: str, text: str, budget: float) -> Reason:
    return Reason(rule=rule, subject=subject, verdict=Verdict.SUCCESSFUL, text=text, evidence={rule: budget})


def _two_digits(figure: float) -> str:
    return f"{float(format(figure, '.2g')):g}"

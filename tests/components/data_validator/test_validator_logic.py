"""Consequences, by table: what is found on the left, what follows on the right."""

from __future__ import annotations

import pytest

from components.data_validator.logic import KINDS, Distance, Finding, Kind, SplitCount, decide
from penstock.artifacts import Verdict


def finding(kind: Kind, rule: str = "rule", feature: str = "age", fraction: float | None = None) -> Finding:
    return Finding(split="train", feature=feature, rule=rule, kind=kind, text="is odd", fraction=fraction)


ROWS, VALUES, STRUCTURE = finding(Kind.ROWS), finding(Kind.VALUES), finding(Kind.STRUCTURE)


@pytest.mark.parametrize(
    ("findings", "count", "limit", "expected"),
    [
        ([], (100, 0), 0.01, ("Successful", "proceed")),
        ([ROWS], (100, 1), 0.01, ("Successful", "quarantine")),  # exactly at the limit is borne
        ([ROWS], (100, 2), 0.01, ("Failed", "stop")),
        ([ROWS], (100, 1), 0.0, ("Failed", "stop")),
        ([ROWS], (100, 99), 1.0, ("Successful", "quarantine")),
        ([ROWS], (100, 100), 0.01, ("Failed", "stop")),
        ([ROWS], (100, 100), 1.0, ("Inconclusive", "stop")),  # nothing is left to go on with
        ([VALUES], (100, 0), 0.01, ("Successful", "retrain")),
        ([VALUES, ROWS], (100, 1), 0.01, ("Successful", "retrain")),
        ([VALUES, ROWS], (100, 2), 0.01, ("Failed", "stop")),
        ([STRUCTURE], (100, 0), 0.01, ("Failed", "stop")),
        ([STRUCTURE, VALUES, ROWS], (100, 1), 0.01, ("Failed", "stop")),
        ([], (0, 0), 0.01, ("Inconclusive", "stop")),
        ([STRUCTURE], (0, 0), 0.01, ("Inconclusive", "stop")),
    ],
)
def test_what_follows(findings, count, limit, expected) -> None:
    counts = {"train": SplitCount(rows=count[0], bad=count[1])}
    decision = decide(findings, counts, {}, max_quarantine_fraction=limit, reviewed=True)
    assert (decision.verdict, decision.consequence) == expected


def test_one_split_with_too_many_bad_rows_stops_all() -> None:
    counts = {"train": SplitCount(rows=1000, bad=1), "eval": SplitCount(rows=10, bad=1)}
    decision = decide([ROWS], counts, {}, max_quarantine_fraction=0.01, reviewed=True)
    assert decision.gate == "closed"
    first = decision.reasons[0]
    assert (first.rule, first.subject, first.verdict) == ("max_quarantine_fraction", "eval", Verdict.FAILED)
    assert first.text == ("eval: 1 of 10 rows (10.000%) are bad, 1.000% are borne: too many to go on without them")
    assert first.evidence == {"bad_rows": 1, "rows": 10, "fraction": 0.1, "limit": 0.01}


def test_a_long_value_does_not_break_the_line() -> None:
    long = finding(Kind.ROWS).model_copy(update={"examples": ({"_row": 7, "age": "x" * 1000},)})
    reason = long.reason()
    assert reason.text == f"train: age: is odd; row 7 has '{'x' * 56}..."
    assert reason.evidence["examples"] == [{"_row": 7, "age": "x" * 1000}]


def test_reasons_come_worst_first() -> None:
    small, large = finding(Kind.ROWS, "small", fraction=0.001), finding(Kind.ROWS, "large", fraction=0.002)
    decision = decide(
        [VALUES, small, large, STRUCTURE],
        {"train": SplitCount(rows=1000, bad=3), "eval": SplitCount(rows=5)},
        {},
        max_quarantine_fraction=0.01,
        reviewed=True,
    )
    assert [reason.rule for reason in decision.reasons] == [
        "rule", "large", "small", "rule", "max_quarantine_fraction", "schema", "schema",
    ]  # fmt: skip
    assert decision.reasons[0].text == "train: age: is odd"
    assert decision.reasons[-1].text == "eval: 5 rows, nothing found"


def test_an_inferred_schema_asks_to_be_reviewed() -> None:
    decision = decide([], {"train": SplitCount(rows=1)}, {}, max_quarantine_fraction=0, reviewed=False)
    assert decision.gate == "open"
    assert "review it, and keep it in Git" in decision.reasons[0].text


def test_distances_below_their_thresholds_are_evidence() -> None:
    near = Distance(feature="origin", of="skew", type="l_infty", value=0.04, threshold=0.05)
    far = Distance(feature="carrier", of="drift", type="l_infty", value=0.05, threshold=0.5)
    counts = {"train": SplitCount(rows=1)}
    decision = decide([], counts, {"train": [far, near], "eval": []}, max_quarantine_fraction=0, reviewed=True)
    assert decision.reasons[-1].text == (
        "train: 2 distances measured, none above its threshold; "
        "the nearest to it: skew of origin 0.0400, threshold 0.05"
    )
    assert decision.reasons[-1].evidence == {"drift:carrier": 0.05, "skew:origin": 0.04}
    above = near.model_copy(update={"value": 0.06})
    moved = decide([VALUES], counts, {"train": [far, above]}, max_quarantine_fraction=0, reviewed=True)
    assert "distances" not in [reason.rule for reason in moved.reasons]


def test_the_table_of_kinds_speaks_of_anomalies_that_tfdv_knows() -> None:
    from tensorflow_metadata.proto.v0.anomalies_pb2 import AnomalyInfo

    assert set(KINDS) <= set(AnomalyInfo.Type.keys())

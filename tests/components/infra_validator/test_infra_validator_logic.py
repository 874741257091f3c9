"""What the infra validator concludes, on figures made by hand."""

import json
import math

import pytest

from components.infra_validator import logic
from components.infra_validator.logic import Golden, Measured, compare, decide, load_reason, memory_reason, read_golden
from components.infra_validator.spec import InfraValidatorParams
from penstock.artifacts import Verdict

PARAMS = InfraValidatorParams(max_p99_ms=20, min_qps=100, max_memory_bytes=10 * 1024**2)


def measured(**changes):
    kept = {"p50_ms": 1.0, "p99_ms": 5.0, "qps": 100.0, "errors": 0, "verdict": Verdict.SUCCESSFUL, "why": "5 ms"}
    return Measured(**{**kept, **changes})


def single(*numbers):
    """Scores of one number a row."""
    return [(number,) for number in numbers]


def test_equal_answers_within_the_tolerance():
    assert compare("V1", single(0.5, 0.25), single(0.500009, 0.249991), 1e-5).verdict == "Successful"
    assert compare("V1", single(0.5, 0.25), single(0.50002, 0.25), 1e-5).verdict == "Failed"


def test_the_tolerance_is_relative_for_large_estimates():
    assert compare("V1", single(12000.0), single(12000.1), 1e-5).verdict == "Successful"  # 0.1 of 12000 is 8.3e-6
    assert compare("V1", single(12000.0), single(12000.2), 1e-5).verdict == "Failed"  # 1.7e-5


def test_the_row_that_differs_most_is_named_with_both_scores():
    reason = compare("V2, many rows", single(0.1, 0.2, 0.3, 0.4), single(0.1, 0.21, 0.25, 0.4), 1e-3)
    assert reason.text == (
        "V2, many rows: 2 of 4 rows are scored otherwise than by the trainer; most of all golden row 2: 0.25, not 0.3 "
        "(tolerance 0.001)"
    )
    assert reason.evidence == {"row": 2, "expected": 0.3, "answered": 0.25, "differing": 2}


def test_nan_and_a_wrong_number_of_scores_differ():
    reason = compare("V1", single(0.1, 0.2), single(0.9, math.nan), 1e-3)
    assert (reason.verdict, reason.evidence["row"]) == ("Failed", 1)
    assert "1 scores came back for 2 rows" in compare("V1", single(0.1, 0.2), single(0.1), 1e-3).text


def test_of_several_classes_every_one_counts():
    expected = [(0.2, 0.3, 0.5), (0.1, 0.1, 0.8)]
    assert compare("V1", expected, [(0.2, 0.3, 0.5), (0.1, 0.1, 0.800009)], 1e-5).verdict == "Successful"
    reason = compare("V1", expected, [(0.2, 0.3001, 0.4999), (0.3, 0.1, 0.61)], 1e-5)
    assert reason.verdict == "Failed"
    assert "most of all golden row 1, class 0: 0.3, not 0.1 (tolerance 1e-05)" in reason.text
    assert reason.evidence == {"row": 1, "class": 0, "expected": 0.1, "answered": 0.3, "differing": 2}
    hidden = compare("V1", expected, [(0.2, 0.3, 0.5), (0.1, math.nan, 0.8)], 1e-5)
    assert (hidden.verdict, hidden.evidence["row"], hidden.evidence["class"]) == ("Failed", 1, 1)


def test_classes_that_are_too_few_differ():
    reason = compare("V1", [(0.2, 0.8), (0.5, 0.5)], [(0.2, 0.8), (1.0,)], 1e-5)
    assert (reason.verdict, reason.text) == ("Failed", "V1: golden row 1 is scored with 1 numbers, not 2")


def test_a_kept_budget_is_the_evidence():
    reason = load_reason(measured(), PARAMS)
    assert (reason.rule, reason.verdict) == ("max_p99_ms", Verdict.SUCCESSFUL)
    assert reason.text == "99th percentile of the latency within 20 ms at 100 requests a second"
    assert reason.evidence == {"max_p99_ms": 20, "min_qps": 100}
    assert memory_reason(10 * 1024**2, PARAMS).verdict == "Successful"


@pytest.mark.parametrize(
    ("verdict", "errors", "rule"),
    [(Verdict.FAILED, 0, "max_p99_ms"), (Verdict.INCONCLUSIVE, 0, "max_p99_ms"), (Verdict.FAILED, 2, "no_errors")],
)
def test_a_budget_that_was_not_kept_closes_the_gate_and_says_why(verdict, errors, rule):
    reason = load_reason(measured(verdict=verdict, errors=errors, why="the figures"), PARAMS)
    assert (reason.rule, reason.verdict, reason.text) == (rule, verdict, "the figures")
    assert decide([logic.loads_in_time(5), reason]).gate == "closed"


def test_memory_over_the_budget():
    reason = memory_reason(12 * 1024**2, PARAMS)
    assert (reason.verdict, reason.text) == ("Failed", "peak memory: 12 MiB, over 10 MiB")


def test_what_varies_between_measurements_is_not_in_a_blessing():
    quick, slow = measured(p50_ms=0.5, p99_ms=1.1, qps=100.3), measured(p50_ms=3.3, p99_ms=19.9, why="slow")
    assert load_reason(quick, PARAMS) == load_reason(slow, PARAMS)
    assert memory_reason(1, PARAMS) == memory_reason(2, PARAMS)


def test_a_blessing_needs_every_finding_to_be_good_and_one_at_least():
    good = logic.loads_in_time(5)
    assert (decide([good]).verdict, decide([good]).gate) == (Verdict.SUCCESSFUL, "open")
    bad = decide([good, logic.failed("no_errors", "load test", "too many")])
    assert (bad.verdict, bad.gate, bad.reasons[0].rule) == (Verdict.FAILED, "closed", "no_errors")
    assert (decide([]).verdict, decide([]).gate) == (Verdict.INCONCLUSIVE, "closed")
    assert decide([logic.no_golden_rows()]).gate == "closed"


def test_golden_rows_are_read():
    golden = read_golden({"rows": [{"a": None}], "scores": [1]})
    assert golden == Golden([{"a": None}], [(1.0,)])
    of_classes = read_golden({"rows": [{"a": 1}, {"a": 2}], "scores": [[0.25, 0.75], [1, 0]]})
    assert of_classes.scores == [(0.25, 0.75), (1.0, 0.0)]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"rows": []},
        {"rows": [{}], "scores": []},
        {"rows": [1], "scores": [1]},
        {"rows": [{}], "scores": [math.nan]},
        {"rows": [{}], "scores": ["1"]},
        {"rows": [{}], "scores": [True]},
        {"rows": [{}], "scores": [[]]},
        {"rows": [{}], "scores": [[0.5, "1"]]},
        {"rows": [{}], "scores": [[0.5, math.inf]]},
        {"rows": [{}, {}], "scores": [[0.5, 0.5], [0.5]]},
        {"rows": [{}, {}], "scores": [[0.5, 0.5], 0.5]},
    ],
)
def test_damaged_golden_rows_are_refused(document):
    with pytest.raises(ValueError, match="must be"):
        read_golden(document)


def test_a_v2_request_has_one_tensor_a_feature():
    inputs = [{"name": "a", "datatype": "BYTES", "shape": [-1]}, {"name": "b", "datatype": "FP32", "shape": [-1]}]
    body = logic.v2_body([{"b": 1.5, "a": None}, {"b": None, "a": "x"}], inputs)
    assert json.loads(json.dumps(body)) == {
        "inputs": [
            {"name": "a", "datatype": "BYTES", "shape": [2], "data": [None, "x"]},
            {"name": "b", "datatype": "FP32", "shape": [2], "data": [1.5, None]},
        ]
    }

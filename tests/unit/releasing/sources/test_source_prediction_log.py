"""What a prediction log says of both models, file by file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.observations import Arm, Comparison, Histogram, Pairs
from penstock.releasing.gates.spec import Gate
from penstock.releasing.sources.pairing import PATIENCE_FILES
from penstock.releasing.sources.prediction_log import LogSource
from penstock.serving.prediction_log import NO_ANSWER, Prediction
from tests.unit.releasing.sources.logs import ASKED, SINCE, Looking, copied, record, write

LOG = {"kind": "predictionLog"}
ERRORS = Gate(name="errors", metric="errorRate", source=LOG)
LATENCY = Gate(name="p99", metric="latencyQuantile", source=LOG)
SCORES = Gate(name="scores", metric="predictions", source=LOG, cuts=(0.25, 0.5))
SLICED = Gate(name="errors", metric="errorRate", source=LOG, slices={"every_value_of": ["carrier"], "only": ["hour=7"]})
ALONE = [False, True]


def seen(folder: Path, *gates: Gate, of: list[Prediction]) -> tuple[Comparison, ...]:
    """What one file says."""
    looking = Looking(folder, *gates)
    looking.write(*of)
    return looking.look()


def test_errors_are_what_the_model_itself_did_not_answer(tmp_path: Path) -> None:
    records = [
        record("1"),
        record("2", status_code=503),
        record("3", status_code=404),
        record("4", fallback="bundle", fallback_reason="model_failed"),
        record("5", fallback="rule", fallback_reason="bad_input"),
        record("6", "canary"),
        record("7", "canary", status_code=NO_ANSWER, digest="", delivered=False),
    ]
    (comparison,) = seen(tmp_path, ERRORS, of=records)
    assert (comparison.stable, comparison.candidate) == (Arm.binary(5, 2), Arm.binary(2, 1))
    assert comparison.paired == Pairs()


def test_who_tries_again_has_failed_once_and_who_steps_in_counts_for_nobody(tmp_path: Path) -> None:
    looking = Looking(tmp_path, ERRORS)
    unanswered = {"status_code": NO_ANSWER, "digest": "", "scores": (), "delivered": False}
    looking.write(
        record("1", "canary", **unanswered),
        record("1", "stable", assigned="canary", attempt=2),
        record("2", "canary", **unanswered),
        record("3", "canary", attempt=2),
    )
    looking.write(record("2", "canary", attempt=2))
    assert looking.look() == (Comparison("errors", Arm(), Arm.binary(3, 2)),)
    looking.write(record("3", "canary", attempt=3), record("4"))
    assert looking.look() == (Comparison("errors", Arm.binary(1, 0), Arm()),)


def test_the_order_of_records_makes_no_difference(tmp_path: Path) -> None:
    records = [record(str(number), "canary" if number % 3 else "stable", latency_ms=number / 7) for number in range(30)]
    one = seen(tmp_path / "one", ERRORS, LATENCY, SCORES, of=records)
    assert one == seen(tmp_path / "other", ERRORS, LATENCY, SCORES, of=records[::-1])


def test_what_is_not_of_the_attempt_is_left_out(tmp_path: Path) -> None:
    records = [
        record("another bundle", "canary", digest="sha256:old"),
        record("before", "canary", time=datetime(2026, 1, 2, 2, 59, tzinfo=UTC)),
        record("warm-up", step=""),
        record("of this", "canary", time=SINCE),
        record("of this too"),
    ]
    assert seen(tmp_path, ERRORS, of=records) == (Comparison("errors", Arm.binary(1, 0), Arm.binary(1, 0)),)


def test_what_was_asked_at_another_step_or_day_is_compared_apart(tmp_path: Path) -> None:
    records = [
        record("1"),
        record("2", "canary", status_code=500),
        record("3", step="canary-10"),
        record("4", "canary", step="canary-10"),
        record("5", time=datetime(2026, 1, 3, tzinfo=UTC)),
    ]
    found = [(each.stable.count, each.candidate.count) for each in seen(tmp_path, ERRORS, of=records)]
    assert found == [(1, 1), (1, 1), (1, 0)]


def test_slices_come_from_the_features(tmp_path: Path) -> None:
    records = [
        record("1", features={"carrier": "AA", "hour": 7.0}),
        record("2", "canary", features={"carrier": "UA", "hour": 8}, status_code=500),
        record("3", features={"carrier": None}),
        record("4", features={}, status_code=500),
    ]
    found = {each.slice: (each.stable, each.candidate) for each in seen(tmp_path, SLICED, of=records)}
    assert found == {
        "overall": (Arm.binary(3, 1), Arm.binary(1, 1)),
        "carrier=AA": (Arm.binary(1, 0), Arm()),
        "carrier=UA": (Arm(), Arm.binary(1, 1)),
        "hour=7": (Arm.binary(1, 0), Arm()),
    }


@pytest.mark.parametrize("text", ["not json", "7", "[]", "[7]", ""])
def test_features_that_cannot_be_read_are_no_slice(tmp_path: Path, text: str) -> None:
    found = seen(tmp_path, SLICED, of=[replace(record("1"), features=text)])
    assert [each.slice for each in found] == ["overall"]


@pytest.mark.parametrize("restarts", ALONE)
def test_in_shadow_both_answers_to_a_request_are_a_pair_wherever_its_halves_are(
    tmp_path: Path, *, restarts: bool
) -> None:
    looking, bad = Looking(tmp_path, ERRORS, restarts=restarts), {"status_code": 500}
    looking.write(copied("1"), record("1", "shadow", **bad), copied("2"), record("3", "shadow"))
    assert looking.look() == (Comparison("errors", Arm(), Arm(), Pairs.binary(1, 1, 0)),)
    looking.write(record("2", "shadow", **bad), copied("3", **bad), copied("4"), copied("of which there is no copy"))
    assert looking.look() == (Comparison("errors", Arm(), Arm(), Pairs.binary(2, 1, 1)),)
    looking.write(record("4", "shadow", status_code=NO_ANSWER, digest="", latency_ms=30_000.0))
    assert looking.look() == (Comparison("errors", Arm(), Arm(), Pairs.binary(1, 1, 0)),)


def test_what_waits_for_its_other_half_is_given_up_at_last(tmp_path: Path) -> None:
    looking = Looking(tmp_path, ERRORS)
    looking.write(copied("late"))
    for number in range(1, PATIENCE_FILES):
        looking.write(copied(f"{number}"))
    looking.write(record("late", "shadow"), record(f"{PATIENCE_FILES - 1}", "shadow"))
    assert [each.paired.count for each in looking.look()] == [2]
    looking.write(record("another"))
    looking.write(record("1", "shadow"), record("2", "shadow"))
    assert [each.paired.count for each in looking.look()] == [0, 1], "60 files later it is a pair, 61 later it is not"


def test_a_gate_that_is_not_judged_in_shadow_sees_nothing_of_it(tmp_path: Path) -> None:
    looking = Looking(tmp_path, ERRORS.model_copy(update={"in_shadow": False}))
    looking.write(copied("1"), record("1", "shadow"), record("2", "canary"))
    assert looking.look() == (Comparison("errors", Arm(), Arm.binary(1, 0)),)


@pytest.mark.parametrize("restarts", ALONE)
def test_each_file_is_read_once_and_the_first_look_only_notes_where_the_log_ends(
    tmp_path: Path, *, restarts: bool
) -> None:
    missing = LogSource(tmp_path / "log").observe(ASKED, [ERRORS], "")
    assert "no prediction log" in missing.problems["errors"]
    write(tmp_path / "log", "0000", [record("1")])
    looking = Looking(tmp_path / "log", ERRORS, restarts=restarts)
    looking.write(record("2"), record("3", "canary"))
    assert looking.look()[0].stable.count == 1
    assert looking.look() == ()


def test_a_look_whose_evidence_was_not_kept_is_seen_again(tmp_path: Path) -> None:
    looking = Looking(tmp_path, ERRORS)
    looking.write(record("1"), record("2", "canary"))
    kept, seen_first = looking.cursor, looking.look()
    looking.cursor = kept
    assert looking.look() == seen_first


def test_latencies_and_predictions_are_binned_those_in_shadow_as_soon_as_they_are_there(tmp_path: Path) -> None:
    records = [
        record("1", latency_ms=EDGES_MS[3]),
        record("2", "canary", latency_ms=EDGES_MS[3] * 1.001, scores=((0.75, 0.1), (0.1, 0.1))),
        record("4", "canary", status_code=500, scores=()),
    ]
    latency, scores = seen(tmp_path / "one", LATENCY, SCORES, of=records)
    assert isinstance(latency.stable, Histogram) and isinstance(latency.candidate, Histogram)
    assert (latency.stable.counts[3], latency.candidate.counts[4], latency.candidate.count) == (1, 1, 2)
    assert (scores.stable, scores.candidate) == (Histogram((0.25, 0.5), (1, 0, 0)), Histogram((0.25, 0.5), (0, 0, 1)))
    shadow = [copied("3", scores=((0.3,),)), copied("4"), record("3", "shadow", latency_ms=1e9, scores=((0.75,),))]
    latency, scores = seen(tmp_path / "other", LATENCY, SCORES, of=shadow)
    assert isinstance(latency.candidate, Histogram)
    assert (latency.stable.count, latency.candidate.counts[-1]) == (2, 1)
    assert (scores.stable, scores.candidate) == (Histogram((0.25, 0.5), (1, 1, 0)), Histogram((0.25, 0.5), (0, 0, 1)))


def test_a_file_that_is_no_log_is_a_problem_and_is_not_passed_over(tmp_path: Path) -> None:
    looking = Looking(tmp_path, ERRORS)
    looking.write(record("1"))
    (tmp_path / "0002.parquet").write_bytes(b"PAR1 and nothing else")
    before = looking.cursor
    assert "no file of a prediction log" in looking.see().problems["errors"]
    assert looking.cursor == before
    write(tmp_path, "0002", [record("2")])
    assert looking.look() == (Comparison("errors", Arm.binary(2, 0), Arm()),)

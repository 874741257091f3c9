"""What a prediction log says of both models, file by file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.observations import Arm, Comparison, Histogram, Pairs
from penstock.releasing.gates.spec import Gate
from penstock.releasing.sources.prediction_log import BEGINNING, PATIENCE_FILES, PredictionLogSource
from tests.unit.releasing.sources.logs import ASKED, record, write

LOG = {"kind": "predictionLog"}
ERRORS = Gate(name="errors", metric="errorRate", source=LOG)
LATENCY = Gate(name="p99", metric="latencyQuantile", source=LOG)
SCORES = Gate(name="scores", metric="predictions", source=LOG, cuts=(0.25, 0.5))


def _seen(folder: Path, *gates: Gate, cursor: str = BEGINNING) -> tuple[Comparison, ...]:
    seen = PredictionLogSource(folder).observe(ASKED, gates, cursor)
    assert not seen.problems
    return seen.comparisons


def test_errors_are_what_the_model_itself_did_not_answer(tmp_path: Path) -> None:
    records = [
        record("1"),
        record("2", status_code=503),
        record("3", status_code=404),
        record("4", fallback="bundle", fallback_reason="model_failed"),
        record("5", fallback="rule", fallback_reason="bad_input"),
        record("6", "canary"),
        record("7", "canary", status_code=0, digest="", delivered=False),
        record("7", "stable", attempt=2, assigned="canary"),
    ]
    write(tmp_path, "1", records)
    (comparison,) = _seen(tmp_path, ERRORS)
    assert (comparison.stable, comparison.candidate) == (Arm.binary(5, 2), Arm.binary(2, 1))
    assert comparison.paired == Pairs()


def test_the_order_of_records_makes_no_difference(tmp_path: Path) -> None:
    records = [record(str(number), "canary" if number % 3 else "stable", latency_ms=number / 7) for number in range(30)]
    write(tmp_path / "one", "1", records)
    write(tmp_path / "other", "1", records[::-1])
    assert _seen(tmp_path / "one", ERRORS, LATENCY, SCORES) == _seen(tmp_path / "other", ERRORS, LATENCY, SCORES)


def test_answers_of_other_bundles_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "1", [record("1", "canary", digest="sha256:old"), record("2", "canary"), record("3")])
    (comparison,) = _seen(tmp_path, ERRORS)
    assert comparison.candidate == Arm.binary(1, 0)


def test_what_was_asked_at_another_step_or_day_is_compared_apart(tmp_path: Path) -> None:
    records = [
        record("1"),
        record("2", "canary", status_code=500),
        record("3", step="canary-10"),
        record("4", "canary", step="canary-10"),
        record("5", time=datetime(2026, 1, 3, tzinfo=UTC)),
    ]
    write(tmp_path, "1", records)
    assert [(each.stable.count, each.candidate.count) for each in _seen(tmp_path, ERRORS)] == [(1, 1), (1, 1), (1, 0)]


def test_slices_come_from_the_features(tmp_path: Path) -> None:
    gate = ERRORS.model_copy(
        update={"slices": ERRORS.slices.model_copy(update={"every_value_of": ("carrier",), "only": ("hour=7",)})}
    )
    records = [
        record("1", features={"carrier": "AA", "hour": 7.0}),
        record("2", "canary", features={"carrier": "UA", "hour": 8}, status_code=500),
        record("3", features={"carrier": None}),
        record("4", features={}, status_code=500),
    ]
    write(tmp_path, "1", records)
    found = {each.slice: (each.stable, each.candidate) for each in _seen(tmp_path, gate)}
    assert found == {
        "overall": (Arm.binary(3, 1), Arm.binary(1, 1)),
        "carrier=AA": (Arm.binary(1, 0), Arm()),
        "carrier=UA": (Arm(), Arm.binary(1, 1)),
        "hour=7": (Arm.binary(1, 0), Arm()),
    }


def test_answers_to_the_same_request_are_pairs_wherever_its_halves_are(tmp_path: Path) -> None:
    write(tmp_path, "1", [record("1"), record("1", "shadow", status_code=500), record("2"), record("3", "shadow")])
    write(tmp_path, "2", [record("2", "shadow", status_code=500), record("3", status_code=500), record("4")])
    write(tmp_path, "3", [record("4", "shadow", status_code=0, digest="", latency_ms=30_000.0)])
    source, shadow = PredictionLogSource(tmp_path), replace(ASKED, shadow=True)
    both = source.observe(shadow, [ERRORS], BEGINNING).comparisons
    assert both[0].paired == Pairs.binary(4, 3, 1)
    later = source.observe(shadow, [ERRORS], "1.parquet")
    assert later.comparisons[0].paired == Pairs.binary(3, 2, 1), "files before are looked into for the other halves"
    assert later.cursor == "3.parquet"


def test_what_waits_for_its_other_half_is_given_up_at_last(tmp_path: Path) -> None:
    write(tmp_path, "000", [record("late")])
    for number in range(1, PATIENCE_FILES + 1):
        write(tmp_path, f"{number:03}", [record(f"{number}")])
    write(tmp_path, "999", [record("late", "shadow"), record(f"{PATIENCE_FILES}", "shadow")])
    (comparison,) = PredictionLogSource(tmp_path).observe(replace(ASKED, shadow=True), [ERRORS], BEGINNING).comparisons
    assert comparison.paired.count == 1


def test_each_file_is_read_once_and_the_first_look_only_notes_where_the_log_ends(tmp_path: Path) -> None:
    source = PredictionLogSource(tmp_path / "log")
    assert "no prediction log" in source.observe(ASKED, [ERRORS], "").problems["errors"]
    write(tmp_path / "log", "1", [record("1")])
    first = source.observe(ASKED, [ERRORS], "")
    assert first.comparisons == ()
    write(tmp_path / "log", "2", [record("2"), record("3", "canary")])
    second = source.observe(ASKED, [ERRORS], first.cursor)
    assert second.comparisons[0].stable.count == 1
    assert source.observe(ASKED, [ERRORS], second.cursor) == type(second)(cursor=second.cursor)


def test_latencies_and_predictions_are_binned(tmp_path: Path) -> None:
    records = [
        record("1", latency_ms=EDGES_MS[3]),
        record("2", "canary", latency_ms=EDGES_MS[3] * 1.001, scores=((0.75, 0.1), (0.1, 0.1))),
        record("3", "shadow", latency_ms=1e9, scores=((0.25,),)),
        record("4", "canary", status_code=500, scores=()),
    ]
    write(tmp_path, "1", records)
    latency, scores = _seen(tmp_path, LATENCY, SCORES)
    assert isinstance(latency.stable, Histogram) and isinstance(latency.candidate, Histogram)
    assert latency.stable.counts[3] == 1
    assert (latency.candidate.counts[4], latency.candidate.counts[-1], latency.candidate.count) == (1, 1, 3)
    assert (scores.stable, scores.candidate) == (
        Histogram((0.25, 0.5), (1, 0, 0)),
        Histogram((0.25, 0.5), (1, 0, 1)),
    )


def test_a_file_that_is_no_log_is_a_problem_and_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "1", [record("1")])
    (tmp_path / "2.parquet").write_bytes(b"PAR1 and nothing else")
    seen = PredictionLogSource(tmp_path).observe(ASKED, [ERRORS], "1.parquet")
    assert "no file of a prediction log" in seen.problems["errors"]
    assert seen.cursor == "1.parquet"


@pytest.mark.parametrize("text", ["not json", "7", "[]", "[7]", ""])
def test_features_that_cannot_be_read_are_no_slice(tmp_path: Path, text: str) -> None:
    gate = ERRORS.model_copy(update={"slices": ERRORS.slices.model_copy(update={"every_value_of": ("carrier",)})})
    write(tmp_path, "1", [replace(record("1"), features=text)])
    assert [each.slice for each in _seen(tmp_path, gate)] == ["overall"]

"""What a comparison of runs shows and marks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.artifacts import Decision
from penstock.lineage.questions import Aspect, Comparison, compare
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State
from penstock.sdk import BadInput

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def task(name: str, **fields: Any) -> ExecutionRecord:
    known = {"run_id": "r", "pipeline": "flights", "component": name, "state": State.COMPLETE, "started": BEGIN}
    return ExecutionRecord(task=name, **{**known, **fields})


def run(run_id: str, *executions: ExecutionRecord, seconds: float = 10, **fields: Any) -> RunRecord:
    known = {"pipeline": "flights", "pipeline_digest": "sha256:p", "penstock_version": "1", "state": State.COMPLETE}
    ended = BEGIN + timedelta(seconds=seconds)
    return RunRecord(run_id=run_id, started=BEGIN, ended=ended, executions=executions, **{**known, **fields})


def cells(comparison: Comparison, aspect: Aspect) -> dict[str, tuple[Any, ...]]:
    return {row.name: (*row.values, row.differs) for row in comparison.rows if row.aspect is aspect}


def test_parameters_are_matched_by_name_and_nested_ones_by_path() -> None:
    one = run("1", task("train", parameters={"optimizer": {"rate": 0.1, "name": "adam"}, "layers": [8, 4]}))
    two = run("2", task("train", parameters={"optimizer": {"rate": 0.2, "name": "adam"}, "layers": [8]}))
    assert cells(compare([one, two]), Aspect.PARAMETER) == {
        "train.optimizer.rate": (0.1, 0.2, True),
        "train.optimizer.name": ("adam", "adam", False),
        "train.layers": ("[8, 4]", "[8]", True),
    }


def test_what_only_one_run_has_is_marked() -> None:
    comparison = compare([run("1", parameters={"epochs": 2}), run("2"), run("3", parameters={"epochs": 2})])
    assert cells(comparison, Aspect.PARAMETER) == {"epochs": (2, None, 2, True)}


def test_one_and_true_and_one_point_nought_are_not_the_same() -> None:
    rows = cells(
        compare([run("1", parameters={"a": 1, "b": 1}), run("2", parameters={"a": True, "b": 1.0})]), Aspect.PARAMETER
    )
    assert [row[-1] for row in rows.values()] == [True, True]


def test_data_code_metrics_and_verdicts() -> None:
    def evaluated(auc: float, digest: str, code: str, verdict: str, consequence: str) -> ExecutionRecord:
        evaluation = ArtifactRecord(
            kind="evaluation", uri="/e", digest="sha256:e", name="evaluation", metadata={"eval_auc": auc, "kind": "x"}
        )
        model = ArtifactRecord(kind="model", uri="/m", digest=digest, name="model")
        decision = Decision(verdict=verdict, consequence=consequence)  # type: ignore[arg-type]
        return task("evaluate", inputs=(model,), outputs=(evaluation,), code_digest=code, decision=decision)

    comparison = compare(
        [
            run("1", evaluated(0.7, "sha256:a", "sha256:c", "Successful", "proceed")),
            run("2", evaluated(0.6, "sha256:b", "sha256:c", "Failed", "stop")),
        ]
    )
    assert cells(comparison, Aspect.METRIC) == {"evaluate.eval_auc": (0.7, 0.6, True)}
    assert cells(comparison, Aspect.CODE) == {"evaluate.code_digest": ("sha256:c", "sha256:c", False)}
    assert cells(comparison, Aspect.VERDICT) == {"evaluate": ("Successful, proceed", "Failed, stop", True)}
    assert cells(comparison, Aspect.DATA) == {
        "evaluate.model": ("sha256:a", "sha256:b", True),
        "evaluate.evaluation": ("sha256:e", "sha256:e", False),
    }
    assert {(row.aspect, row.name) for row in comparison.differences} == {
        (Aspect.METRIC, "evaluate.eval_auc"),
        (Aspect.VERDICT, "evaluate"),
        (Aspect.DATA, "evaluate.model"),
    }


def test_a_failed_task_stands_among_the_verdicts() -> None:
    comparison = compare([run("1", task("train", state=State.FAILED)), run("2", task("train"))])
    assert cells(comparison, Aspect.VERDICT) == {"train": ("failed", None, True)}


@pytest.mark.parametrize(
    ("one", "two", "differs"),
    [(10.0, 10.9, False), (10.0, 12.4, False), (10.0, 12.6, True), (0.1, 0.9, False), (0.1, 1.2, True)],
)
def test_durations_are_marked_when_it_matters(one: float, two: float, differs: bool) -> None:
    comparison = compare([run("1", seconds=one), run("2", seconds=two)])
    assert cells(comparison, Aspect.DURATION) == {"run": (one, two, differs)}


def test_a_cached_task_took_no_time_of_its_own() -> None:
    comparison = compare(
        [run("1", task("train", seconds=5.0)), run("2", task("train", seconds=5.0, state=State.CACHED))]
    )
    assert cells(comparison, Aspect.DURATION)["train"] == (5.0, None, False)


def test_of_several_attempts_the_last_counts() -> None:
    failed, done = task("t", state=State.FAILED, parameters={"a": 1}), task("t", attempt=2, parameters={"a": 2})
    comparison = compare([run("1", failed, done), run("2", done)])
    assert cells(comparison, Aspect.PARAMETER) == {"t.a": (2, 2, False)}
    assert cells(comparison, Aspect.VERDICT) == {}


def test_one_run_is_not_a_comparison() -> None:
    with pytest.raises(BadInput, match="at least two"):
        compare([run("1")])


def test_a_parameter_of_the_run_that_its_task_tells_stands_there_once() -> None:
    epochs = {"train_epochs": 2, "seed": 1}
    other = {"train_epochs": 3, "seed": 1}
    one = run("1", task("train", parameters={"epochs": 2}), parameters=epochs)
    two = run("2", task("train", parameters={"epochs": 3}), parameters=other)
    told = {"train.epochs": (2, 3, True), "seed": (1, 1, False)}
    assert cells(compare([one, two]), Aspect.PARAMETER) == told


def test_a_parameter_of_the_run_stays_where_its_task_did_not_run_or_took_another_value() -> None:
    one = run("1", task("train", parameters={"epochs": 2}), parameters={"train_epochs": 2})
    never = run("2", parameters={"train_epochs": 3})
    assert cells(compare([one, never]), Aspect.PARAMETER)["train_epochs"] == (2, 3, True)
    other = run("2", task("train", parameters={"epochs": 4}), parameters={"train_epochs": 3})
    assert cells(compare([one, other]), Aspect.PARAMETER)["train_epochs"] == (2, 3, True)

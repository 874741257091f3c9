"""What every lineage store keeps, on every backend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.lineage.errors import UnknownRun
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ExecutionRecord, State
from penstock.sdk import BadInput
from tests.contract.lineage.odd import ODD


def without_numbers(execution: ExecutionRecord) -> ExecutionRecord:
    sides = {
        side: tuple(a.model_copy(update={"id": None}) for a in getattr(execution, side))
        for side in ("inputs", "outputs")
    }
    return execution.model_copy(update={"id": None, **sides})


def test_a_run_is_read_back_field_by_field(store: LineageStore, make: Any) -> None:
    started = make.run("r")
    store.start_run(started)
    assert store.run(started.run_id) == started
    ended = started.model_copy(
        update={"state": State.COMPLETE, "ended": started.started + timedelta(minutes=3), "exit_code": 3}
    )
    store.finish_run(ended)
    store.finish_run(ended)
    assert store.run(started.run_id) == ended
    assert store.runs(make.pipeline) == [ended]


@pytest.mark.parametrize("state", list(State))
def test_an_execution_is_read_back_field_by_field(store: LineageStore, make: Any, state: State) -> None:
    full = make.execution(
        "r",
        "for-loop-1[2]/evaluate",
        component="evaluator",
        state=state,
        decision=make.decision,
        error=ODD,
        cached_from=7,
        baseline_digest=make.digest("baseline"),
        attempt=3,
        place="0123456789ab",
        pod="evaluate-pod-1",
        inputs=(make.artifact("examples", "e", "examples", rows=10), make.artifact("model", "m", "model", auc=0.75)),
        outputs=(make.artifact("evaluation", "v", "evaluation"), make.artifact("model_blessing", "b", "blessing")),
    )
    assert set(ExecutionRecord.model_fields) - {n for n in ExecutionRecord.model_fields if getattr(full, n)} == {"id"}
    (stored,) = store.record([full])
    assert without_numbers(stored) == full
    assert stored.id is not None
    assert all(a.id is not None for a in (*stored.inputs, *stored.outputs))
    assert store.run(full.run_id).executions == (stored,)


def test_what_is_empty_stays_empty(store: LineageStore, make: Any) -> None:
    bare = ExecutionRecord(
        run_id=f"{make.pipeline}/r",
        pipeline=make.pipeline,
        task="t",
        component="c",
        state=State.RUNNING,
        started=datetime(2026, 1, 1, tzinfo=UTC),
    )
    zero = bare.model_copy(update={"task": "u", "rows": 0, "seconds": 0.0, "peak_memory_bytes": 0})
    stored = store.record([bare, zero])
    assert [without_numbers(e) for e in stored] == [bare, zero]
    assert store.run(bare.run_id).executions == tuple(stored)
    assert store.run(bare.run_id).executions[1].rows == 0


@pytest.mark.parametrize(
    "value",
    [0, -1, 2**31 - 1, 2**31, -(2**63), 2**70, 0.5, 0.1 + 0.2, 1e-7, 1e300, -1e300, 1.0, "", "1", ODD, "x" * 5000],
    ids=lambda value: repr(value)[:12],
)
def test_metadata_keeps_value_and_type(store: LineageStore, make: Any, value: str | float) -> None:
    metadata = {"plain": value, "With Upper Case": value, "penstock.kind": value, ODD: value, "k" * 300: value}
    artifact = make.artifact("schema", repr(value)[:30], "schema", **metadata)
    (stored,) = store.record([make.execution("r", "t", outputs=(artifact,))])
    (read,) = store.run(stored.run_id).executions
    assert read.outputs[0].metadata == metadata
    assert {type(v) for v in read.outputs[0].metadata.values()} == {type(value)}


def test_metadata_that_is_no_number_is_kept(store: LineageStore, make: Any) -> None:
    artifact = make.artifact("schema", "s", "schema", nan=float("nan"), inf=float("inf"))
    store.record([make.execution("r", "t", outputs=(artifact,))])
    metadata = store.run(f"{make.pipeline}/r").executions[0].outputs[0].metadata
    assert str(metadata) == "{'nan': nan, 'inf': inf}"


def test_long_values_are_not_cut(store: LineageStore, make: Any) -> None:
    reasons = tuple(make.decision.reasons[0].model_copy(update={"subject": f"slice {i}"}) for i in range(3000))
    decision = make.decision.model_copy(update={"reasons": reasons})
    parameters = {"text": ODD * 10_000}
    execution = make.execution("r", "t", decision=decision, parameters=parameters)
    store.record([execution])
    assert without_numbers(store.run(execution.run_id).executions[0]) == execution


def test_what_is_too_long_is_refused_by_name_and_nothing_is_written(store: LineageStore, make: Any) -> None:
    with pytest.raises(BadInput, match=r"task t of run .* 5,\d{3},\d{3} bytes .* 'parameters'"):
        store.record([make.execution("r", "t", parameters={"text": "x" * 5_000_000})])
    with pytest.raises(UnknownRun):
        store.run(f"{make.pipeline}/r")


def test_names_that_differ_only_in_case_are_different(store: LineageStore, make: Any) -> None:
    for pipeline in (make.pipeline, make.pipeline.upper(), make.pipeline + " ", make.pipeline + ODD * 20):
        run = make.run("r").model_copy(update={"run_id": f"{pipeline}/r", "pipeline": pipeline})
        store.start_run(run)
        execution = make.execution("r", "t").model_copy(update={"run_id": run.run_id, "pipeline": pipeline})
        store.record([execution])
        assert store.runs(pipeline) == [run]
        read = store.run(run.run_id)
        assert [without_numbers(e) for e in read.executions] == [execution]


def test_start_then_finish(store: LineageStore, make: Any) -> None:
    store.start_run(make.run("r"))
    model = make.artifact("model", "m", "model")
    running = make.execution("r", "train", state=State.RUNNING, ended=None, seconds=None, inputs=(model,))
    number = store.start(running)
    (seen,) = store.run(running.run_id).executions
    assert without_numbers(seen) == running
    evaluation = make.artifact("evaluation", "v", "evaluation", auc=0.7312345678)
    done = running.model_copy(
        update={"id": number, "state": State.COMPLETE, "ended": running.started, "outputs": (evaluation,)}
    )
    finished = store.finish(done)
    assert finished.id == number
    assert store.run(running.run_id).executions == (finished,)
    assert without_numbers(finished) == without_numbers(done)


def test_every_write_may_be_repeated(store: LineageStore, make: Any) -> None:
    execution = make.execution(
        "r", "t", inputs=(make.artifact("model", "m", "model"),), outputs=(make.artifact("schema", "s", "schema"),)
    )
    store.start_run(make.run("r"))
    store.start_run(make.run("r"))
    first = store.start(execution.model_copy(update={"state": State.RUNNING, "outputs": ()}))
    again = store.start(execution.model_copy(update={"state": State.RUNNING, "outputs": ()}))
    assert first == again
    finished = [store.finish(execution), store.finish(execution), *store.record([execution])]
    assert finished[0] == finished[1] == finished[2]
    assert store.run(execution.run_id).executions == (finished[0],)
    assert len(store.runs(make.pipeline)) == 1


def test_attempts_are_kept_apart(store: LineageStore, make: Any) -> None:
    tries = [make.execution("r", "t", attempt=n, state=s) for n, s in ((1, State.FAILED), (2, State.COMPLETE))]
    store.record(tries)
    assert [e.state for e in store.run(tries[0].run_id).executions] == [State.FAILED, State.COMPLETE]


def test_one_artifact_under_two_names(store: LineageStore, make: Any) -> None:
    model = make.artifact("model", "m")
    other = make.artifact("schema", "s", "middle")
    sides = (model.model_copy(update={"name": "model"}), other, model.model_copy(update={"name": "baseline"}))
    (stored,) = store.record([make.execution("r", "t", inputs=sides, outputs=sides)])
    (read,) = store.run(stored.run_id).executions
    assert [a.name for a in read.inputs] == [a.name for a in read.outputs] == ["model", "middle", "baseline"]
    assert read.inputs[0].id == read.inputs[2].id != read.inputs[1].id


def test_the_same_content_at_the_same_address_is_one_artifact(store: LineageStore, make: Any) -> None:
    model = make.artifact("model", "m", "model", auc=0.5)
    (made,) = store.record([make.execution("1", "train", outputs=(model,))])
    cached = make.execution("2", "train", state=State.CACHED, cached_from=made.id, outputs=(model,))
    elsewhere = model.model_copy(update={"uri": model.uri + "/copy"})
    again, moved = store.record([cached, make.execution("3", "train", outputs=(elsewhere,))])
    assert again.outputs[0].id == made.outputs[0].id != moved.outputs[0].id


def test_an_input_does_not_change_what_its_maker_said(store: LineageStore, make: Any) -> None:
    model = make.artifact("model", "m", "model", auc=0.5)
    store.record([make.execution("1", "train", outputs=(model,))])
    poorer = model.model_copy(update={"metadata": {}})
    store.record([make.execution("1", "evaluate", inputs=(poorer,))])
    assert store.artifact(model.uri).metadata == {"auc": 0.5}
    richer = model.model_copy(update={"metadata": {"auc": 0.5, "loss": 0.25}})
    store.record([make.execution("2", "train", outputs=(richer,))])
    assert store.artifact(model.uri).metadata == {"auc": 0.5, "loss": 0.25}


def test_executions_come_in_the_order_in_which_they_started(store: LineageStore, make: Any) -> None:
    begin = make.run("r").started
    late, early = (make.execution("r", t, started=begin + timedelta(seconds=s)) for t, s in (("b", 2), ("a", 1)))
    returned = store.record([late, early])
    assert [e.task for e in returned] == ["b", "a"]
    assert [e.task for e in store.run(late.run_id).executions] == ["a", "b"]


def test_one_call_may_record_several_runs(store: LineageStore, make: Any) -> None:
    mixed = [make.execution("1", "a"), make.execution("2", "a"), make.execution("1", "b")]
    stored = store.record(mixed)
    assert [without_numbers(e) for e in stored] == mixed
    assert [e.task for e in store.run(mixed[0].run_id).executions] == ["a", "b"]
    assert store.record([]) == []


def test_what_was_abandoned_is_closed_and_what_lives_is_left(store: LineageStore, make: Any) -> None:
    dead, live = make.run("dead"), make.run("live")
    for run in (dead, live):
        store.start_run(run)
        name = run.run_id.rsplit("/", 1)[1]
        store.record([make.execution(name, "done"), make.execution(name, "late", state=State.RUNNING, ended=None)])
    closed = store.close_abandoned(lambda run_id: run_id != dead.run_id)
    assert closed == [dead.run_id]
    done, late = store.run(dead.run_id).executions
    assert (done.state, late.state) == (State.COMPLETE, State.FAILED)
    assert "ended without saying how" in late.error
    assert late.ended is not None
    assert late.ended > late.started
    assert (late.parameters, late.cache_key, late.code_digest) == (
        done.parameters,
        make.digest("key late"),
        make.digest("code late"),
    )
    closed_run = store.run(dead.run_id)
    assert closed_run.state is State.FAILED
    assert closed_run.ended is not None
    assert store.run(live.run_id).state is State.RUNNING
    assert store.close_abandoned(lambda run_id: run_id != dead.run_id) == []
    store.close_abandoned(lambda _: False)


def test_what_ends_while_it_is_asked_after_keeps_its_end(store: LineageStore, make: Any) -> None:
    run = make.run("slow")
    store.start_run(run)
    (late,) = store.record([make.execution("slow", "late", state=State.RUNNING, ended=None)])

    def ends_now(run_id: str) -> bool:
        if run_id == run.run_id:
            store.finish(late.model_copy(update={"state": State.COMPLETE, "ended": late.started}))
            store.finish_run(run.model_copy(update={"state": State.COMPLETE, "ended": late.started}))
        return run_id != run.run_id

    assert store.close_abandoned(ends_now) == []
    found = store.run(run.run_id)
    assert (found.state, found.executions[0].state) == (State.COMPLETE, State.COMPLETE)


def test_a_store_opened_again_has_everything(store: LineageStore, make: Any, url: str) -> None:
    (stored,) = store.record([make.execution("r", "t", outputs=(make.artifact("model", "m", "model"),))])
    assert open_store(url).run(stored.run_id).executions == (stored,)

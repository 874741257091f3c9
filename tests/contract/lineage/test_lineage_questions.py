"""What every lineage store answers, on every backend: what there is, what it was made from, what was blessed last."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.lineage.errors import UnknownArtifact, UnknownRun
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ExecutionRecord, State
from penstock.sdk import BadInput
from tests.contract.lineage.odd import ODD


def test_runs_are_listed_newest_first_and_in_pages(store: LineageStore, make: Any) -> None:
    for number in range(7):
        store.start_run(make.run(str(number)))
    names = [f"{make.pipeline}/{n}" for n in (6, 5, 4, 3, 2, 1, 0)]
    assert [r.run_id for r in store.runs(make.pipeline)] == names
    assert [r.run_id for r in store.runs(make.pipeline, limit=3)] == names[:3]
    assert [r.run_id for r in store.runs(make.pipeline, limit=3, offset=5)] == names[5:]
    assert [r.run_id for r in store.runs(limit=2)] == names[:2]
    assert store.runs(make.pipeline, limit=0) == store.runs(make.pipeline, offset=7) == []
    assert store.runs("nobody knows this pipeline") == []


def test_an_unknown_run_is_answered_with_the_nearest(store: LineageStore, make: Any) -> None:
    store.start_run(make.run("2026-03-01"))
    with pytest.raises(UnknownRun, match=r"Did you mean '.*2026-03-01'\?"):
        store.run(f"{make.pipeline}/2026-03-02")
    assert issubclass(UnknownRun, BadInput)


def test_an_artifact_is_found_by_digest_prefix_address_and_number(store: LineageStore, make: Any) -> None:
    odd = make.artifact("model", "m", "model").model_copy(update={"uri": f"/{make.pipeline}/{ODD}" + "u" * 3000})
    (stored,) = store.record([make.execution("r", "t", outputs=(odd,))])
    wanted = stored.outputs[0].model_copy(update={"name": ""})
    hex_digits = odd.digest.removeprefix("sha256:")
    for reference in (odd.digest, hex_digits, hex_digits[:12], f"sha256:{hex_digits[:12]}", odd.uri, str(wanted.id)):
        assert store.artifact(reference) == wanted


def test_an_artifact_reference_that_fits_none_or_several_is_refused(store: LineageStore, make: Any) -> None:
    one, two = (
        make.artifact("schema", c).model_copy(update={"digest": f"sha256:{make.digest('x')[7:40]}{c * 31}"})
        for c in "ab"
    )
    store.record([make.execution("r", "t", outputs=(one, two))])
    shared = one.digest[:30]
    with pytest.raises(UnknownArtifact, match="fits 2 artifacts"):
        store.artifact(shared)
    assert store.artifact(one.digest[:41]).uri == one.uri
    with pytest.raises(UnknownArtifact, match="Did you mean"):
        store.artifact(one.uri + "x")
    for nothing in ("sha256:" + "0" * 64, "999999999", "", "' OR 1=1 --", "%", "ffffff%"):
        with pytest.raises(UnknownArtifact):
            store.artifact(nothing)


def test_producers_and_consumers_go_by_content(store: LineageStore, make: Any) -> None:
    model = make.artifact("model", "m", "model")
    elsewhere = model.model_copy(update={"uri": model.uri + "/copy"})
    made, cached, copied = store.record(
        [
            make.execution("1", "train", outputs=(model,)),
            make.execution("2", "train", outputs=(model,), state=State.CACHED),
            make.execution("3", "train", outputs=(elsewhere,)),
        ]
    )
    took, took_again, took_copy = store.record(
        [
            make.execution("1", "evaluate", inputs=(model,)),
            make.execution("2", "evaluate", inputs=(model,), state=State.CACHED),
            make.execution("3", "evaluate", inputs=(elsewhere,)),
        ]
    )
    assert store.producers(elsewhere) == [made, copied]
    assert store.consumers(model) == [took, took_again, took_copy]
    assert store.consumers(model, cached=False) == [took, took_copy]
    only_cached = make.artifact("schema", "s", "schema")
    (kept,) = store.record([make.execution("4", "t", outputs=(only_cached,), state=State.CACHED)])
    assert store.producers(only_cached) == [kept]
    assert cached not in store.producers(model)
    assert store.producers(make.artifact("model", "never made")) == []


def test_the_last_blessed_model(store: LineageStore, make: Any) -> None:
    assert store.last_blessed(make.pipeline) is None
    store.record([make.evaluation("1", "bad", verdict="Failed")])
    store.record([make.evaluation("2", "broken", state=State.FAILED)])
    assert store.last_blessed(make.pipeline) is None

    store.record([make.evaluation("3", "old")])
    store.record([make.evaluation("4", "new")])
    store.record([make.evaluation("5", "unsure", verdict="Inconclusive")])
    found = store.last_blessed(make.pipeline)
    assert found is not None
    assert (found.kind, found.digest, found.name) == ("model", make.digest("new"), "")
    assert found.id is not None
    other = store.last_blessed(make.pipeline, other_than=make.digest("new"))
    assert other is not None
    assert other.digest == make.digest("old")

    store.record([make.evaluation("6", "old", state=State.CACHED)])
    again = store.last_blessed(make.pipeline)
    assert again is not None
    assert again.digest == make.digest("old")
    assert store.last_blessed(make.pipeline + "x") is None


def test_the_last_blessed_is_the_one_whose_blessing_was_recorded_last(store: LineageStore, make: Any) -> None:
    slow = make.evaluation("slow", "slow", state=State.RUNNING)
    store.start(slow.model_copy(update={"outputs": ()}))
    store.record([make.evaluation("quick", "quick")])
    quick = store.last_blessed(make.pipeline)
    assert quick is not None
    assert quick.digest == make.digest("quick")
    store.finish(slow.model_copy(update={"state": State.COMPLETE}))
    found = store.last_blessed(make.pipeline)
    assert found is not None
    assert found.digest == make.digest("slow")


def test_a_model_blessed_many_times_again_does_not_hide_the_one_before(store: LineageStore, make: Any) -> None:
    store.record([make.evaluation("0", "old")])
    store.record([make.evaluation(str(n), "new", state=State.CACHED) for n in range(1, 60)])
    found = store.last_blessed(make.pipeline, other_than=make.digest("new"))
    assert found is not None
    assert found.digest == make.digest("old")


def test_a_blessing_must_speak_of_the_model_that_was_given(store: LineageStore, make: Any) -> None:
    right = make.evaluation("1", "m")
    blessing = right.outputs[0].model_copy(
        update={"metadata": {"verdict": "Successful", "model_digest": make.digest("another")}}
    )
    store.record([right.model_copy(update={"outputs": (blessing,)})])
    assert store.last_blessed(make.pipeline) is None


def test_the_previous_artifact_of_a_kind(store: LineageStore, make: Any) -> None:
    def statistics(run: str, examples: str, **fields: Any) -> ExecutionRecord:
        made = make.artifact("statistics", f"of {examples}", "statistics", examples_digest=make.digest(examples))
        return make.execution(run, "validate", outputs=(made, make.artifact("schema", "s", "schema")), **fields)

    def previous(examples: str) -> str | None:
        found = store.previous(make.pipeline, "statistics", unless=("examples_digest", make.digest(examples)))
        return found.digest if found else None

    assert previous("march") is None
    store.record([statistics("1", "january")])
    store.record([statistics("2", "february")])
    assert previous("march") == make.digest("of february")
    assert previous("february") == make.digest("of january")
    store.record([statistics(str(n), "february", state=State.CACHED) for n in range(3, 50)])
    assert previous("february") == make.digest("of january")
    store.record([statistics("50", "january", state=State.CACHED)])
    assert previous("march") == make.digest("of january")
    store.record([statistics("51", "april", state=State.FAILED)])
    assert previous("march") == make.digest("of january")
    [refused] = statistics("52", "may").outputs[:1]
    refused = refused.model_copy(update={"metadata": {**refused.metadata, "verdict": "Failed"}})
    store.record([make.execution("52", "validate", outputs=(refused,))])
    assert previous("march") == make.digest("of january")
    unmarked = store.previous(make.pipeline, "statistics", unless=("nothing' like this", "x"))
    assert unmarked is not None
    assert store.previous(make.pipeline, "examples", unless=("a", "b")) is None


def test_finished_work_is_found_by_its_key(store: LineageStore, make: Any) -> None:
    key = make.digest("work")

    def work(run: str, state: State = State.COMPLETE) -> ExecutionRecord:
        return make.execution(run, "train", state=state, cache_key=key, outputs=(make.artifact("model", run, "model"),))

    assert store.finished(key, limit=5) == []
    first, _, cached, _ = store.record(
        [work("1"), work("2", State.FAILED), work("3", State.CACHED), make.execution("4", "train")]
    )
    assert store.finished(key, limit=5) == [cached, first]
    assert store.finished(key, limit=1) == [cached]
    assert store.finished("no key' OR 1 = 1", limit=5) == []


def test_works_of_one_task_are_told_apart_by_their_place(store: LineageStore, make: Any) -> None:
    one, two = (make.execution("loop", "train", place=place, pod=f"pod-{place}") for place in ("aa", "bb"))
    numbers = {store.start(one), store.start(two), store.start(one)}
    assert len(numbers) == 2
    assert [(e.place, e.pod) for e in store.run(one.run_id).executions] == [("aa", "pod-aa"), ("bb", "pod-bb")]

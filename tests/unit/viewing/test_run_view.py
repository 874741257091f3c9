"""A run in a real lineage, as a view: tasks in their order, what their files say, where it came from."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.artifacts import Artifact
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State
from penstock.viewing.comparison_view import comparison_view
from penstock.viewing.run_view import report_page, run_view
from tests.unit.reporting.report_samples import HOSTILE, PROVEN, REFUSED, write_artifacts

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MADE_BY = {
    "ingest": ("raw",),
    "validate": ("statistics", "anomalies"),
    "train": ("model", "tuning"),
    "evaluate": ("evaluation", "blessing"),
}
TAKEN_BY = {"validate": ("raw",), "train": ("statistics",), "evaluate": ("model", "statistics")}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Artifact]:
    return write_artifacts(tmp_path / "files")


def record(name: str, files: dict[str, Artifact], run_id: str) -> ArtifactRecord:
    if name == "raw":
        listed = json.dumps([{"name": "flights.csv", "sha256": "0"}])
        return ArtifactRecord(
            kind="raw_data", uri=f"/gone/{run_id}", digest="sha256:00", name=name, metadata={"sources": listed}
        )
    artifact = files[name]
    digest = "sha256:" + f"{name.encode().hex():0<64}"[:64]
    return ArtifactRecord(kind=artifact.kind, uri=str(artifact.path), digest=digest, name=name)


@pytest.fixture
def store(tmp_path: Path) -> LineageStore:
    return open_store(f"sqlite:///{tmp_path}/lineage.sqlite")


def run_of(
    store: LineageStore,
    files: dict[str, Artifact],
    run_id: str = "flights-1",
    *,
    began: datetime = BEGAN,
    epochs: int = 2,
) -> RunRecord:
    """Four tasks, one after the other, each 10 s after the one before and 5 s long; validate was cached."""
    run = RunRecord(
        run_id=run_id,
        pipeline="flights",
        pipeline_digest="sha256:aa",
        penstock_version="0.1.0",
        state=State.RUNNING,
        started=began,
        parameters={"train_epochs": epochs},
        user="ada",
        host="engine",
    )
    store.start_run(run)
    for place, (task, outputs) in enumerate(MADE_BY.items()):
        started = began + timedelta(seconds=10 * place)
        execution = ExecutionRecord(
            run_id=run_id,
            pipeline="flights",
            task=task,
            component=f"{task}r",
            state=State.RUNNING,
            started=started,
            parameters={"epochs": epochs} if task == "train" else {},
            inputs=tuple(record(name, files, run_id) for name in TAKEN_BY.get(task, ())),
            code_digest="sha256:c0de",
        )
        number = store.start(execution)
        ended = {
            "id": number,
            "state": State.CACHED if task == "validate" else State.COMPLETE,
            "ended": started + timedelta(seconds=5),
            "seconds": 5.0,
            "outputs": tuple(record(name, files, run_id) for name in outputs),
            "decision": {"validate": PROVEN, "evaluate": REFUSED}.get(task),
        }
        store.finish(execution.model_copy(update=ended))
    ended_run = {"state": State.COMPLETE, "ended": began + timedelta(seconds=40), "exit_code": 3}
    store.finish_run(run.model_copy(update=ended_run))
    return store.run(run_id)


def test_tasks_in_their_order_with_their_times(store: LineageStore, files: dict[str, Artifact]) -> None:
    view = run_view(run_of(store, files), store)
    assert [(t.name, t.state, t.started_after, t.seconds) for t in view.tasks] == [
        ("ingest", "complete", 0.0, 5.0),
        ("validate", "cached", None, 5.0),
        ("train", "complete", 20.0, 5.0),
        ("evaluate", "complete", 30.0, 5.0),
    ]
    assert (view.run_id, view.state, view.exit_code, view.seconds) == ("flights-1", "complete", 3, 40.0)
    assert view.parameters == {"train_epochs": 2}


def test_what_came_from_whom(store: LineageStore, files: dict[str, Artifact]) -> None:
    view = run_view(run_of(store, files), store)
    assert {t.name: t.after for t in view.tasks} == {
        "ingest": (),
        "validate": ("ingest",),
        "train": ("validate",),
        "evaluate": ("train", "validate"),
    }
    assert view.sources == ("flights.csv (sha256:0)",)


def test_what_the_files_say(store: LineageStore, files: dict[str, Artifact]) -> None:
    found = run_view(run_of(store, files), store).findings
    assert [name for name, _ in found.gates] == ["validate", "evaluate"]
    assert dict(found.gates)["evaluate"] == REFUSED
    assert [(d.task, len(d.features)) for d in found.data] == [("validate", 2)]
    assert [t.task for t in found.training] == ["train"]
    assert [t.task for t in found.tuning] == ["train"]
    assert [e.judged_split for e in found.evaluations] == ["eval"]
    # the raw files were never written; they hold nothing that is shown, but that they are gone is told
    assert found.problems == ("ingest: its outputs are not at /gone any more",)


def test_files_that_were_removed_are_told_and_the_rest_is_there(
    store: LineageStore, files: dict[str, Artifact]
) -> None:
    run = run_of(store, files)
    shutil.rmtree(files["evaluation"].path)
    shutil.rmtree(files["blessing"].path)
    view = run_view(run, store)
    assert any(p.startswith("evaluate: its outputs are not at") for p in view.findings.problems)
    assert dict(view.findings.gates)["evaluate"] == REFUSED  # the lineage knows it
    page = report_page(store, run)
    assert "auc of carrier=HA is 0.4; asked: 0.5" in page
    assert '<section id="training"' in page
    assert '<section id="slices"' not in page


def test_the_baseline_and_the_run_that_made_it(store: LineageStore, files: dict[str, Artifact]) -> None:
    run_of(store, files)
    later = run_of(store, files, "flights-2", began=BEGAN + timedelta(hours=1))
    model = record("model", files, "flights-1")
    judged = [
        e.model_copy(update={"baseline_digest": model.digest}) if e.task == "evaluate" else e for e in later.executions
    ]
    view = run_view(later.model_copy(update={"executions": tuple(judged)}), store)
    assert [(b.digest, b.run_id) for b in view.baselines] == [(model.digest, "flights-1")]
    without = run_view(later.model_copy(update={"executions": tuple(judged)}))
    assert [(b.digest, b.run_id) for b in without.baselines] == [(model.digest, "")]


def test_of_several_attempts_the_last_counts(store: LineageStore, files: dict[str, Artifact]) -> None:
    run = run_of(store, files)
    failed = run.executions[2].model_copy(update={"state": State.FAILED, "error": "out of memory", "outputs": ()})
    again = run.model_copy(update={"executions": (*run.executions[:2], failed, *run.executions[2:])})
    assert [t.state for t in run_view(again).tasks if t.name == "train"] == ["complete"]


def test_what_was_skipped_stands_behind_what_stopped_the_run(store: LineageStore, files: dict[str, Artifact]) -> None:
    run = run_of(store, files)
    push = run.executions[3].model_copy(
        update={"task": "push", "state": State.SKIPPED, "inputs": (), "outputs": (), "decision": None, "id": None}
    )
    view = run_view(run.model_copy(update={"executions": (*run.executions, push)}))
    assert view.tasks[-1].after == ("evaluate",)  # the gate that said no


def test_why_it_failed_is_told_at_the_top(store: LineageStore, files: dict[str, Artifact]) -> None:
    run = run_of(store, files)
    failed = run.executions[3].model_copy(update={"state": State.FAILED, "error": "out of <memory>", "decision": None})
    page = report_page(store, run.model_copy(update={"executions": (*run.executions[:3], failed)}))
    assert page.index("evaluate failed.</strong> out of &lt;memory&gt;") < page.index('<section id="verdicts"')


def test_a_run_that_failed_at_once(store: LineageStore) -> None:
    run = RunRecord(
        run_id="r",
        pipeline="p",
        pipeline_digest="sha256:aa",
        penstock_version="0.1.0",
        state=State.FAILED,
        started=BEGAN,
    )
    store.start_run(run)
    page = report_page(store, store.run("r"))
    assert "<h1>p</h1>" in page
    assert page.count("<section ") == 0


def test_two_runs_side_by_side(store: LineageStore, files: dict[str, Artifact]) -> None:
    first = run_of(store, files)
    second = run_of(store, files, "flights-2", began=BEGAN + timedelta(hours=1), epochs=3)
    view = comparison_view(store, first, second)
    differing = [(row.name, row.values) for row in view.aspects["parameter"] if row.differs]
    assert ("train.epochs", (2, 3)) in differing
    assert not any(row.differs for row in view.aspects["verdict"])
    assert (view.first.run_id, view.second.run_id) == ("flights-1", "flights-2")


def test_the_page_of_a_hostile_run_is_text(store: LineageStore, files: dict[str, Artifact]) -> None:
    assert HOSTILE not in report_page(store, run_of(store, files))

"""Lists of many runs, and the ways to name one, on every backend."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.lineage.errors import UnknownArtifact, UnknownRun
from penstock.lineage.listing import RunFilter, RunIndex
from penstock.lineage.mlmd import queries
from penstock.lineage.port import LineageStore
from penstock.lineage.records import State


def started(store: LineageStore, make: Any, count: int, **fields: Any) -> list[str]:
    """Record runs a minute apart; returns their ids, newest first."""
    first = make.run("")
    for number in range(count):
        run = make.run(f"{number:02d}", started=first.started + timedelta(minutes=number), **fields)
        store.start_run(run)
    return [f"{make.pipeline}/{number:02d}" for number in reversed(range(count))]


def ids(runs: Any) -> list[str]:
    return [run.run_id for run in runs]


def test_runs_are_found_by_state_text_and_time(store: LineageStore, make: Any) -> None:
    names = started(store, make, 5)
    done = store.run(names[0]).model_copy(update={"state": State.FAILED, "parameters": {"train.epochs": 7}})
    store.finish_run(done)
    of = {"pipeline": make.pipeline}
    assert ids(store.runs(where=RunFilter(**of))) == names
    assert ids(store.runs(where=RunFilter(**of, states=(State.FAILED,)))) == names[:1]
    assert ids(store.runs(where=RunFilter(**of, states=(State.FAILED, State.RUNNING)))) == names
    assert ids(store.runs(where=RunFilter(**of, text="EPOCHS=7"))) == names[:1]
    assert ids(store.runs(where=RunFilter(**of, text="epochs=2 /03"))) == names[1:2]
    assert ids(store.runs(where=RunFilter(**of, text="'; DROP TABLE Context; --"))) == []
    middle = store.run(names[2]).started
    assert ids(store.runs(where=RunFilter(**of, since=middle))) == names[:3]
    assert ids(store.runs(where=RunFilter(**of, until=middle))) == names[3:]
    assert ids(store.runs(where=RunFilter(**of, text="laptop"), limit=2, offset=1)) == names[1:3]


def test_lists_read_a_page_at_a_time(store: LineageStore, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_PAGE", 3)
    monkeypatch.setattr(queries, "_LEAST_PAGE", 2)
    names = started(store, make, 8)
    assert ids(store.runs(make.pipeline, limit=8)) == names
    assert ids(store.runs(make.pipeline, limit=2, offset=5)) == names[5:7]
    assert set(names) <= set(ids(store.runs_changed()[0]))


def test_what_has_changed_is_told_from_a_mark_on(
    store: LineageStore, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = started(store, make, 3)
    everything, early = store.runs_changed()
    assert set(names) <= set(ids(everything))
    assert set(names) <= set(ids(store.runs_changed(early)[0]))  # so shortly afterwards they may come again
    monkeypatch.setattr(queries, "_OVERLAP_MILLISECONDS", 0)
    time.sleep(0.01)
    _, mark = store.runs_changed()
    assert store.runs_changed(mark)[0] == []
    ended = store.run(names[1]).model_copy(update={"state": State.COMPLETE, "executions": ()})
    store.finish_run(ended)
    changed, later = store.runs_changed(mark)
    assert changed == [ended] and later >= mark > early


def test_an_index_follows_the_store(store: LineageStore, make: Any) -> None:
    names = started(store, make, 5)
    wanted = RunFilter(pipeline=make.pipeline)
    index = RunIndex(store, alive=lambda run_id: run_id != names[4])
    index.refresh()
    page = index.page(wanted, limit=2)
    assert (ids(page.runs), page.offset, page.total) == (names[:2], 0, 5)
    page = index.page(wanted, limit=2, offset=10**6)
    assert (ids(page.runs), page.offset) == (names[4:], 4)
    assert page.runs[0].state is State.FAILED  # it says running, and nobody runs it
    assert index.pipelines()[make.pipeline] == 5
    store.finish_run(store.run(names[0]).model_copy(update={"state": State.COMPLETE, "executions": ()}))
    store.start_run(make.run("99", started=make.run("").started + timedelta(days=1)))
    index.refresh()
    assert index.page(wanted, limit=1).total == 6
    assert ids(index.page(wanted.model_copy(update={"states": (State.COMPLETE,)})).runs) == names[:1]
    assert index.page(RunFilter(text="nobody writes this")).total == 0


def test_pipelines_are_known_by_name(store: LineageStore, make: Any) -> None:
    store.record([make.execution("r", "t")])
    assert make.pipeline in store.pipelines()


def test_a_run_is_found_by_the_beginning_of_its_id_or_as_the_latest(store: LineageStore, make: Any) -> None:
    for name in ("20260101T10-aa", "20260101T11-bb", "20260102T10-cc"):
        store.start_run(make.run(name))
    at = f"{make.pipeline}/"
    assert store.run("latest").run_id == f"{at}20260102T10-cc"
    assert store.run(f"{at}20260101T11").run_id == f"{at}20260101T11-bb"
    assert store.run(f"{at}20260102").run_id == f"{at}20260102T10-cc"
    with pytest.raises(UnknownRun, match=r"several runs begin with .*20260101T11-bb, .*20260101T10-aa. Give more"):
        store.run(f"{at}20260101")
    for unknown in (f"{at}20260101T12", f"{at}20260101t11", f"{at}%", "' OR '1'='1", ""):
        with pytest.raises(UnknownRun, match="no run"):
            store.run(unknown)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reference=st.text(st.characters(), max_size=40))
@example(reference="' OR 1=1 --")
@example(reference="%' OR name LIKE '%")
@example(reference="\\' UNION SELECT")
@example(reference="\0")
@example(reference="0" * 4000)
def test_whatever_is_asked_for_is_known_or_unknown(store: LineageStore, make: Any, reference: str) -> None:
    for question in (store.run, store.artifact):
        with contextlib.suppress(UnknownRun, UnknownArtifact):
            question(reference)
    assert store.runs(f"{make.pipeline}{reference}") == []
    assert store.runs(where=RunFilter(pipeline=make.pipeline, text=reference)) == []

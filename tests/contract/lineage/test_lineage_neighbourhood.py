"""What lies around an artifact: both ways, bounded, without circles, on every backend."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from penstock.lineage.errors import UnknownArtifact
from penstock.lineage.neighbourhood import Neighbourhood, neighbourhood
from penstock.lineage.port import LineageStore
from penstock.lineage.records import State


def names(around: Neighbourhood) -> set[tuple[str, str]]:
    """Edges by the content of artifacts and the names of tasks."""
    artifacts = {a.id: a.uri.rpartition("/")[2] for a in around.artifacts}
    tasks = {e.id: e.task for e in around.executions}
    made = {(tasks[e], artifacts[a]) for e, a in around.made}
    return made | {(artifacts[a], tasks[e]) for a, e in around.took}


def chain(store: LineageStore, make: Any, length: int) -> None:
    """0 -> step1 -> 1 -> step2 -> 2 ..."""
    for number in range(1, length + 1):
        given, made = make.artifact("examples", str(number - 1)), make.artifact("examples", str(number))
        later = make.execution("r", f"step{number}").started + timedelta(seconds=number)
        store.record([make.execution("r", f"step{number}", started=later, inputs=(given,), outputs=(made,))])


def test_both_ways_to_the_depth_that_is_asked(store: LineageStore, make: Any) -> None:
    chain(store, make, 6)
    around = neighbourhood(store, make.digest("3"), back=1, forward=2)
    assert names(around) == {
        ("2", "step3"), ("step3", "3"), ("3", "step4"), ("step4", "4"), ("4", "step5"), ("step5", "5"),
    }  # fmt: skip
    assert around.cut
    assert around.artifacts[0].id == around.centre
    whole = neighbourhood(store, make.digest("3"), back=9, forward=9)
    assert len(whole.executions) == 6 and not whole.cut


def test_all_inputs_of_the_maker_and_all_outputs_of_a_user_are_there(store: LineageStore, make: Any) -> None:
    data, schema = make.artifact("examples", "data"), make.artifact("schema", "schema")
    model, board = make.artifact("model", "model"), make.artifact("evaluation", "board")
    copy = make.artifact("examples", "copy")
    store.record(
        [
            make.execution("r", "train", inputs=(data, schema), outputs=(model, copy)),
            make.execution("r", "judge", inputs=(model, data), outputs=(board,)),
        ]
    )
    assert names(neighbourhood(store, make.digest("model"))) == {
        ("data", "train"), ("schema", "train"), ("train", "model"), ("model", "judge"), ("judge", "board"),
    }  # fmt: skip


def test_many_users_are_cut_and_cached_ones_passed_over(store: LineageStore, make: Any) -> None:
    data = make.artifact("examples", "data")
    for number in range(6):
        state = State.CACHED if number % 2 else State.COMPLETE
        store.record([make.execution(f"r{number}", f"use{number}", inputs=(data,), state=state)])
    everybody = neighbourhood(store, make.digest("data"))
    assert {e.task for e in everybody.executions} == {"use0", "use2", "use4"} and not everybody.cut
    some = neighbourhood(store, make.digest("data"), most=2)
    assert len(some.executions) == 2 and some.cut


def test_content_that_is_handed_on_unchanged_makes_no_circle(store: LineageStore, make: Any) -> None:
    same = make.artifact("examples", "same")
    store.record([make.execution("r", "look", inputs=(same,), outputs=(same,))])
    around = neighbourhood(store, make.digest("same"))
    assert len(names(around)) == 1
    assert [e.task for e in around.executions] == ["look"]


def test_something_that_nobody_knows(store: LineageStore, make: Any) -> None:
    with pytest.raises(UnknownArtifact, match="no artifact"):
        neighbourhood(store, make.digest("nobody made this"))

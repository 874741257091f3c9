"""The search on an objective that is known by heart: where its minimum lies, what it costs, when it breaks."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from components.tuner.journal import Journal
from components.tuner.search import search
from components.tuner.spec import TunerParams
from penstock.artifacts.tuning import Study
from penstock.sdk import BadInput, PenstockError

SPACE = {
    "learning_rate": {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "hidden_units": {"kind": "categorical", "choices": [[8], [32, 16]]},
}


class Valley:
    """A loss with its minimum of 0 at a learning rate of 0.01 and the wider network; falls over three epochs."""

    def __init__(self, *, shift: float = 0.0, fails: float = math.inf, dies_at: int = -1) -> None:
        self.made: list[dict[str, Any]] = []
        self.shift, self.fails, self.dies_at = shift, fails, dies_at

    def __call__(self, parameters, report):
        self.made.append(dict(parameters))
        if len(self.made) - 1 == self.dies_at:
            raise KeyboardInterrupt
        if parameters["learning_rate"] > self.fails:
            raise PenstockError("the loss did not fall")
        loss = (math.log10(parameters["learning_rate"]) + 2) ** 2 + (parameters["hidden_units"] == [8]) + self.shift
        losses = []
        for epoch in range(3):
            losses.append(loss + (2 - epoch) * 0.01)
            if report(epoch, losses[-1]):
                break
        return losses[-1], losses


class Clock:
    """Ten seconds pass at each look."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        self.time += 10.0
        return self.time


def params(**values: Any) -> TunerParams:
    return TunerParams.parse({"space": SPACE, "trials": 12, **values}, where="test")


def searched(folder: Path, objective: Valley, given: TunerParams, earlier: Study | None = None, now=lambda: 0.0):
    folder.mkdir(exist_ok=True)
    return search(given, objective, Journal(folder), earlier=earlier, told=lambda *_: None, now=now)


def test_finds_the_bottom_of_the_valley(tmp_path: Path) -> None:
    study = searched(tmp_path, Valley(), params(trials=30))
    assert study.stopped_by == "trials"
    assert len(study.trials) == 30
    assert study.best_parameters["hidden_units"] == [32, 16]
    assert 0.005 < study.best_parameters["learning_rate"] < 0.02
    best = study.trials[study.best]
    assert best.value == min(t.value for t in study.trials if t.state == "complete")
    assert study.space["learning_rate"] == {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True}


def test_begins_with_the_training_as_it_is(tmp_path: Path) -> None:
    objective = Valley()
    searched(tmp_path, objective, params(base={"learning_rate": 0.02, "hidden_units": [8]}))
    assert objective.made[0] == {"learning_rate": 0.02, "hidden_units": [8]}


def test_equal_seeds_give_equal_studies_and_others_do_not(tmp_path: Path) -> None:
    first = searched(tmp_path / "a", Valley(), params(seed=3))
    assert searched(tmp_path / "b", Valley(), params(seed=3)) == first
    assert searched(tmp_path / "c", Valley(), params(seed=4)) != first


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
def test_goes_on_after_a_crash_and_ends_as_if_nothing_had_happened(tmp_path: Path, pruner: str) -> None:
    given = params(pruner=pruner, trials=20, base={"epochs": 3})
    straight = searched(tmp_path / "straight", Valley(), given)
    broken = Valley(dies_at=11)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "broken", broken, given)
    after = Valley()
    assert searched(tmp_path / "broken", after, given) == straight
    done_before = len(broken.made) - 1
    distinct = {json.dumps(t.parameters) for t in straight.trials}
    assert len(after.made) <= 20 - done_before
    assert len(broken.made) - 1 + len(after.made) >= len(distinct)


def test_a_line_that_was_cut_off_is_a_trial_that_was_not_finished(tmp_path: Path) -> None:
    given = params(trials=6)
    straight = searched(tmp_path / "straight", Valley(), given)
    searched(tmp_path / "cut", Valley(), given)
    path = tmp_path / "cut" / "trials.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    again = Valley()
    assert searched(tmp_path / "cut", again, given) == straight
    assert len(again.made) <= 1


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_makes_large_what_is_the_better_the_larger(tmp_path: Path, pruner: str) -> None:
    class Hill(Valley):
        """An area under the curve that is 1 where the loss is 0."""

        def __call__(self, parameters, report):
            loss, losses = super().__call__(parameters, report)
            return 1 - loss / 10, losses

    given = params(objective="auc", trials=30, pruner=pruner, base={"epochs": 3})
    study = searched(tmp_path / "a", Hill(), given)
    assert (study.objective, study.direction) == ("auc", "maximize")
    complete = [trial.value for trial in study.trials if trial.state == "complete"]
    assert study.trials[study.best].value == max(complete) > 0.98
    pruned = [trial for trial in study.trials if trial.state == "pruned"]
    assert pruned
    assert all(loss > 0 for trial in pruned for loss in trial.losses)
    warm = searched(tmp_path / "b", Hill(), params(objective="auc", trials=3), earlier=study)
    assert study.best_parameters in [trial.parameters for trial in warm.trials if not trial.earlier]
    assert not any(t.earlier for t in searched(tmp_path / "c", Valley(), params(trials=2), earlier=study).trials)


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_gives_up_trials_that_do_badly(tmp_path: Path, pruner: str) -> None:
    study = searched(tmp_path, Valley(), params(pruner=pruner, trials=30, base={"epochs": 3}))
    pruned = [trial for trial in study.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.value is None and len(trial.losses) < 3 for trial in pruned)
    assert min(trial.losses[-1] for trial in pruned) > study.trials[study.best].value


def test_without_a_pruner_every_trial_comes_to_its_end(tmp_path: Path) -> None:
    study = searched(tmp_path, Valley(), params(pruner="none"))
    assert {trial.state for trial in study.trials} == {"complete"}
    assert all(len(trial.losses) == 3 for trial in study.trials)


def test_the_clock_ends_it_and_the_study_says_so(tmp_path: Path) -> None:
    objective = Valley()
    study = searched(tmp_path, objective, params(seconds=100, pruner="none"), now=Clock())
    assert study.stopped_by == "seconds"
    assert 1 <= len(study.trials) < 12
    assert study.best is not None


def test_the_first_trial_comes_to_its_end_however_little_time_there_is(tmp_path: Path) -> None:
    study = searched(tmp_path, Valley(), params(seconds=0.001), now=Clock())
    assert len(study.trials) == 1
    assert study.trials[0].state == "complete"


def test_time_spent_before_a_crash_counts(tmp_path: Path) -> None:
    given = params(seconds=200, pruner="none")
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, Valley(dies_at=2), given, now=Clock())
    before = json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[-1])["seconds"]
    assert before > 0
    whole = searched(tmp_path / "other", Valley(), given, now=Clock())
    assert len(searched(tmp_path, Valley(), given, now=Clock()).trials) <= len(whole.trials)


def test_a_trial_that_fails_is_one_trial_lost(tmp_path: Path) -> None:
    study = searched(tmp_path, Valley(fails=0.03), params(trials=20))
    assert {"failed", "complete"} <= {trial.state for trial in study.trials}
    assert study.best_parameters["learning_rate"] <= 0.03


def test_without_any_trial_there_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(PenstockError, match="none of 12 trials came to its end: the loss did not fall"):
        searched(tmp_path, Valley(fails=0.0), params())


def test_bad_data_is_told_and_not_taken_for_a_failed_trial(tmp_path: Path) -> None:
    def objective(*_: Any) -> Any:
        raise BadInput("the label is missing")

    with pytest.raises(BadInput, match="the label is missing"):
        searched(tmp_path, objective, params())


def test_the_same_parameters_are_not_trained_twice(tmp_path: Path) -> None:
    space = {"hidden_units": SPACE["hidden_units"], "learning_rate": {"kind": "categorical", "choices": [0.01, 0.1]}}
    objective = Valley()
    study = searched(tmp_path, objective, params(space=space, trials=15, pruner="none"))
    assert len(study.trials) == 15
    assert len(objective.made) == len({json.dumps(made) for made in objective.made}) <= 4


def test_begins_with_what_an_earlier_study_found(tmp_path: Path) -> None:
    first = searched(tmp_path / "first", Valley(), params(trials=15))
    objective = Valley(shift=5.0)
    study = searched(tmp_path / "second", objective, params(trials=6), earlier=first)
    taken = [trial for trial in study.trials if trial.earlier]
    assert [trial.parameters for trial in taken] == [t.parameters for t in first.trials if t.state == "complete"]
    assert [trial.number for trial in study.trials] == list(range(len(taken) + 6))
    assert first.best_parameters in objective.made[:2]
    # Other data, other level: the best is of this study all the same.
    assert study.best >= len(taken)
    assert study.trials[study.best].value >= 5.0
    # What was learnt is used: with four more tries it is no worse than the first search was.
    assert study.trials[study.best].value - 5.0 <= first.trials[first.best].value + 1e-9


def test_forgets_an_earlier_study_where_it_is_told_to(tmp_path: Path) -> None:
    first = searched(tmp_path / "first", Valley(), params(trials=5))
    cold = searched(tmp_path / "cold", Valley(), params(trials=5, seed=2))
    assert searched(tmp_path / "told", Valley(), params(trials=5, seed=2, warm_start=False), earlier=first) == cold

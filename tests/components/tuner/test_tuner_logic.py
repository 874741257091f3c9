"""What the tuner decides with values alone, on numbers worked out by hand."""

from typing import Any

import numpy as np
import pytest

from components.tuner import logic
from components.tuner.space import Choices, FloatRange, IntRange, default_space
from components.tuner.spec import TunerParams
from penstock.artifacts.tuning import Study, Trial
from penstock.sdk import BadInput, PenstockError
from penstock.training.settings import TrainingSettings

RATE = FloatRange(kind="float", low=0.001, high=0.1, log=True)
UNITS = Choices(kind="categorical", choices=((8,), (16, 8)))


def trial(number: int, value: float | None, state: str = "complete", **parameters: Any) -> Trial:
    return Trial(number=number, state=state, parameters=parameters, value=value, losses=(1.0,))


def study(*trials: Trial, objective: str = "loss") -> Study:
    return Study(
        objective=objective, direction="minimize", space={}, trials=trials, best=None, best_parameters={}, importance={}
    )


@pytest.mark.parametrize("how", ["random", "last", "folds"])
def test_every_row_is_either_learnt_from_or_measured_on(how: str) -> None:
    divisions = logic.held_out(101, how, fraction=0.2, folds=4, seed=7)
    for learnt, measured in divisions:
        assert sorted([*learnt, *measured]) == list(range(101))
        assert list(learnt) == sorted(learnt)
    if how == "folds":
        assert sorted(np.concatenate([measured for _, measured in divisions])) == list(range(101))
        assert [len(measured) for _, measured in divisions] == [26, 25, 25, 25]
    else:
        assert [len(measured) for _, measured in divisions] == [20]


def test_the_last_rows_are_the_last_and_random_ones_are_not() -> None:
    assert logic.held_out(10, "last", fraction=0.3, folds=2, seed=1)[0][1].tolist() == [7, 8, 9]
    a, b = (logic.held_out(1000, "random", fraction=0.3, folds=2, seed=seed)[0][1] for seed in (1, 2))
    assert a.mean() == pytest.approx(499.5, abs=60)
    assert a.tolist() != b.tolist()
    assert a.tolist() == logic.held_out(1000, "random", fraction=0.3, folds=2, seed=1)[0][1].tolist()


def test_at_least_a_row_is_on_either_side() -> None:
    assert [len(side) for side in logic.held_out(2, "random", fraction=0.01, folds=2, seed=1)[0]] == [1, 1]
    assert [len(side) for side in logic.held_out(3, "last", fraction=0.99, folds=2, seed=1)[0]] == [1, 2]
    with pytest.raises(PenstockError, match="1 training rows are too few"):
        logic.held_out(1, "random", fraction=0.5, folds=2, seed=1)
    with pytest.raises(PenstockError, match="At least 5 are needed"):
        logic.held_out(4, "folds", fraction=0.5, folds=5, seed=1)


def test_takes_over_only_trials_that_speak_of_this_search() -> None:
    space = {"learning_rate": RATE, "hidden_units": UNITS}
    earlier = study(
        trial(0, 0.5, learning_rate=0.01, hidden_units=[8]),
        trial(1, 0.4, learning_rate=0.5, hidden_units=[8]),  # outside
        trial(2, 0.3, learning_rate=0.01, hidden_units=[4]),  # no such choice
        trial(3, 0.2, learning_rate=0.01),  # another space
        trial(4, None, "pruned", learning_rate=0.01, hidden_units=[8]),
        trial(5, 0.1, learning_rate=0.1, hidden_units=[16, 8]),
    )
    taken = logic.taken_over(earlier, "loss", space)
    assert [(t.number, t.value, t.earlier, t.losses) for t in taken] == [(0, 0.5, True, ()), (1, 0.1, True, ())]
    assert logic.taken_over(earlier, "auc", space) == []
    assert logic.taken_over(None, "loss", space) == []


def test_takes_over_the_best_of_many() -> None:
    earlier = study(*(trial(n, 1.0 - n / 1000, learning_rate=0.01) for n in range(150)))
    taken = logic.taken_over(earlier, "loss", {"learning_rate": RATE})
    assert len(taken) == 100
    assert max(t.value for t in taken) == pytest.approx(0.95)


def test_tries_the_training_as_it_is_and_the_best_of_before_first() -> None:
    space = {"learning_rate": RATE, "hidden_units": UNITS}
    before = [trial(0, 0.5, learning_rate=0.02, hidden_units=[8]), trial(1, 0.4, learning_rate=0.03, hidden_units=[8])]
    base = {"learning_rate": 0.01, "hidden_units": (64, 32), "epochs": 3}
    assert logic.first_tries(base, before, space, "minimize") == [
        {"learning_rate": 0.01},
        {"learning_rate": 0.03, "hidden_units": [8]},
    ]
    assert logic.first_tries({**base, "learning_rate": 9.0}, [], space, "minimize") == []


def test_the_best_is_the_smallest_of_this_study() -> None:
    trials = [
        trial(0, 0.1).model_copy(update={"earlier": True}),
        trial(1, 0.5),
        trial(2, None, "pruned"),
        trial(3, 0.3),
        trial(4, 0.3),
    ]
    assert logic.best_of(trials, "minimize").number == 3
    assert logic.best_of(trials, "maximize").number == 1
    assert logic.best_of(trials[:1], "minimize") is None


def test_importance_by_hand() -> None:
    # Two groups of four with means 1 and 3: between 8, within 4 * 0.25 * 2 = 2, total 10;
    # less chance: (8 - 1 * 2 / 6) / 10.
    values = {8: [0.5, 0.5, 1.5, 1.5], 16: [2.5, 2.5, 3.5, 3.5]}
    units = Choices(kind="categorical", choices=(8, 16))
    trials = [trial(0, v, batch_size=size) for size, several in values.items() for v in several]
    assert logic.importance(trials, {"batch_size": units}) == {"batch_size": pytest.approx((8 - 2 / 6) / 10)}
    assert logic.importance(trials[:7], {"batch_size": units}) == {}


def test_importance_of_what_does_not_matter_is_small() -> None:
    random = np.random.default_rng(0)
    trials = [
        trial(n, float(rate**2), learning_rate=float(rate), l2=float(l2))
        for n, (rate, l2) in enumerate(random.random((60, 2)))
    ]
    unit = FloatRange(kind="float", low=0.0, high=1.0)
    found = logic.importance(trials, {"learning_rate": unit, "l2": unit})
    assert found["learning_rate"] > 0.8
    assert found["l2"] < 0.15


def test_fits() -> None:
    whole = IntRange(kind="int", low=1, high=4)
    assert [logic.fits(v, whole) for v in (1, 4, 2.5, 5, True, "2")] == [True, True, False, False, False, False]
    assert [logic.fits(v, RATE) for v in (0.001, 0.1, 1, None)] == [True, True, False, False]
    assert [logic.fits(v, UNITS) for v in ((8,), [16, 8], [8, 16])] == [True, True, False]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"task": "regression", "learning_rate": 0.5, "batch_size": 1, "dropout": 0.7, "l2": 0.02},
        {"task": "multiclass", "classes": ["a", "b", "c"], "batch_size": 32, "hidden_units": [7, 5]},
    ],
)
def test_the_usual_space_is_allowed_and_has_the_training_as_it_is_inside(given: dict[str, Any]) -> None:
    settings = TrainingSettings(**given)
    usual = default_space(settings)
    space = {name: dimension.model_dump() for name, dimension in usual.items()}
    assert set(space) == {"learning_rate", "batch_size", "l2", "hidden_units", "dropout"}
    TunerParams.parse({"base": given, "space": space}, where="test")
    (first,) = logic.first_tries(settings.model_dump(), [], usual, "minimize")
    assert first == {name: logic.plain(getattr(settings, name)) for name in space}


@pytest.mark.parametrize(
    "given", [{"hidden_units": ()}, {"architecture": "linear"}, {"model_fn": "def model_fn(): ..."}]
)
def test_without_hidden_layers_there_are_no_widths_to_search(given: dict[str, Any]) -> None:
    if "model_fn" in given:
        assert set(TunerParams(**given).searched) == {"learning_rate", "batch_size", "l2"}
    assert set(default_space(TrainingSettings(**given))) == {"learning_rate", "batch_size", "l2"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base": {"train_split": "eval"}}, "'base.train_split' is 'eval', a split that models are judged on"),
        ({"base": {"train_split": "test"}}, "is 'test', a split that models are judged on"),
        ({"base": {"train_split": "later", "eval_split": "later"}}, "is 'later', a split that models are judged on"),
        ({"space": {"learning_rat": {"kind": "float", "low": 0.1, "high": 1}}}, "did you mean 'learning_rate'"),
        ({"space": {"seed": {"kind": "int", "low": 1, "high": 9}}}, "seed is no matter of search"),
        ({"space": {"dropout": {"kind": "float", "low": 0.1, "high": 1.5}}}, "'space.dropout': dropout: input should"),
        ({"space": {"batch_size": {"kind": "float", "low": 0.5, "high": 9.5}}}, "'space.batch_size': batch_size"),
        ({"space": {"dropout": {"kind": "float", "low": 0.5, "high": 0.1}}}, "'low' must be below 'high'"),
        ({"space": {"l2": {"kind": "float", "low": 0, "high": 0.1, "log": True}}}, "'low' must be above 0"),
        ({"space": {"l2": {"kind": "flot", "low": 0, "high": 0.1}}}, "space.l2"),
        ({"space": {"l2": {"kind": "float", "low": 0, "hihg": 0.1}}}, "did you mean 'high'"),
        ({"model_fn": "def model_fn(): ...", "base": {"model_fn": "x"}}, "'model_fn' is also in 'base'"),
        ({"model_fn": "def model_fn(): ...", "base": {"members": 2}}, "leave 'base.members' at 1"),
        ({"objective": "mae"}, "'objective' of task 'binary' is one of loss, auc, accuracy, not mae"),
        (
            {"objective": "r2", "base": {"task": "multiclass", "classes": ["a", "b"]}},
            "is one of loss, accuracy, not r2",
        ),
        ({"trials": 0}, "trials: input should be greater than or equal to 1"),
    ],
)
def test_refuses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        TunerParams.parse(values, where="tune")

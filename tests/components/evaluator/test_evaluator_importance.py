"""Permutation importance against what it must be, and how often its intervals hold."""

import numpy as np
import pytest

from components.evaluator.importance import permutation_importance
from components.evaluator.spec import PermutationImportance
from components.evaluator.statistics import Rows
from components.evaluator.tasks import importance_metric
from penstock.artifacts.plots import Importance
from penstock.artifacts.task import Task

BINARY, REGRESSION = Task(kind="binary"), Task(kind="regression")
THREE = Task(kind="multiclass", classes=("a", "b", "c"))


def linear(columns) -> np.ndarray:
    """A model: 2 x + z; it does not look at `idle`."""
    return 2 * columns["x"] + columns["z"]


def regression(n_rows: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    random = np.random.default_rng(seed)
    columns = {name: random.normal(size=n_rows) for name in ("x", "z", "idle")}
    return columns | {"same": np.ones(n_rows)}, linear(columns) + 2 * random.normal(size=n_rows)


def importance(scorer, columns, label, task=REGRESSION, metric="skill", **more) -> dict[str, Importance]:
    rows = Rows(np.asarray(label, float), scorer(columns))
    settings = {"repeats": 5, "confidence": 0.95, "seed": 0, **more}
    found = permutation_importance(scorer, columns, rows, task, metric=metric, **settings)
    assert [one.drop for one in found] == sorted((one.drop for one in found), reverse=True)
    return {one.feature: one for one in found}


def test_a_linear_model_loses_twice_the_variance_that_a_feature_brings() -> None:
    found = importance(linear, *regression(4000, seed=1))
    # the label's variance is 4 + 1 + 4; a shuffled x costs 2 * 4, a shuffled z 2 * 1 of it
    assert found["x"].drop == pytest.approx(8 / 9, abs=0.06)
    assert found["z"].drop == pytest.approx(2 / 9, abs=0.04)
    assert list(found) == ["x", "z", "idle", "same"]
    for useless in ("idle", "same"):
        assert (found[useless].drop, found[useless].lower, found[useless].upper) == (0, 0, 0)


@pytest.mark.parametrize("n_rows", [60, 600])
def test_intervals_hold_as_often_as_they_say(n_rows: int) -> None:
    truth = {"x": 8 / 9, "z": 2 / 9}
    found = [importance(linear, *regression(n_rows, seed), seed=seed) for seed in range(200)]
    for name, value in truth.items():
        held = np.mean([one[name].lower <= value <= one[name].upper for one in found])
        assert held > 0.9
        width = np.mean([one[name].upper - one[name].lower for one in found])
        spread = np.std([one[name].drop for one in found])
        assert width < 2 * 1.96 * spread * 1.8  # honest, yet not so wide that it says nothing


def test_more_rows_make_narrower_intervals() -> None:
    few, many = (importance(linear, *regression(n, seed=5))["z"] for n in (200, 3200))
    assert many.upper - many.lower < (few.upper - few.lower) / 2.5


def test_duplicates_share_what_they_tell() -> None:
    random = np.random.default_rng(0)
    columns = {name: random.normal(size=2000) for name in ("x", "z")}
    label = linear(columns) + random.normal(size=2000)
    columns["copy"] = columns["x"].copy()

    def halves(given) -> np.ndarray:
        return given["x"] + given["copy"] + given["z"]

    alone, shared = importance(linear, columns, label), importance(halves, columns, label)
    assert shared["x"].drop < 0.4 * alone["x"].drop


def test_the_area_falls_to_what_a_blind_model_has() -> None:
    random = np.random.default_rng(4)
    columns = {"x": random.normal(size=3000), "text": np.array([b"late", b"on time"] * 1500, dtype=object)}
    label = (random.random(3000) < 1 / (1 + np.exp(-2 * columns["x"]))).astype(float)

    def scorer(given) -> np.ndarray:
        return 1 / (1 + np.exp(-2 * given["x"] - 0.0 * (given["text"] == b"late")))

    found = importance(scorer, columns, label, BINARY, "auc")
    own = scorer(columns)
    area = (own[label == 1][:, None] > own[label == 0]).mean()
    assert found["x"].drop == pytest.approx(area - 0.5, abs=0.02)
    assert found["x"].lower < area - 0.5 < found["x"].upper
    assert found["text"].drop == 0


def test_of_an_area_the_interval_holds_as_well() -> None:
    held = []
    for seed in range(150):
        random = np.random.default_rng(seed)
        columns = {"x": random.normal(size=250)}
        label = (random.random(250) < 1 / (1 + np.exp(2 - 2 * columns["x"]))).astype(float)
        one = importance(lambda given: given["x"], columns, label, BINARY, "auc", seed=seed)["x"]
        held.append(one.lower <= 0.345 <= one.upper)  # the area is 0.845 on a million rows
    assert np.mean(held) > 0.9


def test_several_classes_by_accuracy_and_by_loss() -> None:
    random = np.random.default_rng(6)
    label = random.integers(0, 3, 2000)
    columns = {"hint": label + 0.0, "noise": random.random(2000)}

    def scorer(given) -> np.ndarray:
        return 0.1 + 0.7 * np.eye(3)[given["hint"].astype(int)]

    accuracy = importance(scorer, columns, label, THREE, "accuracy")
    assert accuracy["hint"].drop == pytest.approx(2 / 3, abs=0.02)
    loss = importance(scorer, columns, label, THREE, "loss")
    assert loss["hint"].drop == pytest.approx(2 / 3 * np.log(8), abs=0.05)


def test_equal_seeds_and_other_features_change_nothing() -> None:
    columns, label = regression(500, seed=9)
    all_, again = importance(linear, columns, label), importance(linear, columns, label)
    fewer = importance(linear, {name: columns[name] for name in ("z", "x")}, label)
    assert all_ == again
    assert all_["x"] == fewer["x"]
    assert importance(linear, columns, label, seed=1)["x"] != all_["x"]


def test_a_wide_table_is_scored_in_batches_and_no_copy_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, label = regression(400, seed=2)
    seen: list[int] = []

    def counting(given) -> np.ndarray:
        seen.append(len(given["x"]))
        return linear(given)

    whole = importance(counting, columns, label)
    assert seen == [400, 15 * 400]  # the model's own scores, then three features shuffled five times
    monkeypatch.setattr("components.evaluator.importance._BATCH_ROWS", 900)
    seen.clear()
    assert importance(counting, columns, label) == whole
    assert seen == [400, *[800] * 7, 400]


def test_where_the_metric_is_undefined_nothing_is_said() -> None:
    columns, _ = regression(50, seed=0)
    assert importance(linear, columns, np.ones(50), BINARY, "auc") == {}
    assert importance(linear, columns, np.ones(50)) == {}


def test_a_feature_that_makes_scores_infinite_is_left_out() -> None:
    columns, label = regression(50, seed=0)
    columns["root"] = np.arange(50.0)
    columns["safe"] = columns["root"] + 1

    def fragile(given) -> np.ndarray:
        return linear(given) + np.where(given["root"] < given["safe"] + 10, 0, np.inf)

    assert set(importance(fragile, columns, label)) == {"x", "z", "idle", "same"}


@pytest.mark.parametrize(
    ("task", "asked", "taken"),
    [
        (BINARY, "by_task", "auc"),
        (THREE, "by_task", "skill"),
        (REGRESSION, "by_task", "skill"),
        (REGRESSION, "loss", "loss"),
        (REGRESSION, "auc", None),
        (REGRESSION, "accuracy", None),
        (THREE, "auc", None),
    ],
)
def test_the_metric_follows_the_task(task: Task, asked, taken) -> None:
    assert importance_metric(task, PermutationImportance(metric=asked)) == taken

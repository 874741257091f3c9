"""Slices and standard errors, held against closed forms."""

import math

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator.kernel import Kernel
from components.evaluator.measurement import Role, interval, significant, student_quantile
from components.evaluator.metric_specs import PlannedMetric
from components.evaluator.metrics import METRICS
from components.evaluator.plan import OVERALL, Slicing
from components.evaluator.resampling import _POISSON_TABLE, standard_errors
from components.evaluator.slices import cut, slice_name

METRIC_NAMES = ["ExampleCount", "AUC", "BinaryAccuracy", "MeanPrediction", "Recall"]
PLANNED = [PlannedMetric(METRICS[name].name, name, known=METRICS[name]) for name in METRIC_NAMES]


def kernel(label, scores, table=None, slicings=(OVERALL,)) -> Kernel:
    table = pa.table({"x": np.zeros(len(label))}) if table is None else table
    return Kernel(label, scores, [cut(table, slicing) for slicing in slicings], PLANNED)


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.3).astype(float)
    return label, np.clip(random.normal(0.4 + 0.15 * label, 0.15), 0.001, 0.999)


def test_rows_are_cut_by_values_and_crosses_and_missing_values_belong_nowhere() -> None:
    table = pa.table({"c": ["b", "a", None, "b", "a"], "n": [1, 1, 1, 2, None]})
    by_c = cut(table, Slicing(("c",)))
    assert [slice_name(key) for key in by_c.keys] == ["c=a", "c=b"]
    assert by_c.codes.tolist() == [1, 0, -1, 1, 0]
    cross = cut(table, Slicing(("c", "n")))
    assert cross.keys == ((("c", "a"), ("n", 1)), (("c", "b"), ("n", 1)), (("c", "b"), ("n", 2)))
    assert cross.codes.tolist() == [1, 0, -1, 2, -1]
    fixed = cut(table, Slicing(("n",), (("c", "b"),)))
    assert fixed.codes.tolist() == [0, -1, -1, 1, -1]
    assert cut(table, Slicing((), (("n", "7"),))).keys == ()


def test_slices_are_measured_as_if_they_were_alone() -> None:
    label, score = rows(900)
    groups = np.array(list("abc") * 300)
    table = pa.table({"g": groups})
    found = kernel(label, {Role.CANDIDATE: score}, table, (OVERALL, Slicing(("g",)))).evaluate(np.ones((900, 1)))
    for i, group in enumerate("abc"):
        mine = groups == group
        alone = kernel(label[mine], {Role.CANDIDATE: score[mine]}).evaluate(np.ones((300, 1)))
        assert found[Role.CANDIDATE][1 + i] == pytest.approx(alone[Role.CANDIDATE][0])


def test_the_weights_are_nearly_poisson() -> None:
    values, counts = np.arange(len(_POISSON_TABLE)), np.array(_POISSON_TABLE)
    assert counts.sum() == 256
    mean = (values * counts).sum() / 256
    variance = (values**2 * counts).sum() / 256 - mean**2
    assert math.sqrt(variance) / mean == pytest.approx(1, abs=0.003)


def test_standard_errors_agree_with_their_closed_forms() -> None:
    label, score = rows(4000)
    tested = kernel(label, {Role.CANDIDATE: score})
    values = tested.evaluate(np.ones((4000, 1)))[Role.CANDIDATE][0, :, 0]
    count, auc, accuracy, mean, recall = standard_errors(tested, 1000, seed=1)[Role.CANDIDATE][0]
    assert count == 0
    assert accuracy == pytest.approx(math.sqrt(values[2] * (1 - values[2]) / 4000), rel=0.08)
    assert mean == pytest.approx(score.std() / math.sqrt(4000), rel=0.08)
    assert recall == pytest.approx(math.sqrt(values[4] * (1 - values[4]) / label.sum()), rel=0.08)
    assert auc == pytest.approx(_delong(label, score), rel=0.08)


def _delong(label: np.ndarray, score: np.ndarray) -> float:
    """Standard error of the area under the ROC curve. Source: DeLong et al., Biometrics 44 (1988)."""
    positive, negative = score[label == 1], score[label == 0]
    wins = (positive[:, None] > negative).mean(axis=1), (positive[:, None] > negative).mean(axis=0)
    return math.sqrt(wins[0].var(ddof=1) / len(positive) + wins[1].var(ddof=1) / len(negative))


def test_models_are_resampled_as_a_pair() -> None:
    label, score = rows(2000)
    nearly = np.clip(score + np.random.default_rng(3).normal(0, 0.01, 2000), 0, 1)
    errors = standard_errors(kernel(label, {Role.CANDIDATE: nearly, Role.BASELINE: score}), 200, seed=0)
    assert errors[Role.DIFFERENCE][0, 1] < errors[Role.CANDIDATE][0, 1] / 5
    same = standard_errors(kernel(label, {Role.CANDIDATE: score, Role.BASELINE: score}), 200, seed=0)
    assert (same[Role.DIFFERENCE] == 0).all()


def test_equal_seeds_give_equal_errors_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    label, score = rows(500)
    tested = kernel(label, {Role.CANDIDATE: score})
    first = standard_errors(tested, 100, seed=5)[Role.CANDIDATE]
    assert (first == standard_errors(tested, 100, seed=5)[Role.CANDIDATE]).all()
    assert (first[0, 1:] != standard_errors(tested, 100, seed=6)[Role.CANDIDATE][0, 1:]).all()
    monkeypatch.setattr("components.evaluator.resampling._BLOCK_CELLS", 500 * 30)
    assert standard_errors(tested, 100, seed=5)[Role.CANDIDATE] == pytest.approx(first, rel=0.5)


def test_what_is_undefined_has_no_error() -> None:
    label = np.array([1.0] + [0.0] * 39)  # the one positive row is left out of a third of the resamples
    errors = standard_errors(kernel(label, {Role.CANDIDATE: np.linspace(0, 1, 40)}), 200, seed=0)
    assert np.isnan(errors[Role.CANDIDATE][0, 1])
    assert np.isfinite(errors[Role.CANDIDATE][0, 3])


@pytest.mark.parametrize(
    ("p", "degrees", "expected"), [(0.975, 49, 2.0096), (0.995, 199, 2.6008), (0.9999, 99, 3.8617)]
)
def test_student_quantiles(p: float, degrees: int, expected: float) -> None:
    from scipy import stats

    assert student_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), abs=2e-3)
    assert student_quantile(p, degrees) == pytest.approx(expected, abs=5e-3)


def test_rounding_keeps_significant_digits_and_forgets_what_is_next_to_nothing() -> None:
    assert significant(np.array([1.23456e-9, -9.87654e12, 1e-320, 1e300]), 3).tolist() == [1.23e-9, -9.88e12, 0, 1e300]


def test_an_interval_without_an_error_has_no_bounds() -> None:
    found = interval(0.5, math.nan, 0.95, 200)
    assert found.value == 0.5
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)

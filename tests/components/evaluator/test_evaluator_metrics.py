"""Metrics on numbers small enough to work out by hand."""

import math

import numpy as np
import pytest

from components.evaluator.curves import curve_bins
from components.evaluator.kernel import Kernel
from components.evaluator.measurement import Role
from components.evaluator.metric_specs import PlannedMetric
from components.evaluator.metrics import METRICS, cost_metric
from components.evaluator.plan import OVERALL
from components.evaluator.slices import Sliced

LABEL = [1, 1, 1, 0, 0, 0, 0, 0]
SCORE = [0.9, 0.6, 0.2, 0.8, 0.4, 0.3, 0.2, 0.1]  # at 0.5: tp 2, fn 1, fp 1, tn 4


def value(class_name: str, label=LABEL, score=SCORE, threshold: float = 0.5) -> float:
    metric = PlannedMetric("m", class_name, threshold, METRICS[class_name])
    everything = Sliced(OVERALL, ((),), np.zeros(len(label), dtype=np.int64))
    kernel = Kernel(np.array(label, float), {Role.CANDIDATE: np.array(score, float)}, [everything], [metric])
    return float(kernel.evaluate(np.ones((len(label), 1)))[Role.CANDIDATE][0, 0, 0])


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("ExampleCount", 8),
        # 15 pairs: 0.9 beats 5; 0.6 beats 4; 0.2 beats one and ties with one
        ("AUC", (5 + 4 + 1.5) / 15),
        ("BinaryAccuracy", 6 / 8),
        ("Precision", 2 / 3),
        ("Recall", 2 / 3),
        ("Specificity", 4 / 5),
        ("FallOut", 1 / 5),
        ("MissRate", 1 / 3),
        ("F1Score", 4 / 6),
        ("BalancedAccuracy", (2 / 3 + 4 / 5) / 2),
        ("MatthewsCorrelationCoefficient", (2 * 4 - 1 * 1) / math.sqrt(3 * 3 * 5 * 5)),
        ("NegativePredictiveValue", 4 / 5),
        ("PredictedPositiveRate", 3 / 8),
        ("Prevalence", 3 / 8),
        ("TruePositives", 2),
        ("TrueNegatives", 4),
        ("FalsePositives", 1),
        ("FalseNegatives", 1),
        ("MeanLabel", 3 / 8),
        ("MeanPrediction", 3.5 / 8),
        ("Calibration", 3.5 / 3),
        ("BinaryCrossEntropy", -(math.log(0.9 * 0.6 * 0.2) + math.log(0.2 * 0.6 * 0.7 * 0.8 * 0.9)) / 8),
        ("BinaryCrossentropy", -(math.log(0.9 * 0.6 * 0.2) + math.log(0.2 * 0.6 * 0.7 * 0.8 * 0.9)) / 8),
    ],
)
def test_binary_metric(class_name: str, expected: float) -> None:
    assert value(class_name) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("MeanAbsoluteError", (1 + 0 + 2) / 3),
        ("MeanSquaredError", (1 + 0 + 4) / 3),
        ("RootMeanSquaredError", math.sqrt(5 / 3)),
        ("MeanAbsolutePercentageError", 100 * (1 / 2 + 0) / 2),  # the label 0 does not count
        ("MeanSquaredLogarithmicError", (math.log(3 / 4) ** 2 + math.log(3) ** 2) / 3),
        # labels 2, 4, 0 and scores 3, 4, 2: covariance 4, variances 8 and 2
        ("SquaredPearsonCorrelation", 4**2 / (8 * 2)),
    ],
)
def test_regression_metric(class_name: str, expected: float) -> None:
    assert value(class_name, label=[2, 4, 0], score=[3, 4, 2]) == pytest.approx(expected)


def test_precision_recall_curve_of_a_perfect_and_a_constant_model() -> None:
    assert value("AUCPrecisionRecall", [1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]) == pytest.approx(1)
    assert value("AUCPrecisionRecall", [1, 0, 0, 0], [0.5] * 4) == pytest.approx(1 / 4)


@pytest.mark.parametrize("class_name", ["AUC", "AUCPrecisionRecall", "Recall", "MissRate", "Calibration"])
def test_no_positive_row_leaves_it_undefined(class_name: str) -> None:
    assert math.isnan(value(class_name, label=[0, 0, 0], score=[0.1, 0.5, 0.9]))


def test_nothing_predicted_positive_leaves_precision_undefined() -> None:
    assert math.isnan(value("Precision", score=[0.1] * 8))


def test_a_score_at_the_threshold_is_negative() -> None:
    assert value("TruePositives", [1, 1], [0.5, 0.5001]) == 1
    assert value("TruePositives", [1, 1], [0.2, 0.31], threshold=0.3) == 1


def test_scores_outside_the_unit_interval_fall_into_the_outermost_bins() -> None:
    assert curve_bins(np.array([-3.0, -1e-6, 1.0, 7.0])).tolist() == [0, 0, 9998, 9998]


def test_clipping_keeps_a_certain_mistake_finite_as_in_keras() -> None:
    assert value("BinaryCrossentropy", [1], [0.0]) == pytest.approx(-math.log(2e-7))
    assert value("BinaryCrossEntropy", [1], [0.0]) == math.inf


def test_cost_counts_both_kinds_of_mistakes() -> None:
    metric = cost_metric(false_positive=2, false_negative=10)
    assert float(metric.formula({"fp": np.array(1.0), "fn": np.array(3.0), "n": np.array(8.0)})) == 32 / 8

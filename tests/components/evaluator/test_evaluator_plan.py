"""Reading TFMA's EvalConfig, and every way in which it can be wrong."""

import subprocess
import sys
from typing import Any

import pytest

from components.evaluator.plan import OVERALL, Slicing, Threshold, full_plan, make_plan, read_eval_config
from components.evaluator.spec import EvaluatorParams
from penstock.sdk import BadInput

AUC = {"class_name": "AUC", "threshold": {"value_threshold": {"lower_bound": 0.6}}}


def plan_of(metrics: list[dict[str, Any]], slicing: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    config = {"slicing_specs": slicing or [{}], "metrics_specs": [{"metrics": metrics}], **more}
    return make_plan(read_eval_config(config), only_known=True)


def test_it_reads_slices_metrics_and_thresholds() -> None:
    carriers = {"slicing_specs": [{"feature_keys": ["carrier"]}]}
    change = {"change_threshold": {"direction": "HIGHER_IS_BETTER", "absolute": -0.02}}
    plan = plan_of(
        [{**AUC, "per_slice_thresholds": [{**carriers, "threshold": change}]}, {"class_name": "Precision"}],
        [{}, {"feature_keys": ["origin", "carrier"]}, {"feature_keys": ["carrier"]}],
    )
    assert plan.slicings == (OVERALL, Slicing(("carrier", "origin")), Slicing(("carrier",)))
    assert plan.names == ("auc", "precision")
    assert plan.thresholds == (
        Threshold("auc", None, "value", lower=0.6),
        Threshold("auc", Slicing(("carrier",)), "change", lower=-0.02),
    )


def test_lower_is_better_bounds_the_change_from_above() -> None:
    change = {"change_threshold": {"direction": "LOWER_IS_BETTER", "relative": 0.05, "absolute": 0.1}}
    plan = plan_of([{"class_name": "MeanSquaredError", "threshold": change}])
    assert {(t.upper, t.relative) for t in plan.thresholds} == {(0.1, False), (0.05, True)}


def test_thresholds_by_name_beside_the_metrics() -> None:
    spec = {"metrics": [{"class_name": "AUC"}], "thresholds": {"auc": {"value_threshold": {"lower_bound": 0.5}}}}
    plan = make_plan(read_eval_config({"metrics_specs": [spec]}), only_known=True)
    assert plan.thresholds == (Threshold("auc", None, "value", lower=0.5),)


def test_names_and_thresholds_of_a_metric_come_from_its_config() -> None:
    low = {"class_name": "Recall", "config": '{"name": "recall_low", "thresholds": [0.2]}'}
    metric = plan_of([AUC, {"class_name": "Recall"}, low]).metrics[2]
    assert (metric.name, metric.threshold) == ("recall_low", 0.2)


def test_a_threshold_on_a_value_holds_for_that_slice_alone() -> None:
    threshold = Threshold("auc", Slicing(("origin",), (("carrier", "UA"),)), "value", lower=0.6)
    assert threshold.applies_to((("carrier", "UA"), ("origin", "JFK")))
    assert not threshold.applies_to((("carrier", "DL"), ("origin", "JFK")))
    assert not threshold.applies_to((("carrier", "UA"),))
    assert not threshold.applies_to(())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"metric_specs": []}, "metric_specs"),
        ({"metrics_specs": [{"metrics": [{"class_name": 3}]}]}, "class_name"),
        ({"metrics_specs": []}, "names no metric"),
        ({"metrics_specs": [{"metrics": [{"class_name": "AUK"}]}]}, "did you mean AUC?"),
        ({"metrics_specs": [{"metrics": [{"class_name": "NDCG"}]}]}, "engine: tfma"),
        ({"metrics_specs": [{"metrics": [AUC, AUC]}]}, "two metrics are named 'auc'"),
        ({"metrics_specs": [{"metrics": [{"class_name": "AUC"}]}]}, "no threshold on the overall slice"),
        ({"metrics_specs": [{"metrics": [{**AUC, "config": "{"}]}]}, "is not JSON"),
        ({"metrics_specs": [{"metrics": [{**AUC, "config": '{"num_thresholds": 7}'}]}]}, "num_thresholds"),
        ({"metrics_specs": [{"metrics": [AUC]}], "slicing_specs": [{"feature_keys": ["origin"]}]}, "overall slice is"),
        ({"metrics_specs": [{"metrics": [AUC]}], "slicing_specs": [{"slice_keys_sql": "SELECT 1"}]}, "slice_keys_sql"),
        ({"metrics_specs": [{"metrics": [AUC], "thresholds": {"acu": {}}}]}, None),
        (
            {"metrics_specs": [{"metrics": [AUC], "thresholds": {"acu": AUC["threshold"]}}]},
            "Did you mean 'auc'?",
        ),
        (
            {"metrics_specs": [{"metrics": [{**AUC, "threshold": {"change_threshold": {"absolute": 0.1}}}]}]},
            "direction",
        ),
        ({"metrics_specs": [{"metrics": [AUC]}], "model_specs": [{"example_weight_key": "w"}]}, "example_weight_key"),
        ({"metrics_specs": [{"metrics": [AUC]}], "cross_slicing_specs": [{}]}, "cross_slicing_specs"),
    ],
)
def test_what_is_wrong_is_named(config: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert make_plan(read_eval_config(config), only_known=True)
        return
    with pytest.raises(BadInput) as error:
        make_plan(read_eval_config(config), only_known=True)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_threshold_needs_its_slices() -> None:
    per_slice = [{"slicing_specs": [{"feature_keys": ["origin"]}], "threshold": AUC["threshold"]}]
    with pytest.raises(BadInput, match="for origin fits no slicing_specs"):
        plan_of([{**AUC, "per_slice_thresholds": per_slice}])


def test_only_tfma_takes_what_the_vectorised_engine_does_not_know() -> None:
    config = read_eval_config({"metrics_specs": [{"metrics": [AUC, {"class_name": "MeanLabel2"}]}]})
    assert make_plan(config, only_known=False).metrics[1].known is None


def params(**settings: Any) -> EvaluatorParams:
    config = {"slicing_specs": [{}, {"feature_keys": ["origin"]}], "metrics_specs": [{"metrics": [AUC]}]}
    return EvaluatorParams.parse({"eval_config": config, **settings}, "test")


def test_costs_are_a_metric_and_perhaps_a_threshold() -> None:
    given = params(costs={"false_positive": 1, "false_negative": 2, "max_increase": 0.1})
    plan = full_plan(read_eval_config(given.eval_config), given, label="late", task=None)
    assert plan.names == ("auc", "cost")
    assert plan.thresholds[-1] == Threshold("cost", OVERALL, "change", upper=0.1)
    assert plan.label == "late"


@pytest.mark.parametrize(
    ("gap", "message"),
    [({"feature": "origin", "metric": "acu"}, "'acu' is not computed"), ({"feature": "dest", "metric": "auc"}, "dest")],
)
def test_fairness_must_be_computed(gap: dict[str, Any], message: str) -> None:
    given = params(fairness=[{**gap, "max_gap": 0.1}])
    with pytest.raises(BadInput, match=message):
        full_plan(read_eval_config(given.eval_config), given, label="late", task=None)


def test_reading_a_configuration_imports_neither_tfma_nor_tensorflow() -> None:
    code = (
        "import sys; from components.evaluator.plan import read_eval_config; read_eval_config({});"
        "import components.evaluator.main;"
        "heavy = 'tensorflow', 'tensorflow_model_analysis', 'apache_beam', 'pandas', 'scipy';"
        "print([name for name in heavy if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"

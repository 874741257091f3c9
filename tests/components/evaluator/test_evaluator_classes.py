"""Several classes: metrics by hand, what a configuration may ask for, and the component on real flights."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluator.kernel import Kernel
from components.evaluator.main import SPEC, run
from components.evaluator.measurement import Role
from components.evaluator.plan import OVERALL, Plan, Threshold, full_plan, make_plan, read_eval_config
from components.evaluator.resampling import standard_errors
from components.evaluator.slices import Sliced
from components.evaluator.spec import EvaluatorParams
from components.evaluator.tasks import why_not_comparable
from penstock.artifacts import Examples, Model, ModelEvaluation, Verdict
from penstock.artifacts.task import Task
from penstock.sdk import BadInput, PenstockError, TaskResult
from penstock.sdk.testkit import run_component

THREE = Task(kind="multiclass", classes=("a", "b", "c"))
BETTER = {"value_threshold": {"lower_bound": 0}}
SKILL = {"class_name": "Skill", "threshold": BETTER}

LABEL = [0, 0, 0, 1, 1, 2]
SCORE = [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.1, 0.7, 0.2], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.45, 0.15, 0.4]]
# answers 0 0 1 1 1 0: four of six right


def plan_of(*specs: dict[str, Any], task: Task | None = THREE) -> Plan:
    config = {"metrics_specs": [*specs, {"metrics": [SKILL]}]}
    return make_plan(read_eval_config(config), only_known=True, task=task)


def kernel_of(plan: Plan, label: Any = LABEL, score: Any = SCORE) -> Kernel:
    everything = Sliced(OVERALL, ((),), np.zeros(len(label), dtype=np.int64))
    scores = {Role.CANDIDATE: np.array(score, float)}
    return Kernel(np.array(label, float), scores, [everything], plan.metrics)


def values(*specs: dict[str, Any], label: Any = LABEL, score: Any = SCORE) -> dict[str, float]:
    plan = plan_of(*specs)
    kernel = kernel_of(plan, label, score)
    found = kernel.evaluate(np.ones((len(label), 1)))[Role.CANDIDATE][0, :, 0]
    return dict(zip(plan.names, found.tolist(), strict=True))


def spec(class_name: str, **more: Any) -> dict[str, Any]:
    return {"metrics": [{"class_name": class_name}], **more}


def test_metrics_of_all_classes_at_once() -> None:
    found = values(
        spec("SparseCategoricalAccuracy"),
        spec("SparseCategoricalCrossentropy"),
        {"metrics": [{"class_name": "SparseTopKCategoricalAccuracy", "config": '{"k": 2}'}]},
    )
    assert found["sparse_categorical_accuracy"] == pytest.approx(4 / 6)
    entropy = -sum(math.log(p) for p in (0.6, 0.5, 0.1, 0.4, 0.8, 0.4)) / 6
    assert found["sparse_categorical_crossentropy"] == pytest.approx(entropy, abs=1e-6)
    assert found["sparse_top_k_categorical_accuracy"] == pytest.approx(5 / 6)  # in the third, class 0 comes last


def test_ties_count_as_among_the_top() -> None:
    top = {"metrics": [{"class_name": "SparseTopKCategoricalAccuracy", "config": '{"k": 1}'}]}
    assert values(top, label=[1, 2], score=[[0.5, 0.5, 0], [0.5, 0.3, 0.2]])["sparse_top_k_categorical_accuracy"] == 0.5


def test_one_class_against_the_rest() -> None:
    classes = {"binarize": {"class_ids": {"values": [0, 2]}}}
    found = values({"metrics": [{"class_name": "AUC"}, {"class_name": "Recall"}], **classes})
    assert set(found) == {"auc_class_0", "auc_class_2", "recall_class_0", "recall_class_2", "skill"}
    # class 0 scores 0.6, 0.5 and 0.1; the rest 0.3, 0.1 and 0.45: 0.6 and 0.5 beat three, 0.1 ties with one
    assert found["auc_class_0"] == pytest.approx(6.5 / 9)
    assert found["auc_class_2"] == pytest.approx(1)
    assert (found["recall_class_0"], found["recall_class_2"]) == (pytest.approx(1 / 3), 0)


def test_averages_over_classes() -> None:
    recalls = {"macro": (1 / 3 + 1 / 2 + 0) / 3, "weighted_macro": (3 / 3 + 2 / 2 + 0) / 6, "micro": 2 / 6}
    for kind, expected in recalls.items():
        found = values(spec("Recall", aggregate={f"{kind}_average": True}))
        assert found[f"recall_{kind}"] == pytest.approx(expected)
    weights = {"macro_average": True, "class_weights": {"0": 3, "1": 1}}
    assert values(spec("Recall", aggregate=weights))["recall_macro"] == pytest.approx((3 / 3 + 1 / 2) / 4)


def test_a_class_without_rows_is_left_out_of_an_average() -> None:
    here = values(spec("AUC", aggregate={"macro_average": True}), label=LABEL[:5], score=SCORE[:5])
    alone = values(spec("AUC", binarize={"class_ids": {"values": [0, 1, 2]}}), label=LABEL[:5], score=SCORE[:5])
    assert math.isnan(alone["auc_class_2"])
    assert here["auc_macro"] == pytest.approx((alone["auc_class_0"] + alone["auc_class_1"]) / 2)
    assert math.isnan(
        values(spec("AUC", aggregate={"macro_average": True}), label=[1, 1], score=SCORE[:2])["auc_macro"]
    )


def test_averages_have_standard_errors() -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 3, 3000)
    score = random.dirichlet([1, 1, 1], 3000) + 0.5 * np.eye(3)[label]
    plan = plan_of(spec("Recall", aggregate={"micro_average": True}), spec("SparseCategoricalAccuracy"))
    kernel = kernel_of(plan, label, score / score.sum(axis=1, keepdims=True))
    micro, accuracy, skill = standard_errors(kernel, 500, seed=0)[Role.CANDIDATE][0]
    found = kernel.evaluate(np.ones((3000, 1)))[Role.CANDIDATE][0, :, 0]
    for error, value in ((micro, found[0]), (accuracy, found[1])):
        assert error == pytest.approx(math.sqrt(value * (1 - value) / 3000), rel=0.1)
    assert 0 < skill < 0.05


def test_thresholds_hold_for_every_class_and_average_of_their_entry() -> None:
    several = {"binarize": {"class_ids": {"values": [1]}}, "aggregate": {"macro_average": True}}
    asked = Threshold("auc_class_1", None, "value", lower=0.0), Threshold("auc_macro", None, "value", lower=0.0)
    of_metric = plan_of({"metrics": [{"class_name": "AUC", "threshold": BETTER}], **several})
    by_name = plan_of({"metrics": [{"class_name": "AUC"}], "thresholds": {"auc": BETTER}, **several})
    of_one = plan_of({"metrics": [{"class_name": "AUC"}], "thresholds": {"auc_macro": BETTER}, **several})
    assert of_metric.thresholds[:2] == by_name.thresholds[:2] == asked
    assert of_one.thresholds[0] == asked[1]
    assert len(of_one.thresholds) == 2


@pytest.mark.parametrize(
    ("entry", "task", "message"),
    [
        (
            spec("AUC"),
            THREE,
            "for one score a row, and the model has 3 classes. Add `aggregate: {macro_average: true}`",
        ),
        (spec("MeanSquaredError"), THREE, "take SparseCategoricalAccuracy"),
        (spec("SparseCategoricalAccuracy"), Task(kind="binary"), "task is binary. Take BinaryAccuracy"),
        (spec("SparseCategoricalAccuracy"), Task(kind="regression"), "task is regression. Take MeanSquaredError"),
        (spec("AUC"), Task(kind="regression"), "for labels 0 and 1, and the model's task is regression"),
        (spec("AUC", aggregate={"macro_average": True}), Task(kind="binary"), "Take `aggregate` out"),
        (spec("AUC", binarize={"class_ids": {"values": [3]}}), THREE, "no class 3. The model has the classes 0 to 2"),
        (spec("AUC", binarize={"top_k_list": {"values": [3]}}), THREE, "top_k_list: not supported"),
        (spec("AUC", aggregate={"class_weights": {"0": 1}}), THREE, "no kind is set"),
        (spec("AUC", aggregate={"macro_average": True, "class_weights": {"7": 1}}), THREE, "no class 7"),
        (spec("AUC", aggregate={"macro_average": True, "class_weights": {"0": -1}}), THREE, "a weight is negative"),
        (spec("AUC", aggregate={"micro_average": True, "class_weights": {"0": 2}}), THREE, "class_weights of 1 only"),
        (spec("ExampleCount", aggregate={"macro_average": True}), THREE, "an entry without `binarize` and `aggregate`"),
        ({"metrics": [{"class_name": "SparseTopKCategoricalAccuracy", "config": '{"k": 0}'}]}, THREE, "`k` is 0"),
        (spec("Skil"), THREE, "did you mean Skill?"),
    ],
)
def test_what_does_not_suit_the_task_is_refused(entry: dict[str, Any], task: Task, message: str) -> None:
    with pytest.raises(BadInput) as error:
        plan_of(entry, task=task)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_importance_is_measured_by_what_suits_the_task() -> None:
    given = EvaluatorParams.parse({"eval_config": {}, "importance": {"metric": "auc"}}, "test")
    config = read_eval_config({"metrics_specs": [{"metrics": [SKILL]}]})
    with pytest.raises(BadInput, match=r"importance\.metric: 'auc' is not for a model whose task is multiclass"):
        full_plan(config, given, label="y", task=THREE)
    assert full_plan(config, given, label="y", task=Task(kind="binary"))


def test_skill_needs_a_model_that_says_its_task_and_costs_need_two_classes() -> None:
    with pytest.raises(BadInput, match="does not say what its task is"):
        plan_of(task=None)
    given = EvaluatorParams.parse({"eval_config": {}, "costs": {"false_positive": 1, "false_negative": 1}}, "test")
    config = read_eval_config({"metrics_specs": [{"metrics": [SKILL]}]})
    with pytest.raises(BadInput, match="costs: they are for a binary model"):
        full_plan(config, given, label="y", task=THREE)


@pytest.mark.parametrize(
    ("candidate", "baseline", "why"),
    [
        (None, None, ""),
        (None, Task(kind="binary"), ""),
        (None, THREE, "its task is multiclass, the candidate's unknown"),
        (THREE, THREE, ""),
        (THREE, Task(kind="binary"), "its task is binary, the candidate's multiclass"),
        (THREE, Task(kind="multiclass", classes=("a", "c", "b")), "its classes are a, c, b, the candidate's a, b, c"),
        (Task(kind="binary", classes=("no", "yes")), Task(kind="binary"), ""),
        (
            Task(kind="binary", classes=("no", "yes")),
            Task(kind="binary", classes=("yes", "no")),
            "its classes are yes, no, the candidate's no, yes",
        ),
    ],
)
def test_models_are_compared_only_where_their_answers_mean_the_same(
    candidate: Task | None, baseline: Task | None, why: str
) -> None:
    assert why_not_comparable(candidate, baseline) == why


CONFIG: dict[str, Any] = {
    "slicing_specs": [{}, {"feature_keys": ["month"]}],
    "metrics_specs": [
        {
            "metrics": [
                {"class_name": "Skill", "threshold": BETTER},
                {
                    "class_name": "SparseCategoricalAccuracy",
                    "per_slice_thresholds": [
                        {
                            "slicing_specs": [{}],
                            "threshold": {
                                "change_threshold": {"direction": "HIGHER_IS_BETTER", "absolute": -0.02},
                            },
                        }
                    ],
                },
            ]
        },
        {"metrics": [{"class_name": "AUC"}], "aggregate": {"macro_average": True}},
    ],
}
Run = Callable[..., TaskResult]


@pytest.fixture
def evaluate(tmp_path: Path, airports: Callable[..., Any]) -> Run:
    examples = Examples(tmp_path / "examples")
    examples.write("eval", airports((10, 12), 3000))

    def go(model: Model, baseline: Model | None = None, **params: Any) -> TaskResult:
        inputs = {"examples": examples, "model": model} | ({"baseline": baseline} if baseline else {})
        given = {"eval_config": CONFIG, "splits": ["eval"], "bootstrap_replicates": 100, "min_slice_rows": 500}
        return run_component(SPEC, run, tmp_path / "out", params={**given, **params}, inputs=inputs)

    return go


def test_a_model_of_several_classes_is_judged(evaluate: Run, airport_models: Callable[..., Model]) -> None:
    good = evaluate(airport_models(), airport_models(sharp=2.0))
    assert good.parameters == {"gate": "open"}
    evaluation = good.outputs["evaluation"]
    assert 0.1 < float(evaluation.metadata["eval_skill"]) < 0.6
    assert float(evaluation.metadata["eval_sparse_categorical_accuracy"]) > 0.5
    assert float(evaluation.metadata["eval_auc_macro"]) > 0.65
    assert isinstance(evaluation, ModelEvaluation)
    plots = evaluation.read_plots()
    assert (plots.classes, set(plots.candidate.roc)) == (("EWR", "JFK", "LGA"), {"EWR", "JFK", "LGA"})
    assert sum(map(sum, plots.candidate.confusion)) == 3000
    assert [one.feature for one in plots.importance] == ["carrier", "distance"]
    assert plots.importance_metric == "skill"
    bad = evaluate(airport_models(sharp=-3.0), airport_models())
    assert bad.parameters == {"gate": "closed"}
    assert bad.decision
    rules = {reason.rule for reason in bad.decision.reasons if reason.verdict is Verdict.FAILED}
    assert rules == {"skill.value_threshold", "sparse_categorical_accuracy.change_threshold"}


def test_a_baseline_with_other_classes_is_not_compared_and_the_reasons_say_so(
    evaluate: Run, airport_models: Callable[..., Model]
) -> None:
    result = evaluate(airport_models(), airport_models(classes=("EWR", "LGA", "JFK")))
    assert result.parameters == {"gate": "open"}
    assert result.decision
    reason = next(reason for reason in result.decision.reasons if reason.rule == "baseline")
    assert reason.text.startswith(
        "no comparison with the last blessed model: its classes are EWR, LGA, JFK, the candidate's EWR, JFK, LGA"
    )
    assert result.outputs["blessing"].metadata["baseline_digest"] == ""
    assert isinstance(result.outputs["evaluation"], ModelEvaluation)
    document = result.outputs["evaluation"].read_json("evaluation.json")
    assert isinstance(document, dict)
    assert set(document["splits"]["eval"]["slices"][0]["metrics"]["skill"]) == {"candidate"}


def test_a_label_or_a_score_that_is_no_class_is_told(
    evaluate: Run, airport_models: Callable[..., Model], tmp_path: Path
) -> None:
    for name, task in (
        ("two", Task(kind="multiclass", classes=("EWR", "JFK"))),
        ("four", Task(kind="multiclass", classes=("EWR", "JFK", "LGA", "SWF"))),
    ):
        shutil.copytree(airport_models().path, tmp_path / name)
        (tmp_path / name / "task.json").write_text(task.model_dump_json())
    with pytest.raises(BadInput, match=r"has 2, and the model answers 0 to 1 \(multiclass\)"):
        evaluate(Model(tmp_path / "two"))
    with pytest.raises(PenstockError, match="the candidate model gives 3 scores a row"):
        evaluate(Model(tmp_path / "four"))
    (tmp_path / "four" / "task.json").write_text(json.dumps({"kind": "ordinal"}))
    with pytest.raises(BadInput, match=r"task\.json is damaged"):
        evaluate(Model(tmp_path / "four"))

"""The component as a whole, on real flights and real SavedModels."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from components.evaluator.main import SPEC, run
from penstock.artifacts import Consequence, Examples, Model, ModelBlessing, ModelEvaluation, Verdict
from penstock.sdk import BadInput, PenstockError, TaskResult
from penstock.sdk.testkit import run_component

NOT_WORSE = {"change_threshold": {"direction": "HIGHER_IS_BETTER", "absolute": -0.03}}
BY_CARRIER = {"feature_keys": ["carrier"]}
CONFIG: dict[str, Any] = {
    "slicing_specs": [{}, BY_CARRIER, {"feature_keys": ["origin"]}, {"feature_keys": ["carrier", "origin"]}],
    "metrics_specs": [
        {
            "metrics": [
                {"class_name": "ExampleCount"},
                {
                    "class_name": "AUC",
                    "per_slice_thresholds": [
                        {"slicing_specs": [{}], "threshold": {"value_threshold": {"lower_bound": 0.55}, **NOT_WORSE}},
                        {"slicing_specs": [BY_CARRIER], "threshold": NOT_WORSE},
                    ],
                },
                {"class_name": "BinaryAccuracy"},
                {"class_name": "BinaryCrossentropy"},
            ]
        }
    ],
}
Run = Callable[..., TaskResult]


@pytest.fixture
def evaluate(tmp_path: Path, examples: Examples) -> Run:
    def go(model: Model, baseline: Model | None = None, config: dict[str, Any] = CONFIG, **params: Any) -> TaskResult:
        inputs = {"examples": examples, "model": model} | ({"baseline": baseline} if baseline else {})
        given = {"eval_config": config, "bootstrap_replicates": 100, "min_slice_rows": 1000, **params}
        return run_component(SPEC, run, tmp_path / "out", params=given, inputs=inputs)

    return go


def failed(result: TaskResult) -> list[str]:
    assert result.decision
    return [reason.subject for reason in result.decision.reasons if reason.verdict is Verdict.FAILED]


def test_a_good_model_is_blessed_on_its_own(evaluate: Run, models: Callable[..., Model]) -> None:
    result = evaluate(models())
    assert result.decision
    assert result.decision.verdict is Verdict.SUCCESSFUL
    assert result.parameters == {"gate": "open"}
    blessing, evaluation = result.outputs["blessing"], result.outputs["evaluation"]
    assert isinstance(blessing, ModelBlessing)
    assert isinstance(evaluation, ModelEvaluation)
    assert blessing.model_digest.startswith("sha256:")
    assert blessing.metadata["baseline_digest"] == ""
    assert evaluation.metadata["model_digest"] == blessing.model_digest
    assert 0.55 < float(evaluation.metadata["eval_auc"]) < 0.65
    assert evaluation.metadata["train_example_count"] == 12_000
    assert evaluation.read_decision() == blessing.read_decision() == result.decision


def test_a_model_against_itself_is_blessed(evaluate: Run, models: Callable[..., Model]) -> None:
    result = evaluate(models(), models())
    assert result.decision
    assert result.decision.consequence is Consequence.PROCEED
    metadata = result.outputs["blessing"].metadata
    assert metadata["baseline_digest"] == metadata["model_digest"] != ""


def test_a_model_worse_than_the_baseline_is_refused(evaluate: Run, models: Callable[..., Model]) -> None:
    result = evaluate(models(hour=-0.12), models())
    assert result.parameters == {"gate": "closed"}
    assert result.decision
    assert result.decision.verdict is Verdict.FAILED
    assert "overall" in failed(result)
    assert result.decision.reasons[0].verdict is Verdict.FAILED


def test_a_model_worse_on_one_carrier_is_refused_for_that_carrier(evaluate: Run, models: Callable[..., Model]) -> None:
    bound = {"change_threshold": {"direction": "LOWER_IS_BETTER", "absolute": 0.1}}
    metric = {
        "class_name": "BinaryCrossentropy",
        "per_slice_thresholds": [{"slicing_specs": [{}, BY_CARRIER], "threshold": bound}],
    }
    config = {**CONFIG, "metrics_specs": [{"metrics": [metric]}]}
    result = evaluate(models(carriers={"B6": 2.0}), models(), config)
    assert result.parameters == {"gate": "closed"}
    assert failed(result) == ["carrier=B6"]


def test_a_slice_too_small_to_judge_is_told_and_not_fatal(evaluate: Run, models: Callable[..., Model]) -> None:
    bound = {"change_threshold": {"direction": "LOWER_IS_BETTER", "absolute": 0.1}}
    specs = [{"slicing_specs": [{}, BY_CARRIER], "threshold": bound}]
    metric = {"class_name": "BinaryCrossentropy", "per_slice_thresholds": specs}
    spoilt = models(carriers={"HA": 6.0})  # about one flight in a thousand
    result = evaluate(spoilt, models(), {**CONFIG, "metrics_specs": [{"metrics": [metric]}]})
    assert result.parameters == {"gate": "open"}
    assert result.decision
    [told] = [reason for reason in result.decision.reasons if reason.subject == "carrier=HA"]
    assert told.verdict is Verdict.INCONCLUSIVE
    assert told.evidence["estimate"] > 0.1
    assert "too few rows to judge (fewer than 1,000)" in told.text


def test_a_gap_between_slices_closes_the_gate_when_it_is_surely_too_wide(
    evaluate: Run, models: Callable[..., Model]
) -> None:
    unfair = models(carriers={"B6": 2.0})  # calls nearly every flight of one carrier late
    gap = {"feature": "carrier", "metric": "binary_accuracy"}
    result = evaluate(unfair, fairness=[{**gap, "max_gap": 0.3}, {**gap, "feature": "origin"}])
    assert result.parameters == {"gate": "closed"}
    assert result.decision
    worst = result.decision.reasons[0]
    assert (worst.rule, worst.subject, worst.verdict) == ("binary_accuracy.fairness_gap", "carrier", Verdict.FAILED)
    assert worst.evidence["lowest"] == "carrier=B6"
    document = result.outputs["evaluation"].read_json("evaluation.json")
    assert isinstance(document, dict)
    judged, reported = document["fairness"]
    assert (judged["lowest"]["slice"], judged["max_gap"], reported["max_gap"]) == ("carrier=B6", 0.3, None)
    assert judged["gap"][0] == pytest.approx(judged["highest"]["value"] - judged["lowest"]["value"])
    assert reported["gap"][1] <= reported["gap"][0] <= reported["gap"][2]
    assert evaluate(models(), fairness=[{**gap, "max_gap": 0.3}]).parameters == {"gate": "open"}


def test_mistakes_that_cost_more_close_the_gate_where_a_limit_is_given(
    evaluate: Run, models: Callable[..., Model]
) -> None:
    warns_in_vain = models(carriers={"B6": 2.0})
    costs = {"false_positive": 3, "false_negative": 1}
    refused = evaluate(warns_in_vain, models(), costs={**costs, "max_increase": 0.05}, use_baseline=True)
    assert ("cost.change_threshold", "overall") in {
        (reason.rule, reason.subject)
        for reason in (refused.decision.reasons if refused.decision else ())
        if reason.verdict is Verdict.FAILED
    }
    borne = evaluate(warns_in_vain, models(), costs=costs)  # reported, not judged
    assert borne.decision
    assert not [reason for reason in borne.decision.reasons if reason.rule.startswith("cost")]


def test_scores_that_are_not_numbers_close_the_gate(evaluate: Run, models: Callable[..., Model]) -> None:
    result = evaluate(models(carriers={"HA": math.nan}))
    assert result.decision
    assert result.decision.verdict is Verdict.ERROR
    assert [reason.rule for reason in result.decision.reasons] == ["finite_scores"]
    table = pq.read_table(result.outputs["evaluation"].path / "metrics.parquet").to_pylist()
    auc = {row["slice"]: row["value"] for row in table if row["metric"] == "auc" and row["split"] == "eval"}
    assert auc["overall"] is None
    assert auc["carrier=HA"] is None
    assert auc["carrier=UA"] is not None


def test_the_files_hold_every_model_split_slice_and_metric(evaluate: Run, models: Callable[..., Model]) -> None:
    evaluation = evaluate(models(noise=0.4), models(), costs={"false_positive": 1, "false_negative": 3}).outputs[
        "evaluation"
    ]
    rows = pq.read_table(evaluation.path / "metrics.parquet").to_pylist()
    assert {row["model"] for row in rows} == {"candidate", "baseline", "difference"}
    assert {row["metric"] for row in rows} == {"example_count", "auc", "binary_accuracy", "binary_crossentropy", "cost"}
    found = {(row["model"], row["split"], row["slice"], row["metric"]): row for row in rows}
    change = found["difference", "eval", "overall", "auc"]
    assert change["lower"] < change["value"] < change["upper"]
    candidate, baseline = (found[role, "eval", "origin=JFK", "auc"]["value"] for role in ("candidate", "baseline"))
    assert found["difference", "eval", "origin=JFK", "auc"]["value"] == pytest.approx(candidate - baseline, abs=1e-9)
    assert found["candidate", "train", "overall", "auc"]["lower"] is None  # only reported
    carriers = [
        row["rows"]
        for (model, split, name, metric), row in found.items()
        if (model, split, metric) == ("candidate", "eval", "auc") and name.startswith("carrier=") and "," not in name
    ]
    assert sum(carriers) == found["candidate", "eval", "overall", "auc"]["rows"] == 12_000
    document = evaluation.read_json("evaluation.json")
    assert isinstance(document, dict)
    assert document["judged_split"] == "eval"
    first = document["splits"]["eval"]["slices"][0]
    assert first["slice"] == "overall"
    assert first["metrics"]["auc"]["candidate"][0] == found["candidate", "eval", "overall", "auc"]["value"]


def test_a_reported_split_may_be_thinned_and_says_so(evaluate: Run, models: Callable[..., Model]) -> None:
    document = evaluate(models(), report_rows=3000).outputs["evaluation"].read_json("evaluation.json")
    assert isinstance(document, dict)
    train, judged = document["splits"]["train"], document["splits"]["eval"]
    assert (train["rows"], train["rows_available"], train["sampled"]) == (3000, 12_000, True)
    assert (judged["rows"], judged["sampled"]) == (12_000, False)


def test_what_is_drawn_lies_beside_the_metrics(
    evaluate: Run, models: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = evaluate(models(noise=0.4), models(), importance={"max_rows": 3000})
    evaluation = result.outputs["evaluation"]
    assert isinstance(evaluation, ModelEvaluation)
    plots = evaluation.read_plots()
    assert (plots.split, plots.rows, plots.task, plots.confidence) == ("eval", 12_000, "binary", 0.95)
    assert plots.candidate.roc["1"].area == pytest.approx(float(evaluation.metadata["eval_auc"]), abs=1e-4)
    assert plots.baseline is not None
    assert plots.baseline.roc["1"].area != plots.candidate.roc["1"].area
    assert sum(map(sum, plots.candidate.confusion)) == sum(bin_.rows for bin_ in plots.candidate.calibration["1"])
    assert plots.importance_metric == "auc"
    assert {one.feature for one in plots.importance} == {"hour", "distance", "carrier", "dest"}
    assert plots.importance[0].feature == "hour"
    assert plots.importance[0].lower > 0
    without = evaluate(models(noise=0.4), importance={"repeats": 0}).outputs["evaluation"]
    assert isinstance(without, ModelEvaluation)
    assert (without.read_plots().importance, without.read_plots().importance_metric) == ((), "")
    assert without.read_plots().candidate == plots.candidate
    monkeypatch.setattr("components.evaluator.drawing._MOST_SCORED", 1)  # as with very many features
    wide = evaluate(models(noise=0.4), importance={"max_rows": 3000}).outputs["evaluation"]
    assert isinstance(wide, ModelEvaluation)
    few, many = ({one.feature: one.upper - one.lower for one in p.importance} for p in (wide.read_plots(), plots))
    assert few["hour"] > 2 * many["hour"]  # 200 rows and not 3,000


@pytest.mark.slow
def test_tfma_reads_the_result(evaluate: Run, models: Callable[..., Model]) -> None:
    from components.evaluator.tfma_package import whole_tfma

    tfma = whole_tfma()
    result = evaluate(models(hour=-0.12), models())
    path = str(result.outputs["evaluation"].path)
    loaded = tfma.load_eval_result(path, model_name="candidate")
    metrics = dict(loaded.slicing_metrics)[()][""][""]
    assert metrics["auc"]["boundedValue"]["value"] == pytest.approx(result.outputs["evaluation"].metadata["eval_auc"])
    assert metrics["auc_diff"]["boundedValue"]["upperBound"] < 0
    assert (("carrier", "UA"), ("origin", "EWR")) in dict(loaded.slicing_metrics)
    assert [spec.name for spec in loaded.config.model_specs] == ["candidate", "baseline"]
    assert dict(tfma.load_eval_result(path, model_name="baseline").slicing_metrics)[()][""][""]["auc"]
    verdict = tfma.load_validation_result(path)
    assert not verdict.validation_ok
    keys = [failure.metric_key.name for of in verdict.metric_validations_per_slice for failure in of.failures]
    assert set(keys) == {"auc"}
    alone = evaluate(models())
    verdict = tfma.load_validation_result(str(alone.outputs["evaluation"].path))
    assert verdict.validation_ok
    assert verdict.rubber_stamp
    assert dict(tfma.load_eval_result(str(alone.outputs["evaluation"].path)).slicing_metrics)[()][""][""]["auc"]


@pytest.mark.slow
def test_another_process_makes_the_same_bytes(
    evaluate: Run, models: Callable[..., Model], examples: Examples, tmp_path: Path
) -> None:
    here = evaluate(models(noise=0.4), models())
    there = tmp_path / "there"
    given = {"examples": examples, "model": models(noise=0.4), "baseline": models()}
    document = {
        "inputs": {
            "parameterValues": {"eval_config": CONFIG, "bootstrap_replicates": 100, "min_slice_rows": 1000},
            "artifacts": {
                name: {"artifacts": [{"uri": str(a.path), "metadata": _digested(a)}]} for name, a in given.items()
            },
        },
        "outputs": {
            "artifacts": {name: {"artifacts": [{"uri": str(there / name)}]} for name in SPEC.outputs},
            "outputFile": str(there / "out.json"),
        },
    }
    command = [sys.executable, "-m", SPEC.module, json.dumps(document)]
    machine = {**os.environ, "TF_NUM_INTRAOP_THREADS": "7"}  # as on a machine with more cores
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=machine)
    assert ended.returncode == 0, ended.stderr
    made = json.loads((there / "out.json").read_text())["artifacts"]
    for name, artifact in here.outputs.items():
        assert made[name]["artifacts"][0]["metadata"] == artifact.for_kubeflow()
    assert made["metrics"]["artifacts"][0]["metadata"]["eval_auc"] == here.outputs["evaluation"].metadata["eval_auc"]
    assert len(made["classification"]["artifacts"][0]["metadata"]["confidenceMetrics"]) > 2


def _digested(artifact: Any) -> dict[str, str]:
    from penstock.artifacts import digest_tree

    return {"kind": artifact.kind, "digest": digest_tree(artifact.path)}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"splits": ["eval", "test"]}, "no split 'test'. They have: eval, train"),
        (
            {"config": {**CONFIG, "slicing_specs": [{}, {"feature_keys": ["carier"]}, BY_CARRIER]}},
            "Did you mean 'carrier'",
        ),
        (
            {"config": {**CONFIG, "model_specs": [{"label_key": "distance"}]}},
            "needs labels 0 and 1, and 'distance' has",
        ),
        ({"config": {**CONFIG, "model_specs": [{"label_key": "origin"}]}}, "is string, not a number"),
        ({"confidence": 95}, "confidence"),
        ({"importance": {"repeat": 3}}, "repeats"),
    ],
)
def test_bad_input_is_one_clear_line(
    evaluate: Run, models: Callable[..., Model], params: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput) as error:
        evaluate(models(), **params)
    assert message in str(error.value)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_a_baseline_whose_columns_are_gone_may_be_left_out(
    evaluate: Run, models: Callable[..., Model], tmp_path: Path
) -> None:
    old = tmp_path / "old"
    shutil.copytree(models().path, old)
    features = json.loads((old / "features.json").read_text())
    features["raw"]["weather"] = "float"
    (old / "features.json").write_text(json.dumps(features))
    with pytest.raises(BadInput, match=r"the baseline model needs the column 'weather'.*use_baseline: false"):
        evaluate(models(), Model(old))
    result = evaluate(models(), Model(old), use_baseline=False)
    assert result.parameters == {"gate": "open"}
    assert result.outputs["blessing"].metadata["baseline_digest"] == ""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_tfma_on_beam_decides_the_same(
    tmp_path: Path, flights: Callable[..., Any], models: Callable[..., Model]
) -> None:
    few = Examples(tmp_path / "examples")
    few.write("eval", flights((10, 12), 1000))
    inputs = {"examples": few, "model": models(noise=0.4), "baseline": models()}
    config = {**CONFIG, "slicing_specs": [{}, BY_CARRIER]}
    params = {"eval_config": config, "splits": ["eval"], "bootstrap_replicates": 50}
    own, theirs = (
        run_component(SPEC, run, tmp_path / engine, params={**params, "engine": engine}, inputs=inputs)
        for engine in ("vectorised", "tfma")
    )
    assert own.decision
    assert theirs.decision
    assert own.decision.verdict == theirs.decision.verdict
    assert [reason.text for reason in own.decision.reasons] == [reason.text for reason in theirs.decision.reasons]
    names = [{p.name for p in result.outputs["evaluation"].path.iterdir()} for result in (own, theirs)]
    assert names[0] == names[1]


def test_a_model_that_was_not_made_by_a_trainer_is_bad_input(evaluate: Run, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(BadInput, match=r"features\.json is missing or damaged"):
        evaluate(Model(tmp_path / "model"))


def test_a_model_that_cannot_be_loaded_breaks(evaluate: Run, models: Callable[..., Model], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "features.json").write_text((models().path / "features.json").read_text())
    with pytest.raises(PenstockError, match="no signature 'serve_tensors' can be loaded"):
        evaluate(Model(tmp_path / "model"))

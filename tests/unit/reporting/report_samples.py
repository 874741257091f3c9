"""Artifacts and views with everything in them, worked out by hand, and names that break careless pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from penstock.artifacts import (
    Anomalies,
    Artifact,
    Consequence,
    Decision,
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
    Reason,
    Statistics,
    Tuning,
    Verdict,
)
from penstock.artifacts.plots import (
    PLOTS_FILE,
    CalibrationBin,
    Curve,
    EvaluationPlots,
    Histogram,
    Importance,
    ModelPlots,
)
from penstock.artifacts.tuning import Study, Trial
from penstock.reporting.views import ArtifactView, Baseline, Findings, RunView, TaskView

HOSTILE = "<script>alert('x')</script>&\"'</style>"
"""A column's name that must never be more than text."""


def reason(rule: str, subject: str, verdict: Verdict, text: str, **evidence: object) -> Reason:
    return Reason(rule=rule, subject=subject, verdict=verdict, text=text, evidence=evidence)


REFUSED = Decision(
    verdict=Verdict.FAILED,
    consequence=Consequence.STOP,
    reasons=(
        reason(
            "auc.value_threshold", "carrier=HA", Verdict.FAILED, "auc of carrier=HA is 0.4; asked: 0.5", metric="auc"
        ),
        reason("auc.value_threshold", "overall", Verdict.SUCCESSFUL, "auc of overall is 0.75", metric="auc"),
        reason("auc.fairness_gap", "carrier", Verdict.SUCCESSFUL, "a gap of 0.35", metric="auc", most=0.5),
    ),
)
PROVEN = Decision(
    verdict=Verdict.SUCCESSFUL,
    consequence=Consequence.PROCEED,
    reasons=(reason("min_qps", "load test", Verdict.SUCCESSFUL, "at least 20 requests per second"),),
)


def entry(name: str, rows: int, candidate: float, baseline: float) -> dict[str, object]:
    difference = candidate - baseline
    roles = {
        "candidate": [candidate, candidate - 0.01, candidate + 0.01],
        "baseline": [baseline, baseline - 0.01, baseline + 0.01],
        "difference": [difference, difference - 0.005, difference + 0.005],
    }
    return {"slice": name, "rows": rows, "metrics": {"auc": roles}}


EVALUATION = {
    "confidence": 0.95,
    "judged_split": "eval",
    "metrics": ["example_count", "auc"],
    "splits": {
        "train": {"slices": [entry("overall", 300, 0.8, 0.78)]},
        "eval": {
            "slices": [
                entry("overall", 100, 0.75, 0.74),
                entry("carrier=UA", 60, 0.76, 0.7),
                entry("carrier=B6", 30, 0.7, 0.72),
                entry("carrier=HA", 10, 0.4, 0.39),
            ]
        },
    },
}


def model_plots(shift: float) -> ModelPlots:
    return ModelPlots(
        roc={"1": Curve(x=(0.0, 0.2, 1.0), y=(0.0, 0.6 + shift, 1.0), area=0.7 + shift)},
        precision_recall={"1": Curve(x=(0.0, 0.5, 1.0), y=(1.0, 0.6 + shift, 0.3), area=0.6 + shift)},
        calibration={
            "1": (
                CalibrationBin(rows=50, mean_score=0.2, mean_label=0.25, lower=0.2, upper=0.3),
                CalibrationBin(rows=50, mean_score=0.6, mean_label=0.5, lower=0.4, upper=0.6),
            )
        },
        scores={
            "0": Histogram(edges=(0.0, 0.5, 1.0), counts=(40, 10)),
            "1": Histogram(edges=(0.0, 0.5, 1.0), counts=(20, 30)),
        },
        confusion=((40, 10), (20, 30)),
    )


PLOTS = EvaluationPlots(
    split="eval",
    rows=100,
    task="binary",
    classes=("on time", "late"),
    confidence=0.95,
    candidate=model_plots(0.05),
    baseline=model_plots(0.0),
    importance_metric="auc",
    importance=(
        Importance(feature="hour", drop=0.12, lower=0.1, upper=0.14),
        Importance(feature=HOSTILE, drop=-0.001, lower=-0.003, upper=0.001),
    ),
)
REGRESSION = EvaluationPlots(
    split="eval",
    rows=100,
    task="regression",
    confidence=0.9,
    candidate=ModelPlots(
        residuals=Histogram(edges=(-2.0, 0.0, 2.0), counts=(45, 55)),
        estimate_by_label=(
            CalibrationBin(rows=50, mean_score=10.0, mean_label=11.0, lower=10.5, upper=11.5),
            CalibrationBin(rows=50, mean_score=20.0, mean_label=19.0, lower=18.0, upper=20.0),
        ),
    ),
)
MULTICLASS = EvaluationPlots(
    split="eval",
    rows=60,
    task="multiclass",
    classes=("setosa", "versicolor", "virginica"),
    confidence=0.95,
    candidate=ModelPlots(
        roc={name: Curve(x=(0.0, 1.0), y=(0.0, 1.0), area=0.5) for name in ("setosa", "versicolor", "virginica")},
        confusion=((20, 0, 0), (1, 18, 1), (0, 2, 18)),
    ),
)
STUDY = Study(
    objective="loss",
    direction="minimize",
    space={"learning_rate": {"low": 0.001, "high": 0.1}},
    trials=(
        Trial(number=0, state="complete", parameters={"learning_rate": 0.01}, value=0.5, losses=(0.6, 0.5)),
        Trial(number=1, state="pruned", parameters={"learning_rate": 0.1}, losses=(0.9,)),
        Trial(number=2, state="complete", parameters={"learning_rate": 0.02}, value=0.45, losses=(0.55, 0.45)),
    ),
    best=2,
    best_parameters={"learning_rate": 0.02},
    importance={"learning_rate": 1.0},
    stopped_by="trials",
)
ANOMALIES = {
    "findings": [
        {
            "split": "eval",
            "feature": HOSTILE,
            "rule": "enum_type_unexpected_string_values",
            "kind": "rows",
            "text": "values that the schema does not know",
            "rows": 3,
            "fraction": 0.03,
            "examples": [{"_row": 7, HOSTILE: "<b>odd</b>", "hour": 12}, {"_row": 9, HOSTILE: None, "hour": 3}],
        },
        {
            "split": "eval",
            "feature": "gone",
            "rule": "schema_missing_column",
            "kind": "structure",
            "text": "is missing",
        },
    ],
    "distances": {
        "eval": [
            {"feature": "hour", "of": "drift", "type": "jensen_shannon_divergence", "value": 0.4, "threshold": 0.1},
            {"feature": HOSTILE, "of": "skew", "type": "l_infty", "value": 0.01, "threshold": 0.03},
        ]
    },
}
HISTORY = [
    {"epoch": 1, "steps": 10, "train": {"loss": 0.7, "auc": 0.6}, "eval": {"loss": 0.72, "auc": 0.58}},
    {"epoch": 2, "steps": 20, "train": {"loss": 0.5, "auc": 0.8}, "eval": {"loss": 0.6, "auc": 0.75}},
]


def write_statistics(path: Path) -> Statistics:
    """`hour` (10 rows of train: 2 missing; standard bins 0-12: 6, 12-24: 2) and a text column, in two splits."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    statistics = Statistics(path)
    for split, rows in (("train", 10), ("eval", 5)):
        found = statistics_pb2.DatasetFeatureStatisticsList()
        dataset = found.datasets.add(num_examples=rows)
        hour = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
        hour.path.step.append("hour")
        numbers = hour.num_stats
        numbers.common_stats.num_non_missing = rows - 2
        numbers.min, numbers.max, numbers.mean, numbers.median, numbers.std_dev = 0, 24, 9.5, 8, 4.25
        histogram = numbers.histograms.add(type=statistics_pb2.Histogram.STANDARD)
        histogram.buckets.add(low_value=0, high_value=12, sample_count=rows - 4)
        histogram.buckets.add(low_value=12, high_value=24, sample_count=2)
        carrier = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
        carrier.path.step.append(HOSTILE)
        carrier.string_stats.common_stats.num_non_missing = rows
        carrier.string_stats.unique = 2
        carrier.string_stats.top_values.add(value="<i>UA</i>", frequency=rows - 1)
        carrier.string_stats.top_values.add(value="HA", frequency=1)
        statistics.write(split, found)
    return statistics


def write_artifacts(folder: Path) -> dict[str, Artifact]:
    """One of every artifact that a report reads, by the name of the reporter's input."""
    anomalies = Anomalies(folder / "anomalies")
    anomalies.write_json("anomalies.json", ANOMALIES)
    anomalies.write_json("decision.json", PROVEN)
    model = Model(folder / "model", metadata={"device": "cpu", "rows": 300})
    model.write_json("history.json", HISTORY)
    tuning = Tuning(folder / "tuning")
    tuning.write(STUDY)
    evaluation = ModelEvaluation(folder / "evaluation")
    evaluation.write_json("evaluation.json", EVALUATION)
    evaluation.write_json(PLOTS_FILE, PLOTS)
    evaluation.write_json("decision.json", REFUSED)
    blessing = ModelBlessing(folder / "blessing")
    blessing.write_json("decision.json", REFUSED)
    infra = InfraBlessing(folder / "infra_blessing")
    infra.write_json("decision.json", PROVEN)
    return {
        "statistics": write_statistics(folder / "statistics"),
        "anomalies": anomalies,
        "tuning": tuning,
        "model": model,
        "evaluation": evaluation,
        "blessing": blessing,
        "infra_blessing": infra,
    }


def run_view(findings: Findings | None = None) -> RunView:
    """A run of three tasks, the middle one cached, the last one a gate that said no."""
    made = ArtifactView(name="model", kind="model", digest="sha256:" + "ab" * 32, uri="/runs/r/train/model")
    return RunView(
        title="flights",
        findings=findings or Findings(),
        run_id="flights-1",
        pipeline="flights",
        pipeline_digest="sha256:" + "cd" * 32,
        state="complete",
        exit_code=3,
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        seconds=10.0,
        user="ada",
        host="engine",
        penstock_version="0.1.0",
        parameters={"train_epochs": 2, "note": HOSTILE},
        tasks=(
            TaskView(name="ingest", component="ingest", state="complete", started_after=0.0, seconds=2.0, rows=100),
            TaskView(name="train", component="trainer", state="cached", after=("ingest",), outputs=(made,)),
            TaskView(
                name="evaluate",
                component="evaluator",
                state="complete",
                after=("ingest", "train"),
                started_after=5.0,
                seconds=5.0,
                decision=REFUSED,
                parameters={"settings": {"seed": 1}, "splits": ["eval"]},
                inputs=(made,),
            ),
        ),
        sources=("flights.csv (sha256:0)",),
        baselines=(Baseline(digest="sha256:" + "ef" * 32, run_id="flights-0"),),
    )

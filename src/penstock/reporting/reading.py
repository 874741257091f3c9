"""From artifacts to views: what a run's files say.

Used where a run is looked at and inside the component that writes its report. Tolerant: what an artifact does not
hold is left out, and what cannot be read is named as a problem, so that one damaged file never hides the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from penstock.artifacts import (
    Anomalies,
    Artifact,
    Decision,
    Model,
    ModelEvaluation,
    Statistics,
    Tuning,
)
from penstock.artifacts.plots import PLOTS_FILE, EvaluationPlots
from penstock.reporting.files import HISTORY, AnomaliesFile, EvaluationFile
from penstock.reporting.statistics import feature_views, split_rows
from penstock.reporting.views import (
    DataView,
    Distance,
    Estimate,
    EvaluationView,
    Findings,
    FindingView,
    SliceView,
    TrainingView,
    TuningView,
)

T = TypeVar("T")

_DECISION, _ANOMALIES, _HISTORY, _EVALUATION = "decision.json", "anomalies.json", "history.json", "evaluation.json"
_FAIRNESS = ".fairness_gap"
_GRAVITY = {"structure": 0, "rows": 1, "values": 2}


def read_findings(
    made: Iterable[tuple[str, Sequence[Artifact]]], decided: Mapping[str, Decision] | None = None
) -> Findings:
    """Read all that can be shown of a run's artifacts.

    Args:
        made: Tasks and the artifacts that each made, in the order of the page.
        decided: What gates decided, by task; for other tasks the `decision.json` in their artifacts counts.

    Returns:
        What they say, and what of it could not be read.
    """
    reader = _Reader()
    gates = dict(decided or {})
    data, training, tuning, evaluations = [], [], [], []
    for task, artifacts in made:
        kinds = {artifact.kind: artifact for artifact in artifacts}
        for artifact in artifacts:
            if task not in gates and (decision := reader.file(task, artifact, _DECISION, Decision.model_validate_json)):
                gates[task] = decision
        statistics, anomalies = kinds.get(Statistics.kind), kinds.get(Anomalies.kind)
        if isinstance(statistics, Statistics) or anomalies:
            said = reader.file(task, anomalies, _ANOMALIES, AnomaliesFile.model_validate_json) or AnomaliesFile()
            protos = reader.statistics(task, statistics) if isinstance(statistics, Statistics) else {}
            data.append(data_view(task, protos, said))
        if model := kinds.get(Model.kind):
            history = reader.file(task, model, _HISTORY, HISTORY.validate_json)
            training += [_training(task, history, model)] if history else []
        if study := reader.file(task, kinds.get(Tuning.kind), "study.json", _study):
            tuning.append(TuningView(task=task, study=study))
        if evaluation := kinds.get(ModelEvaluation.kind):
            document = reader.file(task, evaluation, _EVALUATION, EvaluationFile.model_validate_json)
            plots = reader.file(task, evaluation, PLOTS_FILE, EvaluationPlots.model_validate_json)
            evaluations.append(evaluation_view(task, document or EvaluationFile(), plots, gates.get(task)))
    return Findings(
        data=tuple(data),
        training=tuple(training),
        tuning=tuple(tuning),
        evaluations=tuple(evaluations),
        gates=tuple(gates.items()),
        problems=tuple(reader.problems),
    )


class _Reader:
    """Reads files, and remembers those that it could not read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def file(self, task: str, artifact: Artifact | None, name: str, parse: Callable[[str], T]) -> T | None:
        """One file of an artifact; None where it is not there or not readable."""
        if artifact is None or not (artifact.path / name).is_file():
            return None
        return self.tried(f"{task}: {artifact.kind}/{name}", lambda: parse(artifact.read_text(name)))

    def statistics(self, task: str, statistics: Statistics) -> dict[str, Any]:
        """The statistics of every split that can be read."""
        found = {}
        for split in statistics.splits():
            value = self.tried(f"{task}: {statistics.kind}/Split-{split}", lambda split=split: statistics.read(split))  # type: ignore[misc]
            if value is not None:
                found[split] = value
        return found

    def tried(self, what: str, read: Callable[[], T]) -> T | None:
        from google.protobuf.message import DecodeError

        try:
            return read()
        except OSError as error:
            self.problems.append(f"{what}: {(error.strerror or str(error)).lower()}")
        except (ValueError, DecodeError):
            self.problems.append(f"{what}: damaged, or not written by this version of Penstock")
        return None


def _study(text: str) -> Any:
    from penstock.artifacts.tuning import Study

    return Study.model_validate_json(text)


def data_view(task: str, statistics: Mapping[str, Any], said: AnomaliesFile) -> DataView:
    """Join what is measured of the columns with what is found wrong with them."""
    distances: dict[str, list[Distance]] = {}
    for split, found in said.distances.items():
        for d in found:
            distance = Distance(split=split, of=d.of, type=d.type, value=d.value, threshold=d.threshold)
            distances.setdefault(d.feature, []).append(distance)
    findings = [
        FindingView(
            split=f.split,
            feature=f.feature,
            rule=f.rule,
            kind=f.kind,
            text=f.text,
            rows=f.rows,
            fraction=f.fraction,
            examples=f.examples,
        )
        for f in said.findings
    ]
    spoken_of = [finding.feature for finding in findings]
    features = [
        feature.with_findings(tuple(distances.get(feature.name, ())), spoken_of.count(feature.name))
        for feature in feature_views(statistics)
    ]
    return DataView(
        task=task,
        splits=split_rows(statistics),
        features=tuple(sorted(features, key=lambda f: (not f.drifted, -f.findings, f.name))),
        findings=tuple(sorted(findings, key=lambda f: (_GRAVITY.get(f.kind, 0), -(f.rows or 0)))),
    )


def _training(task: str, history: Sequence[Any], model: Artifact) -> TrainingView:
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for epoch in history:
        for split, metrics in epoch.metrics().items():
            for metric, value in metrics.items():
                curves.setdefault(metric, {}).setdefault(split, []).append((epoch.epoch, value))
    facts = {key: value for key, value in model.metadata.items() if key not in ("kind", "digest")}
    frozen = {metric: {split: tuple(points) for split, points in found.items()} for metric, found in curves.items()}
    return TrainingView(task=task, curves=frozen, facts=facts)


def evaluation_view(
    task: str, document: EvaluationFile, plots: EvaluationPlots | None, decision: Decision | None
) -> EvaluationView:
    """Join the metrics of every slice with what the gate says of it."""
    reasons = decision.reasons if decision else ()
    slices = [
        SliceView(
            split=split,
            name=entry.slice,
            rows=entry.rows,
            metrics={
                metric: {role: Estimate(value=v, lower=low, upper=high) for role, (v, low, high) in roles.items()}
                for metric, roles in entry.metrics.items()
            },
            reasons=tuple(r for r in reasons if r.subject == entry.slice and split == document.judged_split),
        )
        for split, found in document.splits.items()
        for entry in found.slices
    ]
    return EvaluationView(
        task=task,
        judged_split=document.judged_split,
        confidence=document.confidence,
        metrics=document.metrics,
        slices=tuple(slices),
        gaps=tuple(reason for reason in reasons if reason.rule.endswith(_FAIRNESS)),
        plots=plots,
    )

"""What is written for Kubeflow's pages is what kfp's own types would have written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format, struct_pb2
from kfp import dsl

from components.evaluator.measurement import Role
from components.evaluator.plots import draw, for_kubeflow
from penstock.artifacts import Artifact, Classification, Metrics
from penstock.artifacts.plots import ClassificationPlots, EvaluationPlots
from penstock.artifacts.task import Task
from penstock.provenance.artifacts import record_of
from penstock.sdk.executor import RuntimeArtifact, executor_output

LABEL, SCORE = [1, 0, 1, 0, 0], [0.9, 0.8, 0.8, 0.3, 0.1]


def plots(task: Task, label: object, score: object) -> EvaluationPlots:
    scores = {Role.CANDIDATE: np.array(score, float)}
    return draw(np.array(label, float), scores, task, split="eval", confidence=0.95)


@pytest.fixture
def written(tmp_path: Path) -> Classification:
    artifact = Classification(tmp_path)
    artifact.write(for_kubeflow(plots(Task(kind="binary", classes=("on time", "late")), LABEL, SCORE)))
    artifact.metadata.update(kind=artifact.kind, digest="sha256:00")
    return artifact


def told(artifact: Artifact) -> dict[str, object]:
    document = json.loads(executor_output({"out": artifact}, {}))
    found: dict[str, object] = document["artifacts"]["out"]["artifacts"][0]["metadata"]
    return found


def test_kfps_own_type_logs_the_same(written: Classification) -> None:
    theirs = dsl.ClassificationMetrics()
    theirs.log_roc_curve([0, 0, 0.333333, 1], [0, 0.5, 1, 1], [1.0, 0.9, 0.8, 0.1])
    theirs.log_confusion_matrix(["on time", "late"], [[2, 1], [0, 2]])
    assert told(written) == {**theirs.metadata, "kind": "classification", "digest": "sha256:00"}


def test_it_passes_through_the_message_that_the_launcher_reads(written: Classification) -> None:
    """The launcher reads metadata as a Struct, the page finds lists and structures in it."""
    message = json_format.ParseDict(told(written), struct_pb2.Struct())
    assert message["confusionMatrix"]["rows"][1]["row"][1] == 2
    assert {key for point in message["confidenceMetrics"] for key in point} == {
        "confidenceThreshold", "recall", "falsePositiveRate"
    }  # fmt: skip


def test_several_classes_have_a_matrix_and_no_curve() -> None:
    score = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]
    shown = for_kubeflow(plots(Task(kind="multiclass", classes=("a", "b", "c")), [0, 1, 1, 2], score))
    assert shown.confidenceMetrics is None
    assert shown.confusionMatrix
    assert [spec.displayName for spec in shown.confusionMatrix.annotationSpecs] == ["a", "b", "c"]
    assert [row.row for row in shown.confusionMatrix.rows] == [(1, 0, 0), (1, 1, 0), (0, 0, 1)]


def test_a_matrix_of_too_many_classes_is_left_out() -> None:
    names = tuple(f"c{i}" for i in range(60))
    score = np.random.default_rng(0).dirichlet(np.ones(60), 80)
    assert (
        for_kubeflow(plots(Task(kind="multiclass", classes=names), np.arange(80) % 60, score)).confusionMatrix is None
    )


def test_two_classes_without_names_are_called_by_their_labels() -> None:
    matrix = for_kubeflow(plots(Task(kind="binary"), LABEL, SCORE)).confusionMatrix
    assert matrix
    assert [spec.displayName for spec in matrix.annotationSpecs] == ["0", "1"]


def test_of_a_regression_nothing_is_drawn(tmp_path: Path) -> None:
    shown = for_kubeflow(plots(Task(kind="regression"), [1.5, 2, 3], [1, 2, 4]))
    assert shown == ClassificationPlots()
    artifact = Classification(tmp_path)
    artifact.write(shown)
    assert told(artifact) == {}
    assert (tmp_path / "classification.json").read_text() == "{}\n"


def test_one_class_alone_has_a_matrix_and_no_curve() -> None:
    shown = for_kubeflow(plots(Task(kind="binary"), [0, 0], [0.2, 0.6]))
    assert shown.confidenceMetrics is None
    assert shown.confusionMatrix


def test_where_the_files_are_not_here_the_metadata_alone_is_told(tmp_path: Path) -> None:
    assert told(Classification(tmp_path / "gone", metadata={"kind": "classification"})) == {"kind": "classification"}


def test_metrics_are_a_row_a_number(tmp_path: Path) -> None:
    artifact = Metrics(tmp_path)
    artifact.write({"eval_auc": 0.75, "eval_example_count": 100})
    artifact.metadata.update(kind="metrics", digest="sha256:00")
    theirs = dsl.Metrics()
    theirs.log_metric("eval_auc", 0.75)
    theirs.log_metric("eval_example_count", 100)
    assert told(artifact) == theirs.metadata
    assert json.loads((tmp_path / "metrics.json").read_text()) == theirs.metadata


def test_the_lineage_keeps_what_is_flat(written: Classification) -> None:
    record = record_of("classification", RuntimeArtifact(uri="/x", metadata=told(written)))
    assert (record.kind, record.digest, record.metadata) == ("classification", "sha256:00", {})

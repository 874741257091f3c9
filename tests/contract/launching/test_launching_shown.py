"""What Kubeflow's pages draw of work that was taken from an earlier run, in a store that no pod has mounted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.artifacts import Classification, digest_tree
from penstock.artifacts.plots import AnnotationSpec, ClassificationPlots, ConfusionMatrix, ConfusionRow
from penstock.launching.stored import hand_on
from penstock.lineage.records import ArtifactRecord
from penstock.sdk.executor import ExecutorInput, executor_output
from penstock.sdk.spec import Out
from penstock.storage import at
from tests.servers.kubeflow_launcher import Run, local_path

MATRIX = ConfusionMatrix(
    annotationSpecs=(AnnotationSpec(displayName="no"), AnnotationSpec(displayName="yes")),
    rows=(ConfusionRow(row=(3, 1)), ConfusionRow(row=(0, 2))),
)


@pytest.fixture
def address(s3_run: Run) -> Iterator[str]:
    yield f"{s3_run.root}/classification"
    shutil.rmtree(local_path(s3_run.root).parent, ignore_errors=True)


@pytest.mark.store
def test_a_matrix_is_drawn_again(address: str, tmp_path: Path) -> None:
    Classification(tmp_path / "made").write(ClassificationPlots(confusionMatrix=MATRIX))
    at(f"{address}/first").publish(tmp_path / "made", last="classification.json")
    record = ArtifactRecord(
        kind="classification",
        uri=f"{address}/first",
        digest=digest_tree(tmp_path / "made"),
        name="classification",
        metadata={},
    )
    given = {"artifacts": [{"name": "classification", "uri": f"{address}/second", "metadata": {}}]}
    document = {"outputs": {"artifacts": {"classification": given}}}
    handed = hand_on(record, Out(Classification), ExecutorInput.model_validate(document))
    told = json.loads(executor_output({"classification": handed}, {}))["artifacts"]["classification"]["artifacts"][0]
    assert told["uri"] == f"{address}/second"
    assert told["metadata"] == {
        "kind": "classification",
        "digest": record.digest,
        "confusionMatrix": MATRIX.model_dump(mode="json"),
    }
    assert at(f"{address}/second").digest() == record.digest

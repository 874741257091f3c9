"""Every kind of feature from a table to a server of another TensorFlow: trained, exported, served, and compared."""

import json
import subprocess

import numpy as np
import pyarrow as pa
import pytest

from components.trainer.main import SPEC as TRAINER
from components.trainer.main import run as train
from components.transform.main import SPEC as TRANSFORM
from components.transform.main import run as transform
from penstock.artifacts import Examples
from penstock.artifacts.features import FeatureSpec
from penstock.sdk.testkit import run_component
from tests.components.infra_validator.conftest import ENVIRONMENT, PYTHON, REPOSITORY, Judged, executor_input
from tests.components.transform import flights

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]
CLASSES = ["near", "far", "very far"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of three classes on 2,000 real flights: how far does it go?"""
    folder = tmp_path_factory.mktemp("served")
    source, examples = flights.examples(folder / "source", 2000), Examples(folder / "examples")
    for split in source.splits():
        table = source.read(split)
        label = np.searchsorted([800, 1600], table.column("distance").to_numpy(), side="right")
        examples.write(split, table.append_column("how_far", pa.array(label)))
    schema = flights.schema(folder, [*flights.COLUMNS, "how_far"])
    params = {"label": "how_far", "features": flights.FEATURES}
    inputs = {"examples": examples, "schema": schema}
    transformed = run_component(TRANSFORM, transform, folder / "transformed", params=params, inputs=inputs).outputs
    params = {"task": "multiclass", "classes": CLASSES, "hidden_units": [16], "epochs": 2}
    inputs = {"examples": examples, "schema": schema, **transformed}
    return run_component(TRAINER, train, folder / "trained", params=params, inputs=inputs).outputs["model"]


def test_the_golden_rows_hold_gaps_and_know_the_classes(model):
    golden = model.read_json("golden.json")
    scores = np.array(golden["scores"])
    assert scores.shape == (len(golden["rows"]), 3)
    assert scores.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert len(set(scores.argmax(axis=1))) > 1  # rows that differ
    spec = FeatureSpec.model_validate(model.read_json("features.json"))
    kinds = {(feature.kind, feature.width > 1) for feature in spec.transformed.values()}
    assert kinds == {("dense", False), ("dense", True), ("index", False), ("tokens", True)}
    for gap in ("plane", "wind_gust", "temp"):
        assert any(row[gap] is None for row in golden["rows"]), gap


def test_serving_answers_what_training_did(model, tmp_path):
    document = json.dumps(executor_input(model.path, tmp_path, {"load_seconds": 0.5}))
    command = [str(PYTHON), "-m", "components.infra_validator.main", document]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    judged = Judged(done.returncode, done.stderr, tmp_path)
    assert (judged.code, judged.error) == (0, "")
    assert judged.metadata["verdict"] == "Successful", [reason.text for reason in judged.decision.reasons]
    assert judged.metadata["golden_rows"] == len(model.read_json("golden.json")["rows"])

"""What a pusher is given: six artifacts written by hand, in the layouts of their nouns."""

import json
from pathlib import Path

import pytest

from penstock.artifacts import (
    Consequence,
    Decision,
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
    Reason,
    Schema,
    TransformGraph,
    Verdict,
    digest_tree,
)

REASON = Reason(
    rule="auc.value_threshold",
    subject="overall",
    verdict=Verdict.SUCCESSFUL,
    text="auc of overall is 0.7",
    evidence={"metric": "auc", "estimate": 0.7, "lower": 0.69, "upper": 0.71, "least": 0.6},
)
EVALUATION = {
    "judged_split": "eval",
    "confidence": 0.95,
    "splits": {
        "train": {"slices": [{"slice": "overall", "rows": 9, "metrics": {"auc": {"candidate": [0.9, None, None]}}}]},
        "eval": {
            "slices": [
                {
                    "slice": "overall",
                    "rows": 200,
                    "metrics": {"auc": {"candidate": [0.7, 0.69, 0.71], "baseline": [0.6, 0.5, 0.7]}},
                },
                {"slice": "origin=JFK", "rows": 70, "metrics": {"auc": {"candidate": [0.66, 0.6, 0.72]}}},
            ]
        },
    },
}
EVAL_CONFIG = {"metricsSpecs": [{"thresholds": {"auc": {"valueThreshold": {"lowerBound": 0.6}}}}]}


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def bless(noun, folder, verdict=Verdict.SUCCESSFUL, **metadata):
    consequence = Consequence.PROCEED if verdict is Verdict.SUCCESSFUL else Consequence.STOP
    decision = Decision(verdict=verdict, consequence=consequence, reasons=(REASON,))
    folder.mkdir(exist_ok=True)
    blessing = noun(folder)
    blessing.write_json("decision.json", decision)
    blessing.metadata.update(verdict=verdict, digest=digest_tree(folder), **metadata)
    return blessing


def make_inputs(folder: Path, model_files=None):
    model_files = model_files or {
        "saved_model/saved_model.pb": b"\x08\x01graph",
        "saved_model/variables/variables.index": b"index",
        "features.json": "{}",
        "golden.json": "{}",
        "history.json": "{}",
    }
    files = {
        "model": model_files,
        "schema": {"schema.pbtxt": "feature {}\n"},
        "transform_graph": {"transform_fn/saved_model.pb": b"tft", "transformed_metadata/schema.pbtxt": ""},
        "evaluation": {
            "evaluation.json": json.dumps(EVALUATION),
            "eval_config.json": json.dumps({"evalConfig": EVAL_CONFIG, "version": "0.47.1"}),
        },
    }
    for name, content in files.items():
        write(folder / name, content)
    nouns = {"model": Model, "schema": Schema, "transform_graph": TransformGraph, "evaluation": ModelEvaluation}
    inputs = {n: noun(folder / n, metadata={"digest": digest_tree(folder / n)}) for n, noun in nouns.items()}
    judged = {"model_digest": inputs["model"].digest}
    inputs["blessing"] = bless(ModelBlessing, folder / "blessing", baseline_digest="sha256:before", **judged)
    inputs["infra_blessing"] = bless(InfraBlessing, folder / "infra_blessing", **judged)
    return inputs


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "inputs"
    folder.mkdir()
    return make_inputs(folder)

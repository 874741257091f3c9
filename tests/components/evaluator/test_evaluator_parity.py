"""The vectorised engine against TFMA itself, on Beam: same configuration, same rows, same models."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator.engine_tfma import read_plots
from components.evaluator.engines import ENGINES, Job
from components.evaluator.inputs import read_features, read_label
from components.evaluator.measurement import Role
from components.evaluator.metrics import METRICS, labels_of
from components.evaluator.plan import make_plan, read_eval_config
from components.evaluator.scoring import open_model
from components.evaluator.tasks import read_task
from penstock.artifacts import Model
from penstock.artifacts.features import dense_columns

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TFMA warns for every row


def job(config: dict[str, Any], table: pa.Table, models: dict[Role, Model], scratch: Path) -> Job:
    read = read_eval_config(config)
    label = read_features(models[Role.CANDIDATE]).label
    plan = make_plan(read, only_known=False, task=read_task(models[Role.CANDIDATE]))
    return Job(
        split="eval",
        rows_available=table.num_rows,
        table=table,
        label=read_label(table, label, "eval"),
        models=models,
        scores={
            role: open_model(model)(dense_columns(table, read_features(model).raw)) for role, model in models.items()
        },
        plan=replace(plan, label=label),
        config=read,
        replicates=50,
        seed=0,
        scratch=scratch,
    )


def test_every_metric_of_every_slice_agrees(
    models: Callable[..., Model], flights: Callable[..., pa.Table], tmp_path: Path
) -> None:
    bound = {"value_threshold": {"lower_bound": 0.5}}
    of_one_score = [name for name, metric in METRICS.items() if labels_of(metric) != "class"]
    names = [name for name in of_one_score if name not in ("AUC", "BinaryCrossEntropy")]
    config = {
        "model_specs": [{"label_key": "late"}],
        "slicing_specs": [
            {},
            {"feature_keys": ["carrier"]},
            {"feature_keys": ["month", "origin"]},
            {"feature_values": {"origin": "JFK"}, "feature_keys": ["carrier"]},
        ],
        "metrics_specs": [
            {
                "metrics": [
                    {"class_name": "AUC", "threshold": bound},
                    {"class_name": "BinaryCrossEntropy", "config": '{"name": "unclipped"}'},
                    {"class_name": "Precision", "config": '{"name": "precision_low", "thresholds": 0.2}'},
                    *({"class_name": name} for name in names),
                ]
            }
        ],
    }
    table = flights((10, 12), 1000)
    both = {Role.CANDIDATE: models(hour=0.35), Role.BASELINE: models(hour=0.3, noise=1.0)}
    given = job(config, table, both, tmp_path)
    own, theirs = ENGINES["vectorised"](given), ENGINES["tfma"](given)
    assert len(own.slices) == 35
    for role in own.values:
        assert np.isfinite(own.values[role][0]).all()
        assert own.values[role] == pytest.approx(theirs.values[role], abs=1e-5, nan_ok=True)
        area = own.metrics.index("auc")
        assert own.values[role][:, area] == pytest.approx(theirs.values[role][:, area], abs=1e-12, nan_ok=True)
    same = np.isclose(own.values[Role.CANDIDATE], own.values[Role.BASELINE])
    assert not same[0, [own.metrics.index(name) for name in ("auc", "precision", "calibration")]].any()


def test_tfma_brings_metrics_plots_and_missing_values_of_its_own(
    models: Callable[..., Model], flights: Callable[..., pa.Table], tmp_path: Path
) -> None:
    bound = {"value_threshold": {"lower_bound": 0.5}}
    config = {
        "model_specs": [{"label_key": "late"}],
        "slicing_specs": [{}, {"feature_keys": ["origin"]}],
        "metrics_specs": [
            {
                "metrics": [
                    {"class_name": "AUC", "threshold": bound},
                    {"class_name": "CoefficientOfDiscrimination"},
                    {"class_name": "CalibrationPlot"},
                ]
            }
        ],
    }
    table = flights((10, 12), 600)
    holes = pa.array([None if i % 10 == 0 else v for i, v in enumerate(table["origin"].to_pylist())])
    distances = pa.array([None if i % 7 == 0 else v for i, v in enumerate(table["distance"].to_pylist())])
    table = table.set_column(table.column_names.index("origin"), "origin", holes)
    table = table.set_column(table.column_names.index("distance"), "distance", distances)
    given = job(config, table, {Role.CANDIDATE: models(hour=0.3)}, tmp_path)
    own, theirs = ENGINES["vectorised"](given), ENGINES["tfma"](given)
    assert own.values[Role.CANDIDATE][:, 0] == pytest.approx(theirs.values[Role.CANDIDATE][:, 0], abs=1e-12)
    assert own.slice_rows[1:].sum() == 540
    assert np.isnan(own.values[Role.CANDIDATE][:, 1]).all()
    label, score = given.label, given.scores[Role.CANDIDATE]
    expected = score[label == 1].mean() - score[label == 0].mean()
    assert theirs.values[Role.CANDIDATE][0, 1] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(theirs.errors[Role.CANDIDATE][:, 1]).all()
    assert len(read_plots(tmp_path, "eval")) == len(own.slices)


def test_several_classes_agree_each_against_the_rest_and_on_average(
    airport_models: Callable[..., Model], airports: Callable[..., pa.Table], tmp_path: Path
) -> None:
    metrics = [{"class_name": name} for name in ("AUC", "AUCPrecisionRecall", "MeanPrediction", "BinaryCrossentropy")]
    metrics += [{"class_name": name, "config": '{"thresholds": 0.3}'} for name in ("Recall", "Precision", "F1Score")]
    bound = {"value_threshold": {"lower_bound": 0}}
    whole = [
        {"class_name": "Skill", "threshold": bound},
        {"class_name": "ExampleCount"},
        {"class_name": "SparseCategoricalAccuracy"},
        {"class_name": "SparseCategoricalCrossentropy"},
        {"class_name": "SparseTopKCategoricalAccuracy", "config": '{"k": 2}'},
    ]
    renamed = [{"class_name": "AUC", "config": '{"name": "area"}'}]
    config = {
        "slicing_specs": [{}, {"feature_keys": ["month"]}],
        "metrics_specs": [
            {"metrics": whole[:1]},
            {"metrics": whole[1:]},
            {"metrics": metrics, "aggregate": {"macro_average": True}, "binarize": {"class_ids": {"values": [0, 2]}}},
            {"metrics": metrics, "aggregate": {"micro_average": True}},
            {"metrics": renamed, "aggregate": {"weighted_macro_average": True, "class_weights": {"0": 1, "1": 2}}},
        ],
    }
    table = airports((10, 12), 350)
    both = {Role.CANDIDATE: airport_models(), Role.BASELINE: airport_models(sharp=1.0)}
    given = job(config, table, both, tmp_path)
    own, theirs = ENGINES["vectorised"](given), ENGINES["tfma"](given)
    assert len(own.metrics) == 5 + 7 * 4 + 1
    assert {"auc_class_2", "auc_macro", "auc_micro", "area_weighted_macro"} <= set(own.metrics)
    assert len(own.slices) == 4
    for role in own.values:
        assert np.isfinite(own.values[role]).all()
        assert own.values[role] == pytest.approx(theirs.values[role], abs=1e-5)
    areas = [i for i, name in enumerate(own.metrics) if name.startswith(("auc_", "area_"))]
    candidate = own.values[Role.CANDIDATE][:, areas]
    assert candidate == pytest.approx(theirs.values[Role.CANDIDATE][:, areas], abs=1e-11)
    assert len(set(candidate[0].tolist())) == len(areas)

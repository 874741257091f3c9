"""What is drawn of an evaluation, as it lies in its file."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from penstock.artifacts import ModelEvaluation
from penstock.artifacts.plots import (
    PLOTS_FILE,
    CalibrationBin,
    Curve,
    EvaluationPlots,
    Histogram,
    Importance,
    ModelPlots,
)

CANDIDATE = ModelPlots(
    roc={"yes": Curve(x=(0, 0, 1), y=(0, 0.5, 1), area=0.75)},
    calibration={"yes": (CalibrationBin(rows=10, mean_score=0.3, mean_label=0.2, lower=0.1, upper=0.5),)},
    scores={"yes": Histogram(edges=(0, 0.5, 1), counts=(3, 7))},
    confusion=((5, 1), (2, 2)),
)
PLOTS = EvaluationPlots(
    split="eval",
    rows=10,
    task="binary",
    classes=("no", "yes"),
    confidence=0.95,
    candidate=CANDIDATE,
    importance_metric="auc",
    importance=(Importance(feature="age", drop=0.1, lower=0.05, upper=0.15),),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    evaluation = ModelEvaluation(tmp_path)
    evaluation.write_json(PLOTS_FILE, PLOTS)
    assert evaluation.read_plots() == PLOTS
    assert evaluation.read_plots().baseline is None


@pytest.mark.parametrize("area", [float("nan"), float("inf")])
def test_what_no_page_could_draw_is_refused(area: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Curve(x=(0, 1), y=(0, 1), area=area)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValidationError, match="heatmap"):
        ModelPlots.model_validate({"heatmap": {}})

"""What artifacts say, as views: worked out by hand from the samples."""

from pathlib import Path

import pytest

from penstock.artifacts import Artifact, Model, ModelEvaluation, Verdict
from penstock.reporting.reading import read_findings
from penstock.reporting.views import Estimate, Findings, SliceView
from tests.unit.reporting.report_samples import HOSTILE, PLOTS, PROVEN, REFUSED, STUDY, write_artifacts


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Artifact]:
    return write_artifacts(tmp_path)


@pytest.fixture
def findings(given: dict[str, Artifact]) -> Findings:
    return read_findings([("validate", [given["statistics"], given["anomalies"]]), ("train", [given["model"]])])


def test_statistics_of_numbers(findings: Findings) -> None:
    hour = next(f for f in findings.data[0].features if f.name == "hour")
    train, evaluated = hour.splits
    assert (hour.type, train.split, train.rows, train.missing) == ("number", "train", 10, pytest.approx(0.2))
    assert (train.least, train.median, train.mean, train.deviation, train.greatest) == (0, 8, 9.5, 4.25, 24)
    assert train.histogram is not None and train.histogram.counts == (6, 2)
    assert train.histogram.edges == (0, 12, 24)
    assert (evaluated.split, evaluated.missing) == ("eval", pytest.approx(0.4))


def test_statistics_of_texts(findings: Findings) -> None:
    text = next(f for f in findings.data[0].features if f.name == HOSTILE)
    assert (text.type, text.splits[0].distinct) == ("text", 2)
    assert text.splits[0].values == (("<i>UA</i>", 9), ("HA", 1))
    assert findings.data[0].splits == (("train", 10), ("eval", 5))


def test_drifted_columns_and_grave_findings_stand_first(findings: Findings) -> None:
    data = findings.data[0]
    assert [(f.name, f.drifted, f.findings) for f in data.features] == [("hour", True, 0), (HOSTILE, False, 1)]
    assert [f.kind for f in data.findings] == ["structure", "rows"]
    assert data.findings[1].examples[0]["_row"] == 7


def test_training_curves_by_metric_and_split(findings: Findings) -> None:
    training = findings.training[0]
    assert training.curves["loss"] == {"train": ((1, 0.7), (2, 0.5)), "eval": ((1, 0.72), (2, 0.6))}
    assert sorted(training.curves) == ["auc", "loss"]
    assert training.facts == {"device": "cpu", "rows": 300}


def said(part: SliceView) -> Verdict | None:
    reason = part.reason_for("auc")
    assert part.reason_for("loss") is None
    return reason.verdict if reason else None


def test_evaluation_with_what_the_gate_says(given: dict[str, Artifact]) -> None:
    found = read_findings([("evaluate", [given["evaluation"], given["blessing"]])])
    evaluation = found.evaluations[0]
    assert found.gates == (("evaluate", REFUSED),)
    assert evaluation.plots == PLOTS
    assert [(s.split, s.name, said(s)) for s in evaluation.slices] == [
        ("eval", "overall", Verdict.SUCCESSFUL),
        ("eval", "carrier=UA", None),
        ("eval", "carrier=B6", None),
        ("eval", "carrier=HA", Verdict.FAILED),
        ("train", "overall", None),
    ]
    assert evaluation.slices[0].metrics["auc"]["candidate"] == Estimate(value=0.75, lower=0.74, upper=0.76)
    assert [gap.rule for gap in evaluation.gaps] == ["auc.fairness_gap"]
    assert evaluation.has_baseline


def test_a_decision_that_the_lineage_knows_counts_more(given: dict[str, Artifact]) -> None:
    found = read_findings([("evaluate", [given["evaluation"]])], {"evaluate": PROVEN})
    assert found.gates == (("evaluate", PROVEN),)


def test_a_study_is_read(given: dict[str, Artifact]) -> None:
    assert read_findings([("tune", [given["tuning"]])]).tuning[0].study == STUDY


def test_an_evaluation_of_an_earlier_version_has_no_plots(given: dict[str, Artifact]) -> None:
    (given["evaluation"].path / "plots.json").unlink()
    found = read_findings([("evaluate", [given["evaluation"]])])
    assert (found.evaluations[0].plots, found.problems) == (None, ())
    assert found.evaluations[0].slices


UNEVEN = PLOTS.model_dump_json().replace('"counts":[40,10]', '"counts":[40]').encode()
"""Plots with a histogram of one count between three edges."""


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("model", "history.json", b"\xff\xfe"),
        ("model", "history.json", b'{"epoch": 1}'),
        ("evaluation", "evaluation.json", b'{"splits": 3}'),
        ("evaluation", "plots.json", b"[]"),
        ("evaluation", "plots.json", UNEVEN),
        ("evaluation", "decision.json", b'{"verdict": "Marvellous"}'),
        ("tuning", "study.json", b""),
        ("anomalies", "anomalies.json", b'{"findings": [{}]}'),
        ("statistics", "Split-train/FeatureStats.pb", b"\x0a\xff"),
    ],
)
def test_one_damaged_file_is_named_and_the_rest_read(
    given: dict[str, Artifact], kind: str, name: str, content: bytes
) -> None:
    (given[kind].path / name).write_bytes(content)
    found = read_findings([(artifact.kind, [artifact]) for artifact in given.values()])
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{kind}: {kind}/{name.removesuffix('/FeatureStats.pb')}: ")
    assert found.data and found.evaluations


def test_an_empty_folder_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    found = read_findings([("train", [Model(tmp_path / "model")]), ("evaluate", [ModelEvaluation(tmp_path / "none")])])
    assert found.training == ()
    assert found.problems == ()

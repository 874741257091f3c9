"""`reporter` on real files: what it is given is on the page, what is damaged is named, and KFP finds one file."""

import json
from pathlib import Path

import pytest

from components.reporter.logic import PARTS, parts
from components.reporter.main import run
from components.reporter.spec import SPEC
from penstock.artifacts import Artifact, Report, digest_file
from penstock.artifacts.plots import PLOTS_FILE
from penstock.sdk import BadInput
from penstock.sdk.executor import RuntimeArtifact
from penstock.sdk.testkit import run_component
from tests.unit.reporting.report_samples import HOSTILE, write_artifacts


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Artifact]:
    return write_artifacts(tmp_path / "given")


def page_of(given: dict[str, Artifact], folder: Path, **params: str) -> str:
    result = run_component(SPEC, run, folder, params=params, inputs=given)
    return Report(result.outputs["report"].path).read_text(Report.main_file)


def test_every_input_has_its_part() -> None:
    assert sorted(name for names in PARTS.values() for name in names) == sorted(SPEC.inputs)


def test_parts_come_in_the_order_of_the_page(given: dict[str, Artifact]) -> None:
    found = parts({name: given[name] for name in ("blessing", "statistics", "evaluation")})
    assert [(part, [a.kind for a in artifacts]) for part, artifacts in found] == [
        ("data", ["statistics"]),
        ("evaluation", ["evaluation", "model_blessing"]),
    ]


def test_all_that_it_is_given_is_on_the_page(given: dict[str, Artifact], tmp_path: Path) -> None:
    page = page_of(given, tmp_path / "out", title="Flights of New York")
    assert "<h1>Flights of New York</h1>" in page
    for part in ("verdicts", "data", "training", "performance", "slices", "importance", "fairness", "tuning"):
        assert f'<section id="{part}"' in page
    for absent in ("pipeline", "lineage", "parameters"):
        assert f'<section id="{absent}"' not in page
    assert HOSTILE not in page


def test_what_it_is_not_given_has_no_place(given: dict[str, Artifact], tmp_path: Path) -> None:
    page = page_of({"model": given["model"]}, tmp_path / "out")
    assert '<section id="training"' in page
    assert page.count("<section ") == 1
    assert "could not be read" not in page


def test_what_is_damaged_is_named_and_hides_nothing(given: dict[str, Artifact], tmp_path: Path) -> None:
    (given["evaluation"].path / PLOTS_FILE).write_text('{"split": ')
    (given["statistics"].path / "Split-eval" / "FeatureStats.pb").write_bytes(b"\xff\xff rubbish")
    page = page_of(given, tmp_path / "out")
    assert "evaluation: evaluation/plots.json: damaged" in page
    assert "data: statistics/Split-eval: damaged" in page
    assert '<section id="performance"' not in page
    for part in ("verdicts", "data", "slices", "tuning"):
        assert f'<section id="{part}"' in page


def test_nothing_to_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to report"):
        run_component(SPEC, run, tmp_path / "out")
    assert not (tmp_path / "out" / "report").exists()


def test_same_inputs_give_the_same_bytes(given: dict[str, Artifact], tmp_path: Path) -> None:
    first = run_component(SPEC, run, tmp_path / "one", inputs=given).outputs["report"]
    second = run_component(SPEC, run, tmp_path / "two", inputs=given).outputs["report"]
    assert first.digest == second.digest


def test_kfp_is_given_the_address_of_the_file(given: dict[str, Artifact], tmp_path: Path) -> None:
    """The launcher uploads what is at the address, and the UI shows it: a folder would show nothing."""
    run_component(SPEC, run, tmp_path / "out", inputs=given)
    told = json.loads((tmp_path / "out" / "executor_output.json").read_text())["artifacts"]["report"]["artifacts"][0]
    file = tmp_path / "out" / "report" / "report.html"
    assert told["uri"] == str(file)
    assert told["metadata"]["digest"] == digest_file(file)
    assert told["metadata"]["kind"] == "report"


def test_the_summary_is_one_file_of_markdown(given: dict[str, Artifact], tmp_path: Path) -> None:
    result = run_component(SPEC, run, tmp_path / "out", inputs=given, params={"title": "Flights"})
    summary = tmp_path / "out" / "summary" / "summary.md"
    assert result.outputs["summary"].uri == str(summary)
    assert summary.read_text().startswith("# Flights\n\n## Verdicts\n")


def test_a_report_as_an_input_is_bound_to_its_folder(tmp_path: Path) -> None:
    uri = "s3://bucket/run/report/report.html"
    bound = RuntimeArtifact(uri=uri).bind(Report)
    assert (bound.path, bound.uri) == (Path("/s3/bucket/run/report"), uri)
    assert RuntimeArtifact(uri="s3://bucket/run/report").bind(Report).path == Path("/s3/bucket/run/report")

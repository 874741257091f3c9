"""The report of the flights pipeline: written by the run, where Kubeflow looks for it, and kept by the cache."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.artifacts import digest_file
from tests.e2e.flights_sample import run, sample

pytestmark = pytest.mark.slow
PROGRAM = "from penstock.cli.main import main; main()"


def test_a_run_writes_its_report_once_and_can_be_reported_as_a_whole(tmp_path: Path) -> None:
    flights, home = tmp_path / "flights.csv", tmp_path / "home"
    sample(40).to_csv(flights, index=False)
    first = run(home, flights)
    task = next(task for task in first.document["tasks"] if task["task"] == "report")
    made = task["outputs"][0]
    file = Path(made["uri"])
    assert (task["state"], made["name"], file.name) == ("complete", "report", "report.html")
    assert made["digest"] == digest_file(file)
    page = file.read_text(encoding="utf-8")
    assert "ROC curve" in page
    assert "could not be read" not in page

    again = run(home, flights)
    assert again.states["report"] == "cached"
    assert again.digests["report.report"] == made["digest"]

    file.write_text("changed by hand")
    third = run(home, flights)
    assert third.states["report"] == "complete"
    assert third.digests["report.report"] == made["digest"]

    arguments = ["--home", str(home), "report", first.document["run_id"], "--json"]
    told = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
    document = json.loads(told.stdout)
    page = Path(document["report"]).read_text(encoding="utf-8")
    assert len(page.encode()) == document["bytes"] < 3_000_000
    assert "could not be read" not in page
    for part in ("verdicts", "pipeline", "data", "training", "performance", "slices", "parameters", "lineage"):
        assert f'<section id="{part}"' in page

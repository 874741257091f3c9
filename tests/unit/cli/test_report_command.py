"""`penstock report` and `penstock runs compare --html`: what they write, and what they refuse without writing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import command
from penstock.lineage.records import ExecutionRecord, RunRecord, State
from penstock.running.home import Home
from penstock.sdk import BadInput

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUNS = {"flights-1": "flights", "flights-2": "flights", "churn-1": "churn"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    store = Home(home).lineage()
    for place, (run_id, pipeline) in enumerate(RUNS.items()):
        run = RunRecord(
            run_id=run_id,
            pipeline=pipeline,
            pipeline_digest="sha256:aa",
            penstock_version="0.1.0",
            state=State.COMPLETE,
            started=BEGAN + timedelta(hours=place),
            ended=BEGAN + timedelta(hours=place, seconds=10),
            parameters={"epochs": place},
        )
        store.start_run(run)
        task = {"run_id": run_id, "pipeline": pipeline, "task": "ingest", "component": "ingest", "started": run.started}
        store.record([ExecutionRecord(**task, state=State.SKIPPED)])
        store.finish_run(run)
    return home


def ask(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--home", str(home), *arguments], standalone_mode=False)


def test_it_writes_below_home_and_says_where(home: Path) -> None:
    done = ask(home, "report", "flights-1")
    target = home / "reports" / "flights-1.html"
    assert done.output.strip() == str(target)
    assert "<code>flights-1</code>" in target.read_text()


def test_a_run_is_named_by_its_beginning_or_as_the_latest(home: Path, tmp_path: Path) -> None:
    for reference, run_id in (("chu", "churn-1"), ("latest", "churn-1")):
        target = tmp_path / f"{reference}.html"
        done = ask(home, "report", reference, "--output", str(target), "--json")
        assert json.loads(done.output) == {
            "run": run_id,
            "report": str(target),
            "bytes": target.stat().st_size,
        }


def test_the_latest_of_a_pipeline(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    ask(home, "report", "latest", "flights", "--output", str(target))
    assert "<code>flights-2</code>" in target.read_text()


def test_an_earlier_page_is_replaced_whole(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("earlier")
    ask(home, "report", "flights-1", "--output", str(target))
    assert target.read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["report", "flihgts-1"], "flights-1"),
        (["report", "flights"], "several runs begin with 'flights'"),
        (["report", "latest", "flihgts"], "flights"),
        (["report", "flights-1", "--output", "."], "is a folder"),
        (["report", "flights-1", "--output", "gone/report.html"], "there is no folder"),
        (["runs", "compare", "flights-1", "nothing", "--html", "c.html"], "no run 'nothing'"),
        (["runs", "compare", "flights-1", "flights-2", "--html", "."], "--html: . is a folder"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = ask(home, *arguments)
    assert isinstance(done.exception, BadInput)
    assert told in str(done.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["report", "flights-1", "flights"], "`latest` only"),
        (["runs", "compare", "flights-1", "flights-2", "churn-1", "--html", "c.html"], "two runs"),
    ],
)
def test_what_does_not_go_together_is_told(home: Path, arguments: list[str], told: str) -> None:
    done = ask(home, *arguments)
    assert isinstance(done.exception, click.UsageError)
    assert told in done.exception.message


def test_where_nothing_has_run_nothing_is_made(tmp_path: Path) -> None:
    done = ask(tmp_path / "none", "report", "latest")
    assert "no runs here yet" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_two_runs_on_one_page(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "difference.html"
    done = ask(home, "runs", "compare", "flights-1", "flights-2", "--html", str(target))
    assert done.exception is None
    page = target.read_text()
    assert "Two runs of flights" in page
    assert page.index("differ-parameter") < page.index('id="agreements"')

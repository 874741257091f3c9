"""The example in the README is a configuration that works."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml

from components.ingest.main import run
from components.ingest.spec import SPEC
from penstock.sdk.testkit import run_component

README = Path(__file__).parents[3] / "components" / "ingest" / "README.md"


@pytest.fixture
def clicks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty days up to the end of March, two clicks each; the last day was delivered twice."""
    for back in range(40):
        day = datetime.date(2026, 3, 31) - datetime.timedelta(days=back)
        _deliver(tmp_path, day, 1, seconds=61)
    _deliver(tmp_path, datetime.date(2026, 3, 31), 2, seconds=30)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _deliver(folder: Path, day: datetime.date, version: int, seconds: int) -> None:
    path = folder / "data" / "clicks" / str(day) / f"v{version}" / "part.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"at,page,seconds\n{day}T07:30:00Z,home,{seconds}\n{day}T23:00:00Z,about,\n")


def test_the_daily_files_of_the_readme(clicks: Path) -> None:
    text = README.read_text().split("```yaml\n")[1].split("```")[0]
    params = yaml.safe_load(text)["ingest"]
    examples = run_component(SPEC, run, clicks / "out", params=params).outputs["examples"]
    assert {split: examples.rows(split) for split in examples.splits()} == {"train": 48, "eval": 12}  # 24 days and 6
    assert (examples.metadata["span"], examples.metadata["version"]) == ("20260302..20260331", "2")
    assert examples.read("train").slice(0, 2).to_pylist() == [
        {"hour": 7, "page": "home", "stayed": 1},
        {"hour": 23, "page": "about", "stayed": 0},
    ]
    assert examples.read("eval").column("stayed").to_pylist()[-2:] == [0, 0]  # as the second delivery has it

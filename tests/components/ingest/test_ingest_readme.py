"""The examples in the README are configurations that work."""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from components.ingest.main import observe, run
from components.ingest.spec import SPEC, IngestParams
from penstock.sdk.testkit import run_component

README = Path(__file__).parents[3] / "components" / "ingest" / "README.md"


def example(number: int) -> dict:
    return yaml.safe_load(README.read_text().split("```yaml\n")[1 + number].split("```")[0])["ingest"]


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
    params = example(0)
    examples = run_component(SPEC, run, clicks / "out", params=params).outputs["examples"]
    assert {split: examples.rows(split) for split in examples.splits()} == {"train": 48, "eval": 12}  # 24 days and 6
    assert (examples.metadata["span"], examples.metadata["version"]) == ("20260302..20260331", "2")
    assert examples.read("train").slice(0, 2).to_pylist() == [
        {"hour": 7, "page": "home", "stayed": 1},
        {"hour": 23, "page": "about", "stayed": 0},
    ]
    assert examples.read("eval").column("stayed").to_pylist()[-2:] == [0, 0]  # as the second delivery has it


def test_the_spreadsheet_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["Betrag (€);Bestellt am;Größe;Details\n"]
    lines += [
        f'1.{n:03d},50;31.01.2026;{"SML"[n % 3]};"{{""address"": {{""city"": ""Köln {n}""}}}}"\n' for n in range(50)
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bestellungen.csv").write_text("".join([*lines, "k.A.;;;\n"]), encoding="cp1252")
    examples = run_component(SPEC, run, tmp_path / "out", params=example(1)).outputs["examples"]
    rows = [row for split in examples.splits() for row in examples.read(split).to_pylist()]
    assert len(rows) == 51
    assert {"amount": 1007.5, "ordered": "2026-01-31", "city": "Köln 7", "label": 1} in rows  # 7 = 2 * 3 + 1: M
    assert {"amount": None, "ordered": None, "city": None, "label": None} in rows


def test_the_database_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE visits (user_id INTEGER, day TEXT, pages INTEGER, bought INTEGER)")
        visits = [(n % 31, f"202{5 + n % 2}-03-01", n, n % 2) for n in range(200)]
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?, ?)", visits)
        connection.commit()
    params = example(2)
    variable = params["sources"]["visits"]["uri"].split("${")[1].split("}")[0]
    assert variable == "VISITS_PASSWORD"
    params["sources"]["visits"]["uri"] = f"sqlite:///{tmp_path}/${{PENSTOCK_TEST_DATABASE}}.db"
    monkeypatch.setenv("PENSTOCK_TEST_DATABASE", "shop")
    before = observe(IngestParams.parse(params, "test"))
    result = run_component(SPEC, run, tmp_path / "out", params=params)
    examples, raw = result.outputs["examples"], result.outputs["raw"]
    assert sum(examples.rows(split) for split in examples.splits()) == 100
    [entry] = raw.read_json("sources.json")
    assert entry["uri"].endswith("/${PENSTOCK_TEST_DATABASE}.db")
    copy = pq.read_table(raw.path / "visits" / "answer.parquet")
    assert copy.slice(0, 1).to_pylist() == [{"user_id": 0, "pages": 31, "bought": 1}]
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("INSERT INTO visits VALUES (1, '2025-12-31', 0, 0)")
        connection.commit()
        assert observe(IngestParams.parse(params, "test")) == before  # it is no part of the answer
        connection.execute("INSERT INTO visits VALUES (1, '2026-01-02', 0, 0)")
        connection.commit()
    assert observe(IngestParams.parse(params, "test")) != before

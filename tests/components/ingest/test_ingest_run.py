"""The component as a whole, on daily files written by hand."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.ingest.main import observe, run
from components.ingest.spec import SPEC, IngestParams
from penstock.sdk import BadInput
from penstock.sdk.testkit import run_component

ROOT = Path(__file__).parents[3]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Three days of trips, the second delivered twice, the third with a trip of the second in it; and one table."""
    days = {
        "2013-01-01/v1.csv": "id,at,from,delay\n1,2013-01-01T05:00:00Z,EWR,20\n2,2013-01-01T06:00:00Z,JFK,\n",
        "2013-01-02/v1.csv": "id,at,from,delay\n3,2013-01-02T05:00:00Z,EWR,0\n",
        "2013-01-02/v2.csv": "id,at,from,delay\n3,2013-01-02T05:00:00Z,EWR,15\n4,2013-01-02T07:00:00Z,,16\n",
        "2013-01-03/v1.csv": "id,at,from,delay\n4,2013-01-02T07:00:00Z,LGA,16\n5,2013-01-03T05:00:00Z,LGA,1\n",
    }
    for name, text in days.items():
        (tmp_path / "trips" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "trips" / name).write_text(text)
    (tmp_path / "airports.csv.gz").write_bytes(gzip.compress(b"code,feet\nEWR,18\nJFK,13\n", mtime=0))
    return tmp_path


def params(lake: Path, **changes) -> dict:
    return {
        "sources": {
            "trips": {"uri": f"{lake}/trips/{{YYYY}}-{{MM}}-{{DD}}/v{{VERSION}}.csv"},
            "airports": {"uri": f"{lake}/airports.csv.gz"},
        },
        "base": "trips",
        "key": ["id"],
        "joins": [{"source": "airports", "keys": {"from": "code"}, "columns": {"feet": "feet"}}],
        "derive": {"late": {"op": "greater_than", "column": "delay", "value": 15, "if_missing": 1}},
        "known_after": ["delay"],
        "features": ["id", "at", "from", "feet"],
        "label": "late",
        "split": {"by": "time", "column": "at", "starts": {"eval": "2013-01-02T06:00:00Z"}},
        **changes,
    }


def test_from_daily_files_to_splits(lake: Path) -> None:
    result = run_component(SPEC, run, lake / "out", params=params(lake))
    examples = result.outputs["examples"]
    assert examples.read("train").to_pydict() == {
        "id": [1, 2, 3],
        "at": ["2013-01-01 05:00:00.000000Z", "2013-01-01 06:00:00.000000Z", "2013-01-02 05:00:00.000000Z"],
        "from": ["EWR", "JFK", "EWR"],
        "feet": [18, 13, 18],
        "late": [1, 1, 0],
    }
    # Of trip 4 the first row stays; it has no airport, so no height.
    assert examples.read("eval").to_pydict() == {
        "id": [4, 5],
        "at": ["2013-01-02 07:00:00.000000Z", "2013-01-03 05:00:00.000000Z"],
        "from": [None, "LGA"],
        "feet": [None, None],
        "late": [1, 0],
    }
    known = {key: value for key, value in examples.metadata.items() if key not in ("digest", "kind")}
    assert known == {
        "rows": 5,
        "rows_train": 3,
        "rows_eval": 2,
        "columns": "id, at, from, feet, late",
        "label": "late",
        "duplicates_removed": 1,
        "span": "20130101..20130103",
        "version": "1",
    }
    assert result.rows == 6


def test_the_raw_copy_is_told_with_its_digests(lake: Path) -> None:
    result = run_component(SPEC, run, lake / "out", params=params(lake))
    raw = result.outputs["raw"]
    entries = raw.read_json("sources.json")
    assert [(e["name"], e["file"], e.get("span"), e.get("version")) for e in entries] == [
        ("trips", "2013-01-01/v1.csv", "20130101", "1"),
        ("trips", "2013-01-02/v2.csv", "20130102", "2"),
        ("trips", "2013-01-03/v1.csv", "20130103", "1"),
        ("airports", "airports.csv.gz", None, None),
    ]
    for entry in entries:
        source = lake / ("trips" if entry["name"] == "trips" else "") / entry["file"]
        assert (raw.path / entry["name"] / entry["file"]).read_bytes() == source.read_bytes()
    listed = json.loads(raw.metadata["sources"])
    assert [set(entry) for entry in listed] == [{"name", "uri", "bytes", "sha256"}] * 4
    assert sorted(p.name for p in raw.path.rglob("*") if p.is_file()) == sorted(
        ["sources.json", "airports.csv.gz", "v1.csv", "v1.csv", "v2.csv"]
    )


def test_the_last_of_the_duplicates_may_stay_instead(lake: Path) -> None:
    result = run_component(SPEC, run, lake / "out", params=params(lake, duplicates="keep_last"))
    assert result.outputs["examples"].read("eval").column("from").to_pylist() == ["LGA", "LGA"]


def test_without_a_key_only_equal_rows_go(lake: Path) -> None:
    with (lake / "trips/2013-01-03/v1.csv").open("a") as file:
        file.write("5,2013-01-03T05:00:00Z,LGA,1\n")
    result = run_component(SPEC, run, lake / "out", params=params(lake, key=[]))
    assert result.outputs["examples"].metadata["duplicates_removed"] == 1
    assert result.outputs["examples"].read("eval").column("id").to_pylist() == [4, 4, 5]


def test_a_range_of_spans_and_its_past_and_future(lake: Path) -> None:
    changed = params(lake)
    changed["sources"]["trips"] |= {"first_span": "20130102"}
    result = run_component(SPEC, run, lake / "out", params=changed)
    assert result.outputs["examples"].metadata["span"] == "20130102..20130103"
    assert result.outputs["examples"].read("train").column("id").to_pylist() == [3]


def test_many_files_are_told_as_one(lake: Path) -> None:
    for day in range(4, 32):
        (lake / f"trips/2013-01-{day:02d}").mkdir()
        (lake / f"trips/2013-01-{day:02d}/v1.csv").write_text(
            f"id,at,from,delay\n{day + 10},2013-01-03T05:00:00Z,EWR,1\n"
        )
    result = run_component(SPEC, run, lake / "out", params=params(lake))
    trips, airports = json.loads(result.outputs["raw"].metadata["sources"])
    assert (trips["files"], airports["files"]) == (31, 1)
    assert trips["uri"].endswith("2013-01-31/v1.csv")


def test_what_is_observed_changes_with_the_source_that_changed(lake: Path) -> None:
    parsed = IngestParams.parse(params(lake), "test")
    before = observe(parsed)
    (lake / "trips/2013-01-01/v1.csv").touch()
    assert observe(parsed) == before
    with (lake / "trips/2013-01-01/v1.csv").open("a") as file:
        file.write("6,2013-01-01T05:00:00Z,EWR,1\n")
    after = observe(parsed)
    assert after["airports"] == before["airports"]
    assert after["trips"] != before["trips"]


def test_equal_sources_give_equal_bytes_in_another_process_and_folder(lake: Path) -> None:
    script = (
        "import sys, json; from pathlib import Path\n"
        "from components.ingest.main import SPEC, run\n"
        "from penstock.sdk.testkit import run_component\n"
        "r = run_component(SPEC, run, Path(sys.argv[1]), params=json.loads(sys.argv[2]))\n"
        "print(json.dumps({n: a.digest for n, a in r.outputs.items()}))\n"
    )
    split = {"by": "hash", "group": ["id"], "fractions": {"train": 0.5, "eval": 0.5}}
    digests = []
    for seed in ("1", "2"):
        command = [sys.executable, "-c", script, str(lake / f"out{seed}"), json.dumps(params(lake, split=split))]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "TZ": f"Etc/GMT+{seed}"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=lake)
        digests.append(json.loads(done.stdout))
    assert digests[0] == digests[1]
    assert set(digests[0]) == {"raw", "examples"}


def test_a_mistake_in_the_data_leaves_nothing_behind(lake: Path) -> None:
    (lake / "airports.csv.gz").write_bytes(gzip.compress(b"code,feet\nEWR,18\nEWR,13\n"))
    with pytest.raises(BadInput, match="such as code=EWR"):
        run_component(SPEC, run, lake / "out", params=params(lake))
    assert not (lake / "out").exists() or list((lake / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"), [("id,at,from,delay\n", "trips.csv: has no rows"), ("", "trips.csv: is empty")]
)
def test_a_source_without_rows_is_refused(lake: Path, text: str, said: str) -> None:
    (lake / "trips.csv").write_text(text)
    sources = {**params(lake)["sources"], "trips": {"uri": f"{lake}/trips.csv"}}
    with pytest.raises(BadInput, match=said):
        run_component(SPEC, run, lake / "out", params=params(lake, sources=sources))


def test_a_misspelt_column_of_the_future_is_no_hole(lake: Path) -> None:
    with pytest.raises(BadInput) as error:
        run_component(SPEC, run, lake / "out", params=params(lake, known_after=["dealy"]))
    assert str(error.value) == "known_after: the source 'trips': has no column 'dealy'. Did you mean 'delay'?"


def test_a_feature_that_is_not_there_is_told_with_the_nearest_name(lake: Path) -> None:
    for key in ([], ["id"]):
        with pytest.raises(BadInput, match=r"has no column 'form'. Did you mean 'from'\?"):
            run_component(SPEC, run, lake / "out", params=params(lake, features=["form"], joins=[], key=key))


def test_a_runner_that_observes_pays_for_no_heavy_library(lake: Path) -> None:
    script = (
        "import sys, json\n"
        "from components.ingest.main import observe\n"
        "from components.ingest.spec import IngestParams\n"
        "observe(IngestParams.parse(json.loads(sys.argv[1]), 'test'))\n"
        "heavy = {'pandas', 'numpy', 'pyarrow', 'fsspec', 'httpx', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script, json.dumps(params(lake))], env=environment, check=True)


def test_rows_without_identity_are_all_kept(lake: Path) -> None:
    with (lake / "trips/2013-01-03/v1.csv").open("a") as file:
        file.write("5,2013-01-03T05:00:00Z,LGA,1\n")
    result = run_component(SPEC, run, lake / "out", params=params(lake, key=[], duplicates="keep_all"))
    assert result.outputs["examples"].metadata["duplicates_removed"] == 0
    assert result.outputs["examples"].read("eval").column("id").to_pylist() == [4, 4, 5, 5]

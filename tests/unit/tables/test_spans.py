"""Spans in file names: which files are read, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.sdk import BadInput
from penstock.tables.files import find_files
from penstock.tables.source import Source
from penstock.tables.spans import Spanned, match_spans, select, to_glob

DAYS = ["2013-01-30", "2013-01-31", "2013-02-01", "2013-02-02"]


@pytest.fixture
def days(tmp_path: Path) -> Path:
    for day in DAYS:
        (tmp_path / day).mkdir()
        for part in ("b.csv", "a.csv"):
            (tmp_path / day / part).write_text("x\n1\n")
    (tmp_path / "2013-02-02" / "notes.txt").write_text("not data")
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "a.csv").write_text("x\n1\n")
    return tmp_path


def names(source: Source) -> list[str]:
    return [file.name for file in find_files("s", source)]


def test_all_spans_come_in_order_and_strangers_stay_out(days: Path) -> None:
    found = names(Source(uri=f"{days}/{{YYYY}}-{{MM}}-{{DD}}/*.csv"))
    assert found == [f"{day}/{part}" for day in DAYS for part in ("a.csv", "b.csv")]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"first_span": "20130131"}, DAYS[1:]),
        ({"last_span": "20130131"}, DAYS[:2]),
        ({"first_span": "20130131", "last_span": "20130201"}, DAYS[1:3]),
        ({"newest_spans": 1}, DAYS[3:]),
        ({"newest_spans": 2, "last_span": "20130201"}, DAYS[1:3]),
        ({"newest_spans": 99}, DAYS),
    ],
)
def test_a_range_of_spans(days: Path, bounds, expected) -> None:
    found = names(Source(uri=f"{days}/{{YYYY}}-{{MM}}-{{DD}}/a.csv", **bounds))
    assert found == [f"{day}/a.csv" for day in expected]


@pytest.mark.parametrize(
    ("uri", "bounds", "message"),
    [
        ("{YYYY}-{MM}-{DD}/a.csv", {"first_span": "2014"}, "spans here have 8 digits; got '2014'"),
        ("{YYYY}-{MM}-{DD}/a.csv", {"first_span": "20140101"}, "no file fits"),
        ("{YYYY}-{MM}-{DD}/a.csv", {"last_span": "January"}, "digits only"),
        ("latest/a.csv", {"newest_spans": 1}, "the address names none"),
        ("{YYYY}/a.csv", {}, "no file fits"),
        ("nowhere", {}, "no such file"),
    ],
)
def test_no_file_is_an_error_that_names_the_address(days: Path, uri, bounds, message) -> None:
    with pytest.raises(BadInput) as error:
        find_files("trips", Source(uri=f"{days}/{uri}", **bounds))
    assert message in str(error.value)
    assert "source 'trips'" in str(error.value)
    assert uri in str(error.value)


def test_of_each_span_the_highest_version_counts() -> None:
    found = match_spans("{SPAN}/v{VERSION}/*.csv", ["9/v1/a.csv", "10/v2/a.csv", "10/v10/a.csv", "10/v10/b.csv"])
    assert [file.name for file in select(found, "", "", 0)] == ["9/v1/a.csv", "10/v10/a.csv", "10/v10/b.csv"]


def test_hours_make_longer_spans() -> None:
    found = match_spans("d={YYYY}{MM}{DD}/h={HH}.csv", ["d=20130101/h=09.csv", "d=20130101/h=9.csv"])
    assert found == [Spanned("d=20130101/h=09.csv", "2013010109")]


def test_a_placeholder_used_twice_must_say_the_same() -> None:
    names = ["2013/2013-01.csv", "2013/2014-01.csv"]
    assert [f.name for f in match_spans("{YYYY}/{YYYY}-{MM}.csv", names)] == ["2013/2013-01.csv"]


@given(st.dates(), st.integers(0, 23), st.integers(0, 999))
def test_whatever_is_written_is_read_back(day, hour, version) -> None:
    name = (
        f"data/{day:%Y}".replace(f"{day:%Y}", f"{day.year:04d}")
        + f"/{day.month:02d}{day.day:02d}-{hour:02d}.v{version}"
    )
    [file] = match_spans("data/{YYYY}/{MM}{DD}-{HH}.v{VERSION}", [name])
    assert file == Spanned(name, f"{day.year:04d}{day.month:02d}{day.day:02d}{hour:02d}", str(version))


@given(st.text(alphabet="abc.[]*?(){}+|\\^$-_/", min_size=1, max_size=12))
def test_no_pattern_breaks_the_reader(pattern: str) -> None:
    to_glob(pattern)
    assert all(file.name in ("a", pattern) for file in match_spans(pattern, ["a", pattern]))

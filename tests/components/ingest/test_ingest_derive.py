"""Each derivation on values computed by hand."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from components.ingest.declare import Derivation
from components.ingest.derive import derive_column
from penstock.sdk import BadInput


def derive(table: dict, **derivation):
    parsed = TypeAdapter(Derivation).validate_python(derivation)
    return derive_column("new", parsed, pa.table(table)).to_pylist()


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


NOON = {"at": pa.array([utc(2013, 1, 1, 2, 30), utc(2013, 7, 4, 12, 0), None], pa.timestamp("us", tz="UTC"))}
FLAGS = {"x": [15, 16, None]}


@pytest.mark.parametrize(
    ("table", "derivation", "expected"),
    [
        (FLAGS, {"op": "greater_than", "column": "x", "value": 15}, [0, 1, None]),
        (FLAGS, {"op": "greater_than", "column": "x", "value": 15, "if_missing": 1}, [0, 1, 1]),
        (FLAGS, {"op": "greater_than", "column": "x", "value": 15.5, "if_missing": 0}, [0, 1, 0]),
        (FLAGS, {"op": "is_in", "column": "x", "values": [15.0, 3]}, [1, 0, None]),
        ({"x": ["a", "b"]}, {"op": "is_in", "column": "x", "values": ["b"]}, [0, 1]),
        ({"x": ["b", "a", None, "c"]}, {"op": "position_in", "column": "x", "values": ["a", "b"]}, [1, 0, None, None]),
        (FLAGS, {"op": "position_in", "column": "x", "values": [16, 15]}, [1, 0, None]),
        ({"x": [True, False]}, {"op": "position_in", "column": "x", "values": [False, True]}, [1, 0]),
        (FLAGS, {"op": "is_missing", "column": "x"}, [0, 0, 1]),
        (
            {"x": [0, 5, 1730, 2359, 2400, None]},
            {"op": "minutes_of_hhmm", "column": "x"},
            [0, 5, 1050, 1439, 1440, None],
        ),
        ({"x": ["0517"]}, {"op": "minutes_of_hhmm", "column": "x"}, [317]),
        (
            {"y": [2013, 2016], "m": [1, 2], "d": [31, 29]},
            {"op": "date_of", "year": "y", "month": "m", "day": "d"},
            [dt.date(2013, 1, 31), dt.date(2016, 2, 29)],
        ),
        (NOON, {"op": "time_part", "column": "at", "part": "hour"}, [2, 12, None]),
        (NOON, {"op": "time_part", "column": "at", "part": "weekday"}, [1, 3, None]),  # a Tuesday, a Thursday
        (NOON, {"op": "time_part", "column": "at", "part": "day_of_year"}, [1, 185, None]),
        # In New York it was still 2012, and five hours earlier; in July four.
        (NOON, {"op": "time_part", "column": "at", "part": "year", "timezone": "America/New_York"}, [2012, 2013, None]),
        (NOON, {"op": "time_part", "column": "at", "part": "hour", "timezone": "America/New_York"}, [21, 8, None]),
        ({"x": [dt.date(2013, 3, 10)]}, {"op": "time_part", "column": "x", "part": "weekday"}, [6]),
        ({"x": ["12", None]}, {"op": "cast", "column": "x", "to": "int"}, [12, None]),
        ({"x": [1, 0]}, {"op": "cast", "column": "x", "to": "string"}, ["1", "0"]),
        ({"a": [5, None], "b": [7, 1]}, {"op": "difference", "column": "a", "minus": "b"}, [-2, None]),
        (
            {"a": [dt.date(2013, 1, 3)], "b": [dt.date(2013, 1, 1)]},
            {"op": "difference", "column": "a", "minus": "b"},
            [172800.0],
        ),
        (
            {"a": ["EWR", None], "b": ["IAH", "MIA"]},
            {"op": "concat", "columns": ["a", "b"]},
            ["EWR-IAH", None],
        ),
        ({"a": ["x"], "b": [1]}, {"op": "concat", "columns": ["a", "b"], "separator": ""}, ["x1"]),
    ],
)
def test_what_a_derivation_gives(table, derivation, expected) -> None:
    assert derive(table, **derivation) == expected


@pytest.mark.parametrize(
    ("table", "derivation", "message"),
    [
        ({"x": [1760]}, {"op": "minutes_of_hhmm", "column": "x"}, "1 values are no clock time as hhmm, such as 1760"),
        ({"x": [2401, -1]}, {"op": "minutes_of_hhmm", "column": "x"}, "2 values are no clock time"),
        ({"x": ["noon"]}, {"op": "minutes_of_hhmm", "column": "x"}, "minutes_of_hhmm does not work here (x is string)"),
        ({"y": [2013], "m": [2], "d": [30]}, {"op": "date_of", "year": "y", "month": "m", "day": "d"}, "not a date"),
        ({"x": ["a"]}, {"op": "cast", "column": "x", "to": "int"}, "does not fit type 'int'"),
        ({"x": [1.5]}, {"op": "cast", "column": "x", "to": "int"}, "does not fit type 'int'"),
        (
            {"x": ["a"]},
            {"op": "greater_than", "column": "x", "value": 1},
            "greater_than does not work here (x is string)",
        ),
        ({"x": [1]}, {"op": "is_in", "column": "x", "values": ["a"]}, "is_in does not work here (x is int64)"),
        ({"x": [1]}, {"op": "time_part", "column": "x", "part": "hour"}, "time_part does not work here (x is int64)"),
        (NOON, {"op": "time_part", "column": "at", "part": "hour", "timezone": "Mars/Base"}, "Mars/Base"),
    ],
)
def test_what_does_not_fit_is_told_with_the_column(table, derivation, message) -> None:
    with pytest.raises(BadInput) as error:
        derive(table, **derivation)
    assert message in str(error.value)
    assert "derived column 'new'" in str(error.value)

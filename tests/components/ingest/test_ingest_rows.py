"""Duplicates and joins on small tables, counted by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ingest.rows import duplicate_rows, key_codes, left_join
from penstock.sdk import BadInput

TRIPS = pa.table({"id": [1, 2, 1, None, None, 2], "day": ["a", "a", "a", "b", "b", "z"], "n": [1, 2, 3, 4, 4, 6]})


@pytest.mark.parametrize(
    ("key", "keep", "expected"),
    [
        (["id"], "keep_first", [0, 0, 1, 0, 0, 1]),  # a row without an id is never a duplicate
        (["id"], "keep_last", [1, 1, 0, 0, 0, 0]),
        (["id", "day"], "keep_first", [0, 0, 1, 0, 0, 0]),
        ([], "keep_first", [0, 0, 0, 0, 1, 0]),  # equal in every column, missing values too
        ([], "keep_last", [0, 0, 0, 1, 0, 0]),
    ],
)
def test_duplicates(key, keep, expected) -> None:
    assert duplicate_rows(TRIPS, key, keep).astype(int).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", "a", "b", None]), st.booleans())))
def test_codes_are_equal_exactly_where_keys_are(rows) -> None:
    columns = [pa.chunked_array([pa.array([r[i] for r in rows], t)]) for i, t in enumerate(("int64", "string", "bool"))]
    codes = key_codes(columns, missing_is_a_value=True)
    assert len(codes) == len(rows)
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (codes[i] == codes[j]) == (one == other)


def test_codes_of_many_wide_columns_do_not_overflow() -> None:
    n = 3000  # 3000 ** 6 is more than an int64 holds
    columns = [pa.chunked_array([pa.array([(i * k) % n for i in range(n)])]) for k in (1, 7, 11, 13, 17, 19)]
    assert len(set(key_codes(columns, missing_is_a_value=True).tolist())) == n


WEATHER = pa.table({"at": ["EWR", "EWR", "JFK", None], "hour": [1, 2, 1, 1], "temp": [10.0, 20.0, 30.0, 40.0]})


def test_a_left_join_keeps_every_row_once_and_in_order() -> None:
    rows = pa.table({"origin": ["JFK", "EWR", "LGA", "EWR", None, "EWR"], "hour": [1, 2, 1, 1, 1, None]})
    joined = left_join(rows, WEATHER, {"origin": "at", "hour": "hour"}, {"t": "temp", "again": "temp"}, "weather")
    assert joined.column("t").to_pylist() == [30.0, 20.0, None, 10.0, None, None]
    assert joined.column("again").to_pylist() == joined.column("t").to_pylist()
    assert joined.select(["origin", "hour"]) == rows


def test_a_join_with_an_empty_table_and_of_no_rows() -> None:
    rows = pa.table({"origin": ["JFK"], "hour": [1]})
    keys = {"origin": "at", "hour": "hour"}
    assert left_join(rows, WEATHER.slice(0, 0), keys, {"t": "temp"}, "w").column("t").to_pylist() == [None]
    assert left_join(rows.slice(0, 0), WEATHER, keys, {"t": "temp"}, "w").num_rows == 0


def test_a_key_that_is_there_twice_is_an_error_that_names_it() -> None:
    twice = pa.concat_tables([WEATHER, WEATHER.slice(1, 1)])
    rows = pa.table({"origin": ["JFK"], "hour": [1]})
    with pytest.raises(BadInput) as error:
        left_join(rows, twice, {"origin": "at", "hour": "hour"}, {"t": "temp"}, "weather")
    assert "join with 'weather': 1 rows have a key that another row has, such as at=EWR, hour=2" in str(error.value)


def test_keys_of_different_types_are_told() -> None:
    rows = pa.table({"origin": ["JFK"], "hour": ["1"]})
    with pytest.raises(BadInput, match="'hour' is string, 'hour' is int64"):
        left_join(rows, WEATHER, {"origin": "at", "hour": "hour"}, {"t": "temp"}, "weather")


@given(st.lists(st.integers(0, 9) | st.none()), st.sets(st.integers(0, 9)))
def test_a_join_is_a_look_up_in_a_dictionary(left, right) -> None:
    table = pa.table({"k": pa.array(sorted(right), pa.int64()), "v": [f"v{k}" for k in sorted(right)]})
    rows = pa.table({"k": pa.array(left, pa.int64())})
    joined = left_join(rows, table, {"k": "k"}, {"v": "v"}, "t")
    assert joined.column("v").to_pylist() == [f"v{k}" if k in right else None for k in left]

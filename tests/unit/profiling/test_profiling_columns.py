"""What one column shows about itself, on numbers that were counted by hand."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from penstock.profiling.columns import profile_column


def profiled(values, name="x", type_=None):
    return profile_column(name, name, pa.chunked_array([pa.array(values, type_)]))


def test_numbers_are_counted_with_their_range_and_their_gaps():
    column = profiled([3, 1, None, 3, 7, 3])
    assert (column.type, column.rows, column.missing, column.distinct) == ("int", 6, 1, 3)
    assert (column.least, column.greatest, column.whole, column.values) == (1, 7, True, (1, 3, 7))
    assert column.mean == pytest.approx(17 / 5)


def test_the_commonest_values_come_first_where_values_come_again():
    column = profiled(["b", "a", "b", "c", "b", "a", None])
    assert [(count.value, count.rows) for count in column.top] == [("b", 3), ("a", 2), ("c", 1)]


def test_skewness_is_the_third_standardised_moment():
    # Of 0, 0, 0, 1: mean 1/4, variance 3/16, third moment 3/32; 3/32 / (3/16)^1.5 = 1.1547.
    assert profiled([0.0, 0.0, 0.0, 1.0]).skewness == pytest.approx(1.155, abs=1e-3)


def test_numbers_too_large_or_too_small_for_powers_have_no_skewness():
    assert profiled([0.0, 1e120, 5e120]).skewness is None
    assert profiled([0.0, 1e-200, 3e-200]).skewness in (0.0, None)


def test_moments_have_their_range_as_iso_text():
    days = profiled([datetime.date(2020, 1, 5), datetime.date(2019, 12, 31), None])
    assert (days.role, days.type, days.least, days.greatest) == ("moment", "date", "2019-12-31", "2020-01-05")
    times = profiled([0, 1_500_000], type_=pa.timestamp("us", tz="UTC"))
    assert (times.least, times.greatest) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:01.500000Z")


def test_dictionaries_of_texts_are_texts():
    column = profile_column(
        "x", "x", pa.chunked_array([pa.array(["a", "b", "a"]), pa.array(["c", None, "a"])]).dictionary_encode()
    )
    assert (column.type, column.distinct, column.missing, column.values) == ("string", 3, 1, ("a", "b", "c"))


SENTENCES = [f"the {i} quick brown foxes jump" for i in range(60)]


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("x", [None] * 30, "empty"),
        ("x", ["a"] * 30, "constant"),
        ("x", [1.5] * 30, "constant"),
        ("x", ["a"] * 29 + [None], "category"),  # there or not: that says something
        ("x", [True, False] * 15, "boolean"),
        ("x", list(range(30)), "identifier"),  # counts the rows
        ("year", list(range(1960, 1990)), "number"),
        ("x", [i * i for i in range(30)], "number"),
        ("order_id", [i * i for i in range(30)], "identifier"),
        ("order_id", [i % 200 for i in range(1000)], "high_cardinality"),
        ("age", [i % 200 for i in range(1000)], "number"),
        ("x", np.linspace(0, 1, 30), "number"),
        ("x", [f"C{i}" for i in range(30)], "identifier"),
        ("x", [f"C{i}" for i in range(10)], "high_cardinality"),  # ten rows say nothing about names
        ("x", ["a", "b", "c"] * 10, "category"),
        ("x", [f"zip {i % 400}" for i in range(2000)], "high_cardinality"),
        ("x", SENTENCES, "text"),
        ("x", SENTENCES[:3] * 20, "category"),  # three sentences are three values
    ],
)
def test_what_a_column_is_good_for(name, values, role):
    assert profiled(values, name).role == role


def test_rows_in_order_are_noticed():
    assert profiled([1.0, 2.0, 2.0, 5.0]).rises
    assert not profiled([1.0, 3.0, 2.0]).rises
    assert not profiled([1.0, None, 2.0]).rises
    assert not profiled([1.0, 1.0]).rises

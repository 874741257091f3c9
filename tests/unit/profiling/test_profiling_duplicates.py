"""Columns that say the same, and rows that are there twice."""

import numpy as np
import pyarrow as pa
import pytest

from penstock.profiling.columns import profile_column
from penstock.profiling.duplicates import repeated_rows, same_columns


def pairs(**columns):
    table = pa.table(columns)
    return same_columns(table, [profile_column(name, name, table.column(name)) for name in table.column_names])


RNG = np.random.default_rng(0)
KIND = RNG.integers(0, 3, 300)
PRICE = RNG.lognormal(3, 1, 300)


def test_the_same_up_to_the_names_of_the_values():
    words = np.array(["x", "y", "z"])[KIND]
    assert pairs(kind=KIND, words=words) == [("kind", "words")]


def test_not_the_same_where_one_row_differs():
    words = np.array(["x", "y", "z"])[KIND]
    words[5] = "x" if words[5] != "x" else "y"
    assert pairs(kind=KIND, words=words) == []


def test_missing_values_count_as_a_value():
    some = pa.array([None if k == 0 else int(k) for k in KIND])
    other = pa.array([None if k == 0 else "ab"[k - 1] for k in KIND])
    moved = pa.array([None if k == 1 else "ab"[k // 2] for k in KIND])
    assert pairs(some=some, other=other, moved=moved) == [("some", "other")]


def test_numbers_in_another_unit_are_the_same_and_other_numbers_are_not():
    assert pairs(euros=PRICE, cents=PRICE * 100) == [("euros", "cents")]
    assert pairs(euros=PRICE, debt=-PRICE) == [("euros", "debt")]
    assert pairs(euros=PRICE, other=RNG.lognormal(3, 1, 300)) == []


def test_numbers_in_another_unit_are_the_same_where_some_come_again():
    some_twice = np.concatenate([PRICE, PRICE[:20]])
    assert pairs(euros=some_twice, cents=some_twice * 100) == [("euros", "cents")]
    assert pairs(euros=some_twice, debt=-some_twice) == [("euros", "debt")]
    swapped = some_twice * 100
    swapped[[0, 1]] = swapped[[1, 0]]
    assert pairs(euros=some_twice, cents=swapped) == []


def test_columns_that_count_the_rows_are_not_the_same_for_that():
    assert pairs(row=np.arange(300) * 2.5, time=np.cumsum(PRICE)) == []
    assert pairs(row=np.arange(300), again=np.arange(300)) == [("row", "again")]


def test_names_are_the_same_only_if_they_are():
    names = [f"a{i}" for i in range(300)]
    assert pairs(names=names, others=[f"b{i}" for i in range(300)]) == []
    assert pairs(names=names, again=names) == [("names", "again")]


def test_three_of_a_kind_are_told_beside_the_first():
    assert pairs(a=KIND, b=KIND * 2, c=KIND + 5) == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize(
    ("names", "count"),
    [(["n"], 2), (["n", "t"], 1), (["n", "t", "f"], 1)],
)
def test_rows_that_equal_an_earlier_one_are_counted(names, count):
    table = pa.table({"n": [1, 1, 2, 1], "t": ["a", None, "a", "a"], "f": [0.0, 1.0, None, -0.0]})
    assert repeated_rows(table, names) == count


def test_a_missing_number_is_not_zero():
    assert repeated_rows(pa.table({"n": [0, None]}), ["n"]) == 0
    assert repeated_rows(pa.table({"n": [None, None, 0.0]}), ["n"]) == 1

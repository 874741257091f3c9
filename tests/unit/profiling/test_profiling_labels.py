"""The task that a label asks for, and labels that ask for none."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from penstock.profiling.columns import profile_column
from penstock.profiling.labels import find_label
from penstock.sdk import BadInput


def label(values, task=None):
    column = pa.chunked_array([pa.array(values)])
    return find_label(profile_column("y", "y", column), column, task)


@pytest.mark.parametrize(
    ("values", "task", "classes", "encoded"),
    [
        ([0, 1, 1, 0] * 10, "binary", (0, 1), False),
        ([True, False, False, True] * 10, "binary", (False, True), False),
        ([1, 2, 2, 1] * 10, "binary", (1, 2), True),
        ([0.0, 1.0, 1.0] * 10, "binary", (0.0, 1.0), True),
        (["yes", "no", "no"] * 10, "binary", ("no", "yes"), True),
        (["good", "bad", "bad"] * 10, "binary", ("good", "bad"), True),
        (["Up", "Down", "Up"] * 10, "binary", ("Down", "Up"), True),
        (["a", "a", "b"] * 10, "binary", ("a", "b"), True),  # the rarer one is looked for
        (["a", "b", "b"] * 10, "binary", ("b", "a"), True),
        (["c", "a", "b"] * 10, "multiclass", ("a", "b", "c"), True),
        ([0, 1, 2] * 10, "multiclass", (0, 1, 2), False),
        ([3, 5, 8] * 10, "multiclass", (3, 5, 8), True),
        ([0, 1, 2] * 4, "regression", (), False),  # each comes up too seldom to be a class
        (list(range(11)) * 10, "regression", (), False),
        ([0.5, 1.5, 2.5] * 10, "regression", (), False),
    ],
)
def test_the_task_is_found(values, task, classes, encoded):
    found = label(values)
    assert (found.task, found.classes, found.encoded) == (task, classes, encoded)
    assert found.reason


def test_rows_are_counted_by_class_in_their_order():
    assert label(["yes", "no", "no", None]).counts == (2, 1)


def test_the_task_that_is_asked_for_is_taken():
    assert label([0, 1, 2] * 10, "regression").task == "regression"
    assert label([0, 1, 2] * 4, "multiclass").classes == (0, 1, 2)


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([None, None], None, "all 2 values are missing"),
        ([7, 7, None], None, "has one value only"),
        ([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)], None, "is a date"),
        ([f"name {i}" for i in range(101)], None, "101 different texts are too many classes"),
        (list(range(101)), "multiclass", "--task regression"),
        (["a", "b"], "regression", "needs numbers"),
        ([1, 2, 3], "binary", "has 3 values, and a binary task needs two"),
    ],
)
def test_what_cannot_be_learnt_is_refused(values, task, message):
    with pytest.raises(BadInput, match=message):
        label(values, task)


def test_numbers_of_numpy_become_plain_classes():
    assert [type(value) for value in label(np.array([1, 2] * 20)).classes] == [int, int]

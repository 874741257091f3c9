"""What a request means, and what is wrong with one: the same for both protocols."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.serving.requests import BadRequest, Tensor, columns_of_rows, columns_of_tensors

RAW = {"carrier": "string", "temp": "float", "distance": "int"}
GOOD = {"carrier": "AA", "temp": 2.5, "distance": 500}
SMALLEST = -(2**63)


def rows(*changes):
    return {"instances": [{**GOOD, **change} for change in changes]}


def tensors(**changes):
    given_ = {
        "carrier": ("BYTES", [2], ["AA", "UA"]),
        "temp": ("FP32", [2], [1.5, 2]),
        "distance": ("INT64", [2], [7, 8]),
        **changes,
    }
    return [Tensor(name, *parts) for name, parts in given_.items() if parts]


def test_rows_become_dense_columns_with_missing_values_in_band():
    columns = columns_of_rows(rows({}, {"carrier": None, "temp": None, "distance": None}, {"temp": 3}), RAW)
    assert list(columns) == ["carrier", "temp", "distance"]
    assert columns["carrier"].tolist() == [b"AA", b"", b"AA"]
    assert columns["distance"].tolist() == [500, SMALLEST, 500]
    assert (columns["distance"].dtype, columns["temp"].dtype) == (np.int64, np.float32)
    assert math.isnan(columns["temp"][1])
    assert columns["temp"][[0, 2]].tolist() == [2.5, 3.0]


def test_one_feature_alone():
    assert columns_of_rows({"instances": [{"x": 1}, {"x": None}]}, {"x": "int"})["x"].tolist() == [1, SMALLEST]


def test_both_protocols_give_the_same_columns():
    raw_rows = [
        GOOD,
        {"carrier": None, "temp": None, "distance": None},
        {"carrier": "é", "temp": -1e-3, "distance": -(2**62)},
        {"carrier": "", "temp": 0, "distance": True},
    ]
    by_row = columns_of_rows({"instances": raw_rows}, RAW)
    types = {"carrier": "BYTES", "temp": "FP32", "distance": "INT64"}
    by_tensor = columns_of_tensors([Tensor(n, t, [4], [row[n] for row in raw_rows]) for n, t in types.items()], RAW)
    for name in RAW:
        assert by_row[name].dtype == by_tensor[name].dtype
        np.testing.assert_array_equal(by_row[name], by_tensor[name])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"carrier": 7}, "instances[1]: feature 'carrier' must be a string or null, not the number 7"),
        ({"carrier": ["AA"]}, "'carrier' must be a string or null, not a list"),
        ({"temp": "warm"}, "instances[1]: feature 'temp' must be a number or null, not a string"),
        ({"temp": True}, "'temp' must be a number or null, not a boolean"),
        ({"temp": {}}, "not an object"),
        ({"temp": math.nan}, "'temp' is NaN, which is not JSON"),
        ({"temp": math.inf}, "'temp' is infinite"),
        ({"temp": -math.inf}, "'temp' is infinite"),
        ({"temp": 1e39}, "'temp' does not fit a 32-bit float"),
        ({"temp": 10**400}, "'temp' does not fit a 32-bit float"),
        ({"distance": 2.5}, "'distance' must be an integer or null, not 2.5"),
        ({"distance": math.nan}, "'distance' must be an integer or null, not nan"),
        ({"distance": 1e300}, "'distance' must be an integer or null"),
        ({"distance": 2**63}, "'distance' does not fit a 64-bit integer"),
        ({"distance": "500"}, "'distance' must be an integer or null, not a string"),
        ({"carrier": "\ud800"}, "'carrier' is not valid Unicode"),
        ({"carier": "AA"}, "instances[1] has an unknown feature 'carier'; did you mean 'carrier'?"),
        ({"CARRIER": "AA"}, "instances[1] has an unknown feature 'CARRIER'; did you mean 'carrier'?"),
        ({" Dis-tance": 5}, "instances[1] has an unknown feature ' Dis-tance'; did you mean 'distance'?"),
        ({"x" * 300: 5}, "the model takes carrier, temp, distance"),
        ({"": 5}, "instances[1] has an unknown feature ''; the model takes carrier, temp, distance"),
    ],
)
def test_a_wrong_value_is_named_with_its_row_and_feature(change, said):
    with pytest.raises(BadRequest) as caught:
        columns_of_rows(rows({}, change), RAW)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e39, 10**400, True, "1"])
def test_a_mistake_among_several_numbers_is_named_by_its_own_feature(value):
    rows = [{"temp": 1.5, "dewp": None}, {"temp": None, "dewp": value}]
    with pytest.raises(BadRequest, match=r"instances\[1\]: feature 'dewp'"):
        columns_of_rows({"instances": rows}, {"temp": "float", "dewp": "float"})


def test_an_integer_written_as_a_float_is_that_integer():
    assert columns_of_rows(rows({"distance": 7.0}, {"distance": None}), RAW)["distance"].tolist() == [7, SMALLEST]


def test_a_feature_that_is_not_there_is_named():
    with pytest.raises(BadRequest, match=r"instances\[0\] lacks the feature 'temp'; .* give null"):
        columns_of_rows({"instances": [{"carrier": "AA", "distance": 1}]}, RAW)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "the body must be"),
        ([], "the body must be"),
        ({}, "the body must be"),
        ({"instances": {}}, "the body must be"),
        ({"inputs": []}, "the body must be"),
        ({"instances": []}, "holds no rows"),
        ({"instances": [[1, 2, 3]]}, "instances[0] must be an object {feature: value or null, ...}, not a list"),
        ({"instances": ["AA"]}, "not a string"),
        ({"instances": [GOOD] * 11}, "holds 11 rows; at most 10 are taken at once"),
    ],
)
def test_a_body_of_another_form_is_refused(body, said):
    with pytest.raises(BadRequest) as caught:
        columns_of_rows(body, RAW, max_rows=10)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temp": None}, "the request lacks the tensor 'temp'"),
        ({"extra": ("FP32", [2], [1, 2])}, "the request has an unknown tensor 'extra'"),
        ({"temp": ("FP32", [1], [1.5])}, "same number of rows; 'temp' has 1, 'carrier' has 2"),
        ({"temp": ("FP32", [2], [1.5])}, "the shape [2] does not hold 1 values"),
        ({"temp": ("FP32", [2, 2], [1, 2, 3, 4])}, "the shape must be [rows] or [rows, 1], not [2, 2]"),
        ({"temp": ("FP32", [], [1])}, "the shape must be"),
        ({"temp": ("FP32", [-1], [])}, "the shape must be"),
        ({"temp": ("FP32", [0], [])}, "holds no rows"),
        ({"temp": ("FP32", [2, 1], [[1.5], 2])}, "is ragged"),
        ({"temp": ("FP32", [2, 1], [[1.5], [2, 3]])}, "does not hold 3 values"),
        ({"temp": ("FP32", [2, 1], [[1.5], [[2]]])}, "element 1 must be a number or null, not a list"),
        ({"temp": ("BYTES", [2], ["a", "b"])}, "the datatype must be FP32 or FP64, not 'BYTES'"),
        ({"carrier": ("INT64", [2], [1, 2])}, "the datatype must be BYTES, not 'INT64'"),
        ({"temp": ("FP32", [2], [1.5, math.nan])}, "input 'temp', element 1 is NaN, which is not JSON"),
        ({"temp": ("FP32", [2], [1.5, math.inf])}, "element 1 is infinite"),
        ({"distance": ("INT64", [2], [1, "2"])}, "input 'distance', element 1 must be an integer or null"),
        ({"distance": ("INT64", [10**9], [1])}, "holds 1,000,000,000 rows"),
    ],
)
def test_wrong_tensors_are_refused(changes, said):
    with pytest.raises(BadRequest) as caught:
        columns_of_tensors(tensors(**changes), RAW)
    assert said in str(caught.value)


def test_a_tensor_twice_is_refused():
    with pytest.raises(BadRequest, match="input 'temp' is there twice"):
        columns_of_tensors([*tensors(), Tensor("temp", "FP32", [2], [1, 2])], RAW)


def test_tensors_may_be_columns_of_a_matrix_nested_or_flat():
    nested = columns_of_tensors(tensors(temp=("FP32", [2, 1], [[1.5], [2]])), RAW)
    flat = columns_of_tensors(tensors(temp=("FP64", [2, 1], [1.5, 2])), RAW)
    assert nested["temp"].tolist() == flat["temp"].tolist() == [1.5, 2.0]


def test_nan_in_a_binary_tensor_is_a_missing_value_and_infinity_a_mistake():
    columns = columns_of_tensors(tensors(temp=("FP32", [2], np.array([np.nan, 1], np.float32))), RAW)
    assert math.isnan(columns["temp"][0])
    with pytest.raises(BadRequest, match="element 0 is infinite"):
        columns_of_tensors(tensors(temp=("FP32", [2], np.array([np.inf, 1], np.float32))), RAW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RAW, "x"]), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(RAW, json_values)), max_size=4) | json_values)
def test_whatever_comes_is_read_or_refused(instances):
    try:
        columns = columns_of_rows({"instances": instances}, RAW)
    except BadRequest:
        return
    assert {len(column) for column in columns.values()} == {len(instances)}
    assert not np.isinf(columns["temp"]).any()


good_values = {
    "carrier": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    "temp": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**80), 2**80),
    "distance": st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1),
}


@given(st.lists(st.fixed_dictionaries(good_values), min_size=1, max_size=5))
def test_any_good_rows_mean_the_same_in_both_protocols(good_rows):
    by_row = columns_of_rows({"instances": good_rows}, RAW)
    types = {"carrier": "BYTES", "temp": "FP32", "distance": "INT64"}
    as_tensors = [Tensor(n, t, [len(good_rows), 1], [[row[n]] for row in good_rows]) for n, t in types.items()]
    by_tensor = columns_of_tensors(as_tensors, RAW)
    for name in RAW:
        np.testing.assert_array_equal(by_row[name], by_tensor[name])
    assert [value == b"" for value in by_row["carrier"]] == [not row["carrier"] for row in good_rows]
    assert np.isnan(by_row["temp"]).tolist() == [row["temp"] is None for row in good_rows]

"""The binary form of the V2 protocol, byte by byte."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.serving.binary_tensors import read_request
from penstock.serving.requests import BadRequest


def body(inputs, *blobs):
    head = json.dumps({"inputs": inputs}).encode()
    return head + b"".join(blobs), str(len(head))


def tensor(name, datatype, shape, size):
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


def test_tensors_follow_each_other_after_the_header():
    strings = struct.pack("<I", 2) + b"AA" + struct.pack("<I", 0) + struct.pack("<I", 3) + b"\xff\x00z"
    floats = struct.pack("<3f", 1.5, float("nan"), -2.0)
    inputs = [
        tensor("carrier", "BYTES", [3], len(strings)),
        {"name": "distance", "datatype": "INT64", "shape": [3], "data": [1, None, 3]},
        tensor("temp", "FP32", [3], len(floats)),
    ]
    header, (carrier, distance, temp) = read_request(*body(inputs, strings, floats))
    assert header["inputs"][0]["name"] == "carrier"
    assert carrier.data.tolist() == [b"AA", b"", b"\xff\x00z"]
    assert distance.data == [1, None, 3]
    assert temp.data.tolist()[::2] == [1.5, -2.0]
    assert temp.data.tolist()[1] != temp.data.tolist()[1]


@pytest.mark.parametrize(
    ("data", "length", "said"),
    [
        (b"{}", "x", "Inference-Header-Content-Length is 'x'"),
        (b"{}", "-1", "Inference-Header-Content-Length"),
        (b"{}", "3", "Inference-Header-Content-Length is '3' for a body of 2 bytes"),
        (b"{]", "2", "the header is not JSON"),
        (b'{"inputs": [NaN]}', "17", "NaN is not JSON"),
        (b"\xff\xfe", "2", "the header is not JSON"),
        (b"[]", "2", 'must hold "inputs"'),
        (b'{"inputs": [1]}', "15", 'must hold "inputs"'),
        (b'{"inputs": [{}]}', "16", "a name, a datatype and a shape"),
        (b"[" * 100_000, "100000", "the header is not JSON"),
    ],
)
def test_a_malformed_header_is_refused(data, length, said):
    with pytest.raises(BadRequest) as caught:
        read_request(data, length)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "blob", "said"),
    [
        (tensor("x", "FP32", [1], 5), b"1234", "neither data nor a binary_data_size that the body holds"),
        (tensor("x", "FP32", [1], -4), b"1234", "neither data nor"),
        (tensor("x", "FP32", [1], True), b"1234", "neither data nor"),
        (tensor("x", "FP32", [1], 3), b"123", "3 bytes are not a whole number of FP32"),
        (tensor("x", "FP16", [1], 2), b"12", "'FP16' is not taken"),
        (tensor("x", "BYTES", [1], 5), struct.pack("<I", 2) + b"A", "the last string is longer than the data"),
        ({"name": "x", "datatype": "FP32", "shape": [1.5]}, b"", "a name, a datatype and a shape"),
    ],
)
def test_a_malformed_tensor_is_refused(entry, blob, said):
    with pytest.raises(BadRequest) as caught:
        read_request(*body([entry], blob))
    assert said in str(caught.value)


@given(st.binary(max_size=200), st.integers(0, 200).map(str))
def test_any_bytes_are_read_or_refused(data, length):
    with contextlib.suppress(BadRequest):
        read_request(data, length)

"""The binary tensor data extension of the V2 protocol: a JSON header, then the tensors' bytes one after another.

KServe has a reader of its own; this one turns every malformed body into a `BadRequest` instead of a crash, and keeps
the tensors as arrays instead of lists, which also keeps NaN apart: in a binary tensor it is a missing value.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from penstock.serving.requests import BadRequest, Tensor

_DTYPES = {
    "FP32": "<f4",
    "FP64": "<f8",
    "INT64": "<i8",
    "INT32": "<i4",
    "INT16": "<i2",
    "INT8": "<i1",
    "BOOL": "?",
}


def read_request(body: bytes, header_length: str) -> tuple[dict[str, Any], list[Tensor]]:
    """Read a request with binary tensors.

    Args:
        body: The whole body.
        header_length: The value of `Inference-Header-Content-Length`: the JSON part's length [bytes].

    Returns:
        The JSON part as it is, and the input tensors; those whose data is in the JSON part are among them.

    Raises:
        BadRequest: The body is not of that form (client).

    Source:
        Open Inference Protocol, extension "Binary Tensor Data".
    """
    if not header_length.isdecimal() or int(header_length) > len(body):
        raise BadRequest(f"Inference-Header-Content-Length is {header_length[:20]!r} for a body of {len(body)} bytes")
    offset = int(header_length)
    try:
        header = json.loads(body[:offset], parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the header is not JSON: {error}") from None
    inputs = header.get("inputs") if isinstance(header, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
        raise BadRequest('the header must hold "inputs": a list of tensors')
    tensors = []
    for item in inputs:
        name, datatype, shape = item.get("name"), item.get("datatype"), item.get("shape")
        if not isinstance(name, str) or not isinstance(datatype, str) or not _is_shape(shape):
            raise BadRequest("each input must have a name, a datatype and a shape")
        if isinstance(item.get("data"), list):
            tensors.append(Tensor(name, datatype, shape, item["data"]))
            continue
        parameters = item.get("parameters")
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        if type(size) is not int or not 0 <= size <= len(body) - offset:
            raise BadRequest(f"input {name!r} has neither data nor a binary_data_size that the body holds")
        tensors.append(Tensor(name, datatype, shape, array_of(name, datatype, body[offset : offset + size])))
        offset += size
    return header, tensors


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and all(type(size) is int for size in value)


def array_of(name: str, datatype: str, data: bytes) -> npt.NDArray[Any]:
    """Read a tensor's bytes, row-major and little-endian.

    Args:
        name: The tensor's name, for messages.
        datatype: Its datatype in the V2 protocol.
        data: Its bytes.

    Returns:
        Shape (values,); of `BYTES` an array of objects that are bytes.

    Raises:
        BadRequest: The datatype is not taken, or the bytes are no whole number of values (client).
    """
    if datatype == "BYTES":
        return _byte_strings(name, data)
    if datatype not in _DTYPES:
        raise BadRequest(f"input {name!r}: the datatype {datatype!r} is not taken")
    dtype = np.dtype(_DTYPES[datatype])
    if len(data) % dtype.itemsize:
        raise BadRequest(f"input {name!r}: {len(data)} bytes are not a whole number of {datatype} values")
    return np.frombuffer(data, dtype=dtype)


def _byte_strings(name: str, data: bytes) -> npt.NDArray[Any]:
    """Each string is its length, four bytes little-endian, and its bytes."""
    strings, offset = [], 0
    while offset < len(data):
        start = offset + 4
        offset = start + int.from_bytes(data[offset:start], "little")
        if offset > len(data):
            raise BadRequest(f"input {name!r}: the last string is longer than the data")
        strings.append(data[start:offset])
    array = np.empty(len(strings), dtype=object)
    array[:] = strings
    return array

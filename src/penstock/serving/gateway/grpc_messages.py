"""What gRPC's bodies mean to the prediction log: KServe's messages, without KServe.

Its package imports for seconds and hundreds of megabytes; the one file with the messages needs protobuf alone.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.serving.binary_tensors import array_of
from penstock.serving.prediction_log import Scores

_FILE = "protocol/grpc/grpc_predict_v2_pb2.py"
_CONTENTS = ("bool", "int", "int64", "uint", "uint64", "fp32", "fp64", "bytes")


@cache
def _messages() -> Any:
    kserve = importlib.util.find_spec("kserve")
    assert kserve is not None  # noqa: S101
    assert kserve.origin is not None  # noqa: S101
    name = "penstock_grpc_predict_v2_pb2"
    spec = importlib.util.spec_from_file_location(name, Path(kserve.origin).parent / _FILE)
    assert spec is not None  # noqa: S101
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def read_infer_request(body: bytes) -> tuple[str, dict[str, list[Any]]]:
    """The model's name and each input tensor's values.

    Raises:
        ValueError: It is not such a message.
    """
    try:
        message = _messages().ModelInferRequest.FromString(body)
    except Exception as error:  # protobuf's own kind of error, whose place differs between versions
        raise ValueError(str(error)) from None
    raw = message.raw_input_contents
    columns = {}
    for index, tensor in enumerate(message.inputs):
        data = raw[index] if index < len(raw) else None
        columns[tensor.name] = _values(tensor, data)
    return message.model_name, columns


def read_infer_response(body: bytes) -> tuple[Scores, dict[str, str]]:
    """The scores, and what the server says of them in parameters.

    Raises:
        ValueError: It is not such a message.
    """
    try:
        message = _messages().ModelInferResponse.FromString(body)
    except Exception as error:
        raise ValueError(str(error)) from None
    said = {name: value.string_param for name, value in message.parameters.items()}
    for index, tensor in enumerate(message.outputs):
        if tensor.name == "score":
            data = message.raw_output_contents[index] if index < len(message.raw_output_contents) else None
            values = np.array(_values(tensor, data), float).reshape(list(tensor.shape))
            return tuple(map(tuple, values.tolist())), said
    return (), said


def _values(tensor: Any, raw: bytes | None) -> list[Any]:
    if raw is not None:
        values: list[Any] = array_of(tensor.name, tensor.datatype, raw).tolist()
        return values
    for kind in _CONTENTS:
        if found := list(getattr(tensor.contents, f"{kind}_contents")):
            return found
    return []

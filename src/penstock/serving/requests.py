"""What a prediction request means: from the JSON of either protocol to one dense column per raw feature.

The same rules for both protocols, so that they cannot give different predictions. Every mistake of the client ends
here, as a `BadRequest` that names the row and the feature; what passes can be fed to the model as it is. Values are
checked by their set of types and by NumPy, a column at a time. Nothing here knows KServe or TensorFlow.

Missing values follow `penstock.artifacts.features`. In JSON, `null` is missing in both protocols, and so are the
in-band values that JSON can carry (the empty string, the smallest int64). NaN is not JSON and is refused there; a
binary tensor of the V2 protocol has no null, and carries NaN in band.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.artifacts.features import MISSING, FeatureType

Columns = dict[str, npt.NDArray[Any]]
"""Raw feature to values, shape (n_rows,): float32, int64, or object holding bytes."""

MAX_ROWS = 10_000
"""Rows that one request may hold, unless the server is told otherwise."""

V2_DATATYPES: dict[FeatureType, tuple[str, ...]] = {
    "string": ("BYTES",),
    "float": ("FP32", "FP64"),
    "int": ("INT64", "INT32", "INT16", "INT8", "BOOL"),
}
"""The tensor types that a feature may come as; the first is the one that the metadata announces."""

_JSON_TYPES: dict[FeatureType, set[type]] = {
    "string": {str, type(None)},
    "float": {float, int, type(None)},
    "int": {int, bool, float, type(None)},
}
_A: dict[FeatureType, str] = {"string": "a string", "float": "a number", "int": "an integer"}
_LONG_NAME = 200
"""So much of an unknown name is looked at: comparing takes time with the square of the length."""
_EXACT_FLOAT = 2.0**53
"""Up to here every integer has a float of its own: beyond it a float cannot stand for an integer."""


class BadRequest(ValueError):
    """A request that cannot be answered, by the client's doing: HTTP 400."""


@dataclass(frozen=True)
class Tensor:
    """One input tensor of the V2 protocol, as it came."""

    name: str
    datatype: str
    shape: Sequence[int]
    data: Sequence[Any] | npt.NDArray[Any]
    """Values in row-major order: a list from JSON, an array from the binary extension."""


def columns_of_rows(body: object, raw: Mapping[str, FeatureType], *, max_rows: int = MAX_ROWS) -> Columns:
    """Read a V1 request: `{"instances": [{feature: value or null, ...}, ...]}`.

    Args:
        body: The parsed JSON.
        raw: The raw features that the model takes in; each row must have exactly these.
        max_rows: The most rows that are accepted [rows].

    Returns:
        One column per feature, in the order of `raw`.

    Raises:
        BadRequest: The request is not of that form, or a value does not fit its feature (client).

    Source:
        KServe, Data Plane, V1 Inference Protocol (TensorFlow Serving's row format).

    Example:
        >>> columns_of_rows({"instances": [{"hour": 7}, {"hour": None}]}, {"hour": "float"})["hour"].tolist()
        [7.0, nan]
    """
    rows = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise BadRequest('the body must be {"instances": [{feature: value or null, ...}, ...]}')
    _check_count(len(rows), max_rows)
    wanted = raw.keys()
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != wanted:
            raise BadRequest(_explain_row(row, raw, f"instances[{index}]"))
    if len(raw) == 1:
        (name,) = raw
        return {name: _from_json([row[name] for row in rows], raw[name], name, "instances[{}]")}
    columns = dict(zip(raw, zip(*map(itemgetter(*raw), rows), strict=True), strict=True))
    floats = [name for name in raw if raw[name] == "float"]
    good = dict(zip(floats, _good_floats([columns[name] for name in floats]), strict=False))
    return {n: good[n] if n in good else _from_json(columns[n], raw[n], n, "instances[{}]") for n in raw}


def columns_of_tensors(
    tensors: Sequence[Tensor], raw: Mapping[str, FeatureType], *, max_rows: int = MAX_ROWS
) -> Columns:
    """Read a V2 request: one tensor per raw feature, each of shape (n_rows,) or (n_rows, 1).

    Args:
        tensors: The input tensors.
        raw: The raw features that the model takes in; there must be exactly one tensor for each.
        max_rows: The most rows that are accepted [rows].

    Returns:
        One column per feature, in the order of `raw`.

    Raises:
        BadRequest: A tensor is unknown, missing, twice there, of a wrong type or shape, or holds a value that does
            not fit (client).

    Source:
        Open Inference Protocol, V2 REST, section Inference; its binary tensor data extension.

    Example:
        >>> columns_of_tensors([Tensor("hour", "INT64", [2], [7, None])], {"hour": "int"})["hour"].tolist()
        [7, -9223372036854775808]
    """
    named = {tensor.name: tensor for tensor in tensors}
    if len(named) != len(tensors):
        twice = next(t.name for t in tensors if named[t.name] is not t)
        raise BadRequest(f"input {twice!r} is there twice")
    if named.keys() != raw.keys():
        raise BadRequest(_explain_names(named.keys(), raw, "the request", "tensor"))
    lengths = {name: _rows_of(named[name], max_rows) for name in raw}
    if len(set(lengths.values())) > 1:
        short, long = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        sizes = f"{short!r} has {lengths[short]}, {long!r} has {lengths[long]}"
        raise BadRequest(f"all inputs must have the same number of rows; {sizes}")
    return {name: _from_tensor(named[name], raw[name]) for name in raw}


def _rows_of(tensor: Tensor, max_rows: int) -> int:
    """The number of rows that a tensor's shape announces, once it is a shape that we take."""
    shape = list(tensor.shape)
    if not shape or len(shape) > 2 or (len(shape) == 2 and shape[1] != 1) or shape[0] < 0:
        raise BadRequest(f"input {tensor.name!r}: the shape must be [rows] or [rows, 1], not {shape}")
    _check_count(shape[0], max_rows)
    return shape[0]


def _from_tensor(tensor: Tensor, type_: FeatureType) -> npt.NDArray[Any]:
    if tensor.datatype not in V2_DATATYPES[type_]:
        allowed = " or ".join(V2_DATATYPES[type_])
        raise BadRequest(f"input {tensor.name!r}: the datatype must be {allowed}, not {tensor.datatype!r}")
    data = tensor.data
    if not isinstance(data, np.ndarray) and len(data) == tensor.shape[0] and data and isinstance(data[0], list):
        if any(not isinstance(value, list) for value in data):
            raise BadRequest(f"input {tensor.name!r}: the data is ragged")
        data = list(chain.from_iterable(data))
    if len(data) != prod(tensor.shape):
        raise BadRequest(f"input {tensor.name!r}: the shape {list(tensor.shape)} does not hold {len(data)} values")
    where = f"input {tensor.name!r}, element {{}}"
    return _from_binary(data, type_, where) if isinstance(data, np.ndarray) else _from_json(data, type_, "", where)


def _from_binary(data: npt.NDArray[Any], type_: FeatureType, where: str) -> npt.NDArray[Any]:
    """An array of the right kind already; NaN in it is a missing value."""
    if type_ == "string":
        return data
    if type_ == "int":
        return data.astype(np.int64)
    return _float32(data.astype(np.float64), where)


def _from_json(values: Sequence[Any], type_: FeatureType, name: str, where: str) -> npt.NDArray[Any]:
    place = where + f": feature {name!r}" if name else where
    wrong = set(map(type, values)) - _JSON_TYPES[type_]
    if wrong:
        index = next(i for i, value in enumerate(values) if type(value) in wrong)
        raise BadRequest(f"{place.format(index)} must be {_A[type_]} or null, not {_describe(values[index])}")
    if type_ == "string":
        return _bytes(values, place)
    return _from_json_floats(values, place) if type_ == "float" else _from_json_ints(values, place)


def _bytes(values: Sequence[str | None], place: str) -> npt.NDArray[Any]:
    try:
        return np.array([value.encode() if value else b"" for value in values], dtype=object)
    except UnicodeEncodeError as error:
        index = next(i for i, value in enumerate(values) if value == error.object)
        raise BadRequest(f"{place.format(index)} is not valid Unicode") from None


def _good_floats(columns: Sequence[Sequence[Any]]) -> npt.NDArray[Any]:
    """All columns of numbers at once: of one row, each by itself would take longer than the model does.

    Returns:
        Shape (n_columns, n_rows), float32; no column where any holds a mistake, which is then to be found.
    """
    none = np.empty((0, 0), np.float32)
    if set(map(type, chain.from_iterable(columns))) - _JSON_TYPES["float"]:
        return none
    try:
        wide = np.array(columns, dtype=np.float64)  # None becomes NaN
    except OverflowError:
        return none
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    missing = sum(column.count(None) for column in columns)
    good = not np.isinf(narrow).any() and np.count_nonzero(np.isnan(wide)) == missing
    return narrow if good else none


def _from_json_floats(values: Sequence[float | None], place: str) -> npt.NDArray[Any]:
    try:
        wide = np.array(values, dtype=np.float64)  # None becomes NaN
    except OverflowError:
        index = next(i for i, value in enumerate(values) if type(value) is int and abs(value) > np.finfo(float).max)
        raise BadRequest(f"{place.format(index)} does not fit a 32-bit float") from None
    nan = np.isnan(wide)
    if np.count_nonzero(nan) > values.count(None):
        index = next(i for i in np.flatnonzero(nan) if values[i] is not None)
        raise BadRequest(f"{place.format(index)} is NaN, which is not JSON; a missing value is null")
    return _float32(wide, place)


def _float32(wide: npt.NDArray[np.float64], place: str) -> npt.NDArray[Any]:
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    endless = np.isinf(narrow)
    if endless.any():
        index = int(np.flatnonzero(endless)[0])
        what = "is infinite" if np.isinf(wide[index]) else f"does not fit a 32-bit float: {wide[index]:g}"
        raise BadRequest(f"{place.format(index)} {what}")
    return narrow


def _from_json_ints(values: Sequence[float | None], place: str) -> npt.NDArray[Any]:
    types = set(map(type, values))
    if float in types:  # JSON has one kind of number: 7.0 is 7, and 7.5 is a mistake
        for index, value in enumerate(values):
            if type(value) is float and not (value.is_integer() and abs(value) <= _EXACT_FLOAT):
                raise BadRequest(f"{place.format(index)} must be an integer or null, not {value}")
        values = [None if value is None else int(value) for value in values]
    missing = int(MISSING["int"])
    filled = [missing if value is None else value for value in values] if type(None) in types else values
    try:
        return np.array(filled, dtype=np.int64)
    except OverflowError:
        index = next(i for i, v in enumerate(values) if v is not None and not -(2**63) <= v < 2**63)
        raise BadRequest(f"{place.format(index)} does not fit a 64-bit integer") from None


def _check_count(rows: int, max_rows: int) -> None:
    if rows == 0:
        raise BadRequest("the request holds no rows")
    if rows > max_rows:
        raise BadRequest(
            f"the request holds {rows:,} rows; at most {max_rows:,} are taken at once, so send it in parts"
        )


def _explain_row(row: object, raw: Mapping[str, FeatureType], place: str) -> str:
    if not isinstance(row, dict):
        return f"{place} must be an object {{feature: value or null, ...}}, not {_describe(row)}"
    return _explain_names(row.keys(), raw, place, "feature")


def _explain_names(given: Any, raw: Mapping[str, FeatureType], place: str, noun: str) -> str:
    unknown = sorted(set(given) - set(raw))
    if unknown:
        near = _nearest(unknown[0], raw)
        hint = f"did you mean {near!r}?" if near else f"the model takes {', '.join(raw)}"
        return f"{place} has an unknown {noun} {unknown[0][:80]!r}; {hint}"
    missing = [name for name in raw if name not in given]
    return f"{place} lacks the {noun} {missing[0]!r}; where a value is missing, give null"


def _nearest(name: str, raw: Mapping[str, FeatureType]) -> str | None:
    """The feature that was meant, if one can be guessed.

    A model has one spelling of a name, and a table that it came from may have another (`Total Charges`): they are
    compared by their letters and digits alone.
    """
    spelt = {_letters(feature): feature for feature in raw}
    near = difflib.get_close_matches(_letters(name[:_LONG_NAME]), spelt, n=1)
    return spelt[near[0]] if near else None


def _letters(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _describe(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    return f"the number {value}"[:60]

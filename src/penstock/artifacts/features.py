"""Raw features: how a value that may be missing travels from a table to a model, in training and serving alike.

Every raw feature is one value a row, dense, of shape `(n_rows,)`. A missing value is a value of its own, in band, so
that Parquet, tf.Example, REST and gRPC carry the same thing and no graph needs sparse tensors:

| type | missing |
|---|---|
| string | empty string (TFT leaves it out of vocabularies) |
| float | NaN |
| int | the smallest int64 |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

FeatureType = Literal["string", "float", "int"]

FEATURES_FILE = "features.json"
"""The name of the feature spec's file in a transform graph."""

MISSING: dict[FeatureType, bytes | float | int] = {"string": b"", "float": float("nan"), "int": -(2**63)}
"""What stands for a missing value, by type."""


class TransformedFeature(BaseModel):
    """One column of the transformed examples, as a model must know it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dense", "index", "tokens"]
    """`dense`: float32 to use as they are. `index`: an int64 category, to be embedded or one-hot encoded. `tokens`:
    int64 categories of a text's words, in their order, 0 behind the last one; to be embedded and averaged."""
    size: int = 0
    """Number of categories of an index, out-of-vocabulary buckets included, or of tokens, the 0 included; 0 for
    dense."""
    width: int = Field(default=1, ge=1)
    """How many numbers a row has: 1 in a plain column, more in a fixed-size list. An index always has 1."""


class FeatureSpec(BaseModel):
    """What goes into a transform graph and what comes out: `FEATURES_FILE` in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    """The label's column, in the examples and in the transformed examples; not among the features."""
    raw: dict[str, FeatureType]
    """Raw features that the graph takes in, by name."""
    transformed: dict[str, TransformedFeature]
    """Features that the graph puts out, by name."""


def arrow_feature_type(type_: pa.DataType) -> FeatureType:
    """The feature type that an Arrow column travels as: booleans as int, dates and all else as string.

    Example:
        >>> import pyarrow
        >>> arrow_feature_type(pyarrow.int16())
        'int'
    """
    import pyarrow.types as kinds

    if kinds.is_integer(type_) or kinds.is_boolean(type_):
        return "int"
    return "float" if kinds.is_floating(type_) or kinds.is_decimal(type_) else "string"


def dense_column(column: pa.ChunkedArray | pa.Array, type_: FeatureType) -> npt.NDArray[Any]:
    """One column as a dense array with missing values in band.

    Returns:
        Shape (n_rows,): float32, int64, or object holding bytes.

    Raises:
        pyarrow.ArrowInvalid: A value does not fit the type (caller: the data was not validated).
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    target = {"string": pa.string(), "float": pa.float32(), "int": pa.int64()}[type_]
    if type_ == "string":
        text = pc.fill_null(pc.cast(column, target), "")
        codes = pc.dictionary_encode(text)
        if isinstance(codes, pa.ChunkedArray):
            codes = codes.combine_chunks()
        if isinstance(codes, pa.ChunkedArray):  # combining no chunks at all gives chunks again
            return np.empty(0, dtype=object)
        values = np.array([value.encode() for value in codes.dictionary.to_pylist()], dtype=object)
        words: npt.NDArray[Any] = values[codes.indices.to_numpy(zero_copy_only=False)]
        return words
    filled = pc.fill_null(pc.cast(column, target, safe=type_ == "int"), MISSING[type_])
    dense: npt.NDArray[Any] = filled.to_numpy()
    return dense


def dense_columns(table: pa.Table, raw: Mapping[str, FeatureType]) -> dict[str, npt.NDArray[Any]]:
    """Every raw feature of a table, as `dense_column` gives it."""
    return {name: dense_column(table.column(name), type_) for name, type_ in raw.items()}

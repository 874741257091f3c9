"""What a database driver gives, as Arrow: one type a column, whatever mixture of Python values it is."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.sdk import BadInput
from penstock.tables.nested import as_json

if TYPE_CHECKING:
    import pyarrow as pa

_INT64 = range(-(2**63), 2**63)


def as_array(values: Sequence[Any], where: str) -> pa.Array:  # noqa: PLR0911 - one a kind
    """Make an array of a column's values.

    Returns:
        int64, float64, bool, date32, timestamp[us] (UTC where the database knows the zone), text or null, of shape
        (n_rows,). Values of several kinds, and kinds without a type of their own, are written as text.

    Raises:
        BadInput: The values are bytes that are no text (author of the configuration).

    Example:
        >>> import decimal
        >>> as_array([1, None, decimal.Decimal("2.5")], "").to_pylist()
        [1.0, None, 2.5]
    """
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds <= {bool, int} and all(value is None or value in _INT64 for value in values):
        return pa.array([None if value is None else int(value) for value in values], pa.int64())
    if kinds <= {bool, int, float, decimal.Decimal} and kinds & {float, decimal.Decimal}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds == {dt.date}:
        return pa.array(values, pa.date32())
    if kinds == {dt.datetime}:
        return _timestamps(values)
    return pa.array([None if value is None else _text(value, where) for value in values], pa.string())


def join_types(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type that holds the values of two; text where they have nothing in common."""
    import pyarrow as pa

    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    pair = {one, other}
    if pair <= {pa.bool_(), pa.int64()}:
        return pa.int64()
    if pair <= {pa.bool_(), pa.int64(), pa.float64()}:
        return pa.float64()
    if pair <= {pa.date32(), pa.timestamp("us")}:
        return pa.timestamp("us")
    return pa.string()


def _timestamps(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    zoned = [value.tzinfo is not None for value in values if value is not None]
    if not any(zoned):
        return pa.array(values, pa.timestamp("us"))
    if not all(zoned):
        return pa.array([None if value is None else value.isoformat() for value in values], pa.string())
    plain = [None if value is None else value.astimezone(dt.UTC) for value in values]
    return pa.array(plain, pa.timestamp("us", tz="UTC"))


def _text(value: Any, where: str) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise BadInput(f"{where}: holds bytes that are no text", "Leave it out of the query, or cast it") from None
    if isinstance(value, dict | list):
        return as_json(value)
    return str(value)

"""Rows as keys: finding duplicates, and looking rows up in another table.

A key of any columns is turned into one number a row, equal exactly where the keys are equal; the rest is NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from penstock.sdk import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_MISSING = -1


def key_codes(columns: Sequence[pa.ChunkedArray], *, missing_is_a_value: bool) -> npt.NDArray[np.int64]:
    """Number the keys of all rows.

    Args:
        columns: The key's columns, each of shape (n_rows,).
        missing_is_a_value: Whether two missing values are equal; else a key with one gets -1.

    Returns:
        Shape (n_rows,), >= 0 for keys, in order of no meaning.
    """
    import numpy as np
    import pandas as pd
    import pyarrow.compute as pc

    codes: npt.NDArray[np.int64] | None = None
    missing = np.zeros(len(columns[0]), dtype=bool)
    space = 1
    for column in columns:
        encoded = pc.dictionary_encode(column).combine_chunks()
        size = len(encoded.dictionary) + 1
        part = pc.fill_null(encoded.indices, size - 1).to_numpy(zero_copy_only=False).astype(np.int64)
        missing |= part == size - 1
        if codes is None:
            codes, space = part, size
            continue
        if space > np.iinfo(np.int64).max // size:
            codes, uniques = pd.factorize(codes)
            space = len(uniques)
        codes = codes * size + part
        space *= size
    assert codes is not None  # noqa: S101 - a key has columns
    return codes if missing_is_a_value else np.where(missing, _MISSING, codes)


def duplicate_rows(table: pa.Table, key: Sequence[str], keep: str) -> npt.NDArray[np.bool_]:
    """Find the rows to remove.

    Args:
        table: All rows.
        key: The columns that name a row; empty: rows equal in every column are duplicates. A row whose key has a
            missing value cannot be told apart from others and is never a duplicate.
        keep: `keep_first` or `keep_last`.

    Returns:
        Shape (n_rows,), True for a row that goes.
    """
    import pandas as pd

    columns = [table.column(name) for name in (key or table.column_names)]
    codes = key_codes(columns, missing_is_a_value=not key)
    again = pd.Series(codes).duplicated(keep="last" if keep == "keep_last" else "first").to_numpy()
    return again & (codes != _MISSING)


def left_join(
    rows: pa.Table, other: pa.Table, on: Mapping[str, str], columns: Mapping[str, str], name: str
) -> pa.Table:
    """Add columns of the one row of another table that fits each row; missing values where none fits.

    Args:
        rows: The rows, which stay as many and in order.
        other: The table to look up in.
        on: Column of the rows: column of the other table. A missing value fits nothing.
        columns: New name: column of the other table.
        name: The other table's name, for messages.

    Raises:
        BadInput: Two rows of the other table have the same key, or the types of a key differ (author).
    """
    import numpy as np
    import pyarrow as pa

    pairs = []
    for left, right in on.items():
        if rows.column(left).type != other.column(right).type:
            raise BadInput(
                f"join with {name!r}: {left!r} is {rows.column(left).type}, {right!r} is {other.column(right).type}",
                "Declare the same type for both",
            )
        pairs.append(pa.chunked_array([*rows.column(left).chunks, *other.column(right).chunks]))
    codes = key_codes(pairs, missing_is_a_value=False)
    here, there = codes[: rows.num_rows], codes[rows.num_rows :]
    _refuse_duplicates(other, there, tuple(on.values()), name)

    order = np.argsort(there, kind="stable")
    at = np.searchsorted(there, here, sorter=order)
    at = order[np.minimum(at, len(order) - 1)] if len(order) else np.zeros(len(here), dtype=np.int64)
    fits = (there[at] == here) & (here != _MISSING) if len(order) else np.zeros(len(here), dtype=bool)
    index = pa.array(at, mask=~fits)
    for new, column in columns.items():
        rows = rows.append_column(new, _plain_take(other.column(column), index))
    return rows


def _plain_take(column: pa.ChunkedArray, index: pa.Array) -> pa.ChunkedArray:
    import pyarrow as pa

    whole = column.combine_chunks()
    return pa.chunked_array([whole.take(index)], type=column.type)


def _refuse_duplicates(other: pa.Table, codes: npt.NDArray[np.int64], key: Sequence[str], name: str) -> None:
    import pandas as pd

    again = pd.Series(codes).duplicated().to_numpy() & (codes != _MISSING)
    if again.any():
        row = int(again.argmax())
        shown = ", ".join(f"{column}={other.column(column)[row].as_py()}" for column in key)
        raise BadInput(
            f"join with {name!r}: {int(again.sum()):,} rows have a key that another row has, such as {shown}",
            "A join must never multiply rows: choose a key that is unique there",
        )

"""Which rows belong to which slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.evaluator.plan import Slicing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

SliceKey = tuple[tuple[str, str | int | float], ...]
"""Columns, sorted, with their values; empty for the overall slice."""


@dataclass(frozen=True)
class Sliced:
    """The rows of a table, cut one way."""

    slicing: Slicing
    keys: tuple[SliceKey, ...]
    """The slices that have rows, sorted."""
    codes: npt.NDArray[np.int64]
    """Index into `keys` of each row, shape (n_rows,); -1 for a row that is in no slice."""


def slice_name(key: SliceKey) -> str:
    """How a slice is called: `overall`, `carrier=UA`, `carrier=UA,origin=JFK`.

    Example:
        >>> slice_name((("carrier", "UA"), ("origin", "JFK")))
        'carrier=UA,origin=JFK'
    """
    return ",".join(f"{column}={value}" for column, value in key) or "overall"


def cut(table: pa.Table, slicing: Slicing) -> Sliced:
    """Put every row of a table into its slice.

    A row without a value in one of the columns is in no slice, as in TFMA.
    """
    import numpy as np

    n_rows = table.num_rows
    codes = np.zeros(n_rows, dtype=np.int64)
    inside = np.ones(n_rows, dtype=bool)
    parts: list[tuple[str, list[Any], npt.NDArray[np.int64]]] = []
    fixed = dict(slicing.values)
    for column in slicing.columns:
        values, own = _encode(table.column(column))
        inside &= own >= 0
        if column in fixed:
            wanted = [i for i, value in enumerate(values) if str(value) == fixed[column]]
            inside &= np.isin(own, wanted)
        codes = codes * (len(values) + 1) + own
        parts.append((column, values, own))
    codes[~inside] = -1
    present, first, dense = np.unique(codes, return_index=True, return_inverse=True)
    hidden = int(present.size > 0 and present[0] == -1)
    keys = tuple(tuple((c, values[own[row]]) for c, values, own in parts) for row in first[hidden:])
    return Sliced(slicing, keys, dense.reshape(-1) - hidden)


def _encode(column: pa.ChunkedArray) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """The distinct values of a column, sorted, and each row's index into them; -1 for a missing value."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if kinds.is_boolean(column.type):
        column = pc.cast(column, pa.int64())
    elif not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
        column = pc.cast(column, pa.string())
    chunks = pc.dictionary_encode(column).unify_dictionaries().chunks
    if not chunks:
        return [], np.empty(0, dtype=np.int64)
    values = chunks[0].dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    rank = np.empty(len(values) + 1, dtype=np.int64)
    rank[order] = np.arange(len(values))
    rank[-1] = -1
    indices = np.concatenate(
        [pc.fill_null(chunk.indices, len(values)).to_numpy(zero_copy_only=False) for chunk in chunks]
    )
    return [values[i] for i in order], rank[indices]

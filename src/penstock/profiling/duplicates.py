"""Columns that say the same as another, and rows that are there twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from penstock.profiling.coding import sampled_rows
from penstock.profiling.columns import encode, numbers_of
from penstock.profiling.profile import ColumnProfile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_FEWEST_ROWS = 20
_ORDERED_ROWS = 10_000


def same_columns(table: pa.Table, columns: Sequence[ColumnProfile]) -> list[tuple[str, str]]:
    """Find columns that are equal to an earlier one up to the names of their values.

    Two columns are where they part the rows in the same way (`M`/`F` beside `0`/`1`). Where hardly a value comes
    again, any two columns do, so those must have equal values or, numbers in other units, the same order of rows.

    Returns:
        Pairs of an earlier column and the later one that says the same, in the order of the later ones.
    """
    alike: dict[tuple[int, int], list[ColumnProfile]] = {}
    for column in columns:
        if column.distinct >= 2 and column.rows >= _FEWEST_ROWS:
            alike.setdefault((column.distinct, column.missing), []).append(column)
    pairs = []
    for group in alike.values():
        if len(group) < 2:
            continue
        marks = {column.name: _mark(table.column(column.name), column) for column in group}
        repeats = {a: b for b, a in reversed(list(combinations([c.name for c in group], 2))) if marks[a] & marks[b]}
        pairs += [(earlier, later) for later, earlier in repeats.items()]
    places = {column.name: place for place, column in enumerate(columns)}
    return sorted(pairs, key=lambda pair: places[pair[1]])


def _mark(column: pa.ChunkedArray, profile: ColumnProfile) -> frozenset[str]:
    """Digests of which two columns that say the same share one."""
    import numpy as np

    if profile.distinct <= profile.present / 2:
        _, codes = encode(column)
        return frozenset({"parts " + _digest(codes)})
    if profile.type in ("string", "bool"):
        words, codes = encode(column)
        texts = "\0".join(words.to_pylist()).encode()
        return frozenset({"texts " + _digest(codes) + hashlib.sha256(texts).hexdigest()})
    missing = column.is_null().to_numpy()
    marks = {"values " + _digest(numbers_of(column)) + _digest(missing)}
    places = sampled_rows(len(column), _ORDERED_ROWS)
    sample = numbers_of(column.take(places))
    distinct, order = np.unique(sample, return_inverse=True)
    steady = profile.rises or bool((np.diff(sample) <= 0).all())
    if profile.type in ("int", "float") and not steady:  # rows in order are so in any column that counts them
        back = len(distinct) - 1 - order
        marks |= {"order " + _digest(order) + _digest(missing), "order " + _digest(back) + _digest(missing)}
    return frozenset(marks)


def _digest(array: npt.NDArray[np.generic]) -> str:
    import numpy as np

    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16).hexdigest()


def row_hashes(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Hash some columns of every row; equal rows have equal hashes, others hardly ever.

    Returns:
        Shape (n_rows,), for comparisons within this table only.
    """
    import numpy as np
    import pyarrow.types as is_

    mixed = np.zeros(table.num_rows, dtype=np.uint64)
    for name in names:
        column = table.column(name)
        values = np.zeros(table.num_rows, dtype=np.uint64)
        if is_.is_string(column.type) or is_.is_dictionary(column.type):
            values = encode(column)[1].astype(np.int64).view(np.uint64)
        else:
            numbers = numbers_of(column)
            bits = (numbers + 0.0 if numbers.dtype == np.float64 else numbers).view(np.uint64)  # -0.0 is 0.0
            values[~column.is_null().to_numpy()] = bits
            values ^= column.is_null().to_numpy().astype(np.uint64) << np.uint64(63)
        mixed = _mix(mixed ^ values)
    return mixed


def repeated_rows(table: pa.Table, names: Sequence[str]) -> int:
    """Count the rows that equal an earlier one in all of some columns [rows]."""
    import numpy as np

    return int(table.num_rows) - len(np.unique(row_hashes(table, names)))


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread every bit over all, one to one.

    Source:
        Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (OOPSLA 2014), the mixing of SplitMix64.
    """
    import numpy as np

    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

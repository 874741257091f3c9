"""Which rows go to which split, so that neither a group nor the future is ever on both sides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from components.ingest.declare import SPLIT_NAME, Split
from components.ingest.rows import key_codes
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_MISSING = 0x9E3779B97F4A7C15

Masks = Mapping[str, "npt.NDArray[np.bool_]"]
"""For each split, True for its rows; every row is in exactly one."""


def split_rows(split: Split, table: pa.Table, outputs: Sequence[str] = ()) -> Masks:
    """Assign every row to one split.

    Args:
        split: How.
        table: All rows, with the split's columns.
        outputs: The columns to put out, which are a row's content.

    Returns:
        A mask of shape (n_rows,) for each split.

    Raises:
        BadInput: A split would be empty, a row belongs nowhere, or a group would be torn apart (author).
    """
    if split.by == "hash":
        if split.group:
            hashes = hash_keys(_columns(table, split.group))
        else:
            hashes = hash_rows(_columns(table, outputs), apart=split.equal_rows == "apart")
        masks = _by_hash(split, hashes)
    else:
        masks = (_by_time if split.by == "time" else _by_column)(split, table)
    empty = [name for name, mask in masks.items() if not mask.any()]
    if empty:
        sizes = ", ".join(f"{name} {int(mask.sum()):,}" for name, mask in masks.items())
        raise BadInput(f"split by {split.by}: no row falls into {', '.join(empty)} (rows: {sizes})")
    if split.by != "hash" and split.group:
        _refuse_torn_groups(split, table, masks)
    return masks


def _by_time(split: Split, table: pa.Table) -> Masks:
    import numpy as np
    import pyarrow as pa

    column = table.column(split.column)
    if column.null_count:
        raise BadInput(f"split by time: {column.null_count:,} rows have no {split.column!r}, so they belong nowhere")
    starts = [_moment(start, column.type, split.column) for start in split.starts.values()]
    if starts != sorted(set(starts)):
        raise BadInput("split by time: 'starts' must ascend, each later than the one before")
    numbers = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    numbers = numbers.cast(pa.int32()) if pa.types.is_date(column.type) else numbers
    where = np.searchsorted(np.array(starts), numbers.to_numpy(), side="right")
    return {name: where == index for index, name in enumerate(["train", *split.starts])}


def _moment(start: float | str, kind: pa.DataType, column: str) -> float:
    """A boundary as the number that the column holds."""
    import pyarrow as pa

    try:
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            text = pa.array([str(start)])
            try:
                return int(text.cast(kind).cast(pa.int64() if pa.types.is_timestamp(kind) else pa.int32())[0].as_py())
            except pa.ArrowNotImplementedError:  # text to date goes by way of a timestamp
                return int(text.cast(pa.timestamp("s")).cast(pa.date32()).cast(pa.int32())[0].as_py())
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return float(start)
    except (ValueError, pa.ArrowInvalid):
        raise BadInput(
            f"split by time: {start!r} is no {kind}, as {column!r} is", "Write it like 2013-10-01T04:00:00Z"
        ) from None
    raise BadInput(f"split by time: {column!r} is {kind}, which has no order in time", "Declare its type")


def _by_hash(split: Split, hashes: npt.NDArray[np.uint64]) -> Masks:
    import numpy as np

    # By name: a compiled pipeline does not keep the order in which they were written.
    names = sorted(split.fractions)
    bounds = np.cumsum([split.fractions[name] for name in names])[:-1]
    where = np.searchsorted(bounds, hashes / 2.0**64, side="right")
    return {name: where == names.index(name) for name in split.fractions}


def hash_keys(columns: list[pa.ChunkedArray]) -> npt.NDArray[np.uint64]:
    """Hash the keys of all rows, the same on every machine and in every version.

    Each distinct value is hashed by BLAKE2b as text; the columns' hashes are mixed by SplitMix64.

    Returns:
        Shape (n_rows,), uint64, uniform.

    Source:
        Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (OOPSLA 2014), the mixing function of
        SplitMix64. BLAKE2b: RFC 7693.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        encoded = pc.dictionary_encode(pc.cast(column, pa.string())).combine_chunks()
        words = encoded.dictionary.to_pylist()
        # A missing value is a value here: it hashes as no text does.
        hashed = [int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") for word in words]
        values = np.array([*hashed, _MISSING], dtype=np.uint64)
        codes = pc.fill_null(encoded.indices, len(words)).to_numpy(zero_copy_only=False)
        mixed = _splitmix64(mixed ^ values[codes])
    return mixed


def hash_rows(columns: list[pa.ChunkedArray], *, apart: bool = False) -> npt.NDArray[np.uint64]:
    """Hash rows by what they hold, wherever they stand, the same on every machine.

    Numbers and times count by their bits, so a column must not change its type between runs.

    Args:
        columns: What the rows hold, each of shape (n_rows,).
        apart: Number equal rows, and hash each with its number: they then spread as all others do.

    Returns:
        Shape (n_rows,), uint64, uniform over different rows; equal rows have one hash, but where they are apart.
    """
    import numpy as np

    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed = _splitmix64(mixed ^ _bits(column))
    if apart:
        import pandas as pd

        mixed = _splitmix64(mixed ^ pd.Series(mixed).groupby(mixed).cumcount().to_numpy().astype(np.uint64))
    return mixed


def _bits(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """A number for each value, equal exactly where the values are, but for strings, where it is a hash."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        column = pc.add(column, 0.0)  # -0.0 is 0.0
    elif pa.types.is_date32(column.type):
        column = column.cast(pa.int32()).cast(pa.int64())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif not pa.types.is_int64(column.type):
        return hash_keys([column])
    bits = pc.fill_null(column, 0).to_numpy().view(np.uint64)
    return np.where(pc.is_null(column).to_numpy(), np.uint64(_MISSING), bits)


def _columns(table: pa.Table, names: Sequence[str]) -> list[pa.ChunkedArray]:
    return [table.column(name) for name in names]


def _splitmix64(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    import numpy as np

    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _by_column(split: Split, table: pa.Table) -> Masks:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(split.column)
    values: Mapping[str, tuple[object, ...]] = split.values
    if not values:
        found = pc.unique(column).to_pylist()
        values = {str(value): (value,) for value in sorted(found, key=str) if value is not None}
        for name in values:
            if not re.fullmatch(SPLIT_NAME, name):
                hint = "Say in 'values' which values mean which split"
                raise BadInput(f"split by column: the value {name!r} cannot name a split", hint)
    masks = {}
    for name, members in values.items():
        try:
            wanted = pa.array(members).cast(column.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise BadInput(f"split by column: {members!r} of {name!r} are not all {column.type}") from None
        masks[name] = pc.is_in(column, value_set=wanted).to_numpy()
    times = np.sum(list(masks.values()), axis=0)
    for wrong, what in ((times == 0, "in no split"), (times > 1, "in more than one split")):
        if wrong.any():
            example = column[int(wrong.argmax())].as_py()
            raise BadInput(f"split by column: {int(wrong.sum()):,} rows are {what}, such as {split.column}={example!r}")
    return masks


def _refuse_torn_groups(split: Split, table: pa.Table, masks: Masks) -> None:
    """Check that all rows of each group are in one split."""
    import numpy as np

    codes = key_codes([table.column(name) for name in split.group], missing_is_a_value=True)
    number = np.argmax(np.stack(list(masks.values())), axis=0)
    _, first, back = np.unique(codes, return_index=True, return_inverse=True)
    torn = number != number[first[back]]
    if torn.any():
        row = int(torn.argmax())
        shown = ", ".join(f"{name}={table.column(name)[row].as_py()!r}" for name in split.group)
        groups = len(np.unique(codes[torn]))
        raise BadInput(
            f"split by {split.by}: {groups:,} groups would be on both sides, such as {shown}",
            "Split by hash of the group, or choose boundaries between groups",
        )
